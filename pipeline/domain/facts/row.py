"""What the rows of all tables share."""

from typing import ClassVar

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What all rows share."""

    key: ClassVar[tuple[str, ...]]
    """The natural key's columns, beside which two rows are versions of the same thing."""

    session_id: str
    version: int
    """`seq` of the event that last changed this row."""
