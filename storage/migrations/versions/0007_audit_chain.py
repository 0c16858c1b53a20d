"""From where something was done, the chain of the audit's rows, and the seals of its exports."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, value in (("origin", "'{}'"), ("tag", "''")):
        column = sa.Column(name, sa.String(), nullable=False, server_default=sa.text(value))
        op.add_column("audit", column)
    op.create_table(
        "audit_seal",
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("last"),
    )
