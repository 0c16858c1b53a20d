"""The index of what was said, built for every turn that is there."""

from alembic import op

from storage.index import CREATE, build_index

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    for statement in CREATE:
        connection.exec_driver_sql(statement)
    build_index(connection)
