"""Answers that are given again, and standard answers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_answer",
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kept_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["turn"], ["turn.row"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("turn"),
        sa.UniqueConstraint("room", "key"),
    )
    op.create_index("known_answer_kept_at", "known_answer", ["kept_at"])
    op.create_table(
        "standard_answer",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("patterns", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column(
        "room",
        sa.Column("keeps_answers", sa.Boolean(), server_default=sa.text("0"), nullable=False),
    )
