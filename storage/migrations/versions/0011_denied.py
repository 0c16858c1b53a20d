"""What was denied is found by who asked and when: wrong pairing codes are counted there."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "audit_denied", "audit", ["actor", "at"], sqlite_where=sa.text("outcome = 'denied'")
    )
