"""Where the database was before it was moved."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_path",
        sa.Column("path", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
