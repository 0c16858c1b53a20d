"""What every table is described with: `tables.py` and `page_tables.py` hold the tables."""

import re

from sqlalchemy import Table
from sqlalchemy.orm import declared_attr
from sqlmodel import SQLModel


class Row(SQLModel):
    """Names the table of a subclass after it: `PagePostRow` describes `page_post`."""

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805  # pyright: ignore[reportIncompatibleVariableOverride]
        return re.sub(r"(?<=.)(?=[A-Z])", "_", cls.__name__.removesuffix("Row")).lower()


def table_of(name: str) -> Table:
    """The table of a row that was described."""
    return SQLModel.metadata.tables[name]
