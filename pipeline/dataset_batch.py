"""Rows on their way into the dataset, each with the origin that it came from and its position there."""

from collections.abc import Iterable

import msgspec

from pipeline.dataset_schemas import AnyRow, Table, key_of

ANYWHERE = ""
"""The origin of a row that was folded from the archive: no position says whether a table has it."""


class Positioned(msgspec.Struct, frozen=True, kw_only=True):
    """A row, and where what gave it ends in its origin: a position in a journal, an offset plus one in a topic."""

    row: AnyRow
    origin: str
    position: int


class Batch:
    """Rows on their way into the dataset. Of the versions of one key only the highest is kept, of equals the last."""

    def __init__(self) -> None:
        self.positions: dict[str, int] = {}
        """Origin -> how far it is in the dataset once this batch is."""
        self.events = 0
        self._rows: dict[str, dict[tuple[object, ...], Positioned]] = {}

    def add(self, table: Table, row: AnyRow, origin: str, position: int) -> None:
        """Take a row in."""
        rows, key = self._rows.setdefault(table.name, {}), key_of(table, row)
        # Where a worker began a session again, older versions may come after newer ones.
        if not table.versioned or (before := rows.get(key)) is None or before.row.version <= row.version:  # type: ignore[union-attr]
            rows[key] = Positioned(row=row, origin=origin, position=position)

    def reached(self, origin: str, position: int) -> None:
        """All that the origin holds before the position is in this batch or in one before."""
        self.positions[origin] = position
        self.events += 1

    def drop(self, origin: str) -> None:
        """Forget what came from that origin: somebody else writes it now."""
        self.positions.pop(origin, None)
        for name, rows in self._rows.items():
            self._rows[name] = {key: found for key, found in rows.items() if found.origin != origin}

    def rows(self, name: str) -> Iterable[Positioned]:
        """The rows of one table."""
        return self._rows.get(name, {}).values()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self.positions and not any(self._rows.values())
