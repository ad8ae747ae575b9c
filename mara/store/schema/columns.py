"""The columns of whole rows, and who stands for the whole fleet in a column of sites."""

from functools import cache
from typing import Final

from mara.store.schema.tables import Row

FLEET: Final = -1
"""The `site` of a roll-up over all sites."""


@cache
def columns_of(table: type[Row]) -> tuple[str, tuple[str, ...]]:
    """A table's name and the columns of whole rows in their order; what the database stamps itself is left out."""
    made = table.__table__  # type: ignore[attr-defined]
    return made.name, tuple(column.name for column in made.columns if column.server_default is None)
