"""Which posts of the page people are asked about: the answers, as they are on other platforms."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "page_post", sa.Column("ratable", sa.Boolean(), nullable=False, server_default=sa.text("0"))
    )
    op.execute(
        "UPDATE page_post SET ratable = 1 WHERE id IN "
        "(SELECT remote_id FROM outbox WHERE platform = 'web' AND ratable)"
    )
