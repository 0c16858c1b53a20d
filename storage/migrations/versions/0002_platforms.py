"""What chat platforms need: which parts of an answer can be rated."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "outbox", sa.Column("ratable", sa.Boolean(), nullable=False, server_default=sa.text("0"))
    )
