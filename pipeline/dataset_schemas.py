"""What each table's rows look like as Arrow: the facts' classes turned into columns, and the archive's tables.

`date` is the UTC day on which the session opened, so that all versions of one key lie in one partition. `settled`
parts the files that hold one row per key (true) from those that may hold several versions of one (false).
"""

import types
import typing
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache

import msgspec
import pyarrow as pa

from ingest.envelope import opened_at_ms
from pipeline.domain import facts

PARTITIONS = pa.schema([("date", pa.date32()), ("settled", pa.bool_())])

_ARROW = {
    str: pa.string(),
    bytes: pa.binary(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", "UTC"),
}

_LONG_TEXT = frozenset(
    {"data", "raw", "audio", "line", "arguments", "output", "text", "transcript", "message", "error"}
)
"""Columns whose values rarely repeat: a dictionary of them would only be in the way."""


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An archived event: all of its message but the audio, which stands in `event_audio`."""

    key: typing.ClassVar[tuple[str, ...]] = ("session_id", "seq")

    session_id: str
    seq: int
    elapsed_ns: int
    """Monotonic, since the session opened."""
    seen_at: datetime
    """UTC, to the microsecond."""
    seen_at_ns: int
    """UTC, nanoseconds since 1970, as the recorder wrote it."""
    source: str
    """client, server, recorder."""
    type: str
    worker: str
    size_bytes: int
    """Of the whole message, audio included."""
    content_type: str
    schema_version: int
    data: str | None
    """The message as text, with its audio cut out where `audio_offset` is given. None where it is no UTF-8."""
    raw: bytes | None = None
    """The message where it is no UTF-8 text."""
    audio_offset: int | None = None
    """Where in the bytes of `data` the audio's base64 was cut out: encoding it there again gives the message back."""
    journal_position: int
    """Where in its worker's journal the event ends."""


class EventAudioRow(msgspec.Struct, frozen=True, kw_only=True):
    """The audio that one event carried, decoded."""

    key: typing.ClassVar[tuple[str, ...]] = ("session_id", "seq")

    session_id: str
    seq: int
    elapsed_ns: int
    """Monotonic, since the session opened."""
    source: str
    """client, server."""
    type: str
    item_id: str | None = None
    response_id: str | None = None
    content_index: int | None = None
    audio: bytes
    """In the format in force in the session: PCM16 of 24 kHz unless it was configured otherwise."""


class DamagedLineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the journal that is no event, kept as it lies there."""

    key: typing.ClassVar[tuple[str, ...]] = ("worker", "journal_position")

    worker: str
    journal_position: int
    """Where in its worker's journal the line ends."""
    found_at: datetime
    error: str
    line: bytes


AnyRow = facts.Row | EventRow | EventAudioRow | DamagedLineRow


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the dataset."""

    name: str
    row: type[msgspec.Struct]
    key: tuple[str, ...]
    versioned: bool
    """Several versions of one key may be written, of which the highest holds."""
    columns: typing.Any
    """The Arrow schema of what stands in the files; the partition's columns stand in their path."""

    @property
    def schema(self) -> pa.Schema:
        """Columns and partition columns, as the log of the table declares them."""
        return pa.schema([*self.columns, *PARTITIONS])

    @property
    def dictionary_columns(self) -> list[str]:
        """The columns that are worth a dictionary."""
        return [f.name for f in self.columns if f.type == pa.string() and f.name not in _LONG_TEXT]


def _columns(row: type[msgspec.Struct]) -> pa.Schema:
    hints = typing.get_type_hints(row)
    return pa.schema([_column(field.encode_name, hints[field.name]) for field in msgspec.structs.fields(row)])


def _column(name: str, hint: typing.Any) -> pa.Field:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    [kind] = [option for option in options if option is not types.NoneType]
    return pa.field(name, _ARROW[kind], nullable=len(options) > 1)


def _table(name: str, row: type[msgspec.Struct], key: tuple[str, ...], *, versioned: bool) -> Table:
    return Table(name=name, row=row, key=key, versioned=versioned, columns=_columns(row))


FACTS = {name: _table(name, row, row.key, versioned=True) for name, row in facts.TABLES.items()}
EVENTS = _table("events", EventRow, EventRow.key, versioned=False)
EVENT_AUDIO = _table("event_audio", EventAudioRow, EventAudioRow.key, versioned=False)
DAMAGED_LINES = _table("damaged_lines", DamagedLineRow, DamagedLineRow.key, versioned=False)
ARCHIVE = {table.name: table for table in (EVENT_AUDIO, DAMAGED_LINES, EVENTS)}
TABLES: dict[str, Table] = FACTS | ARCHIVE
"""In the order in which a batch commits them. `events` comes last: its position says that all before it is there."""

_TABLE_OF = {row: name for name, row in facts.TABLES.items()}


def table_of(fact: facts.Row) -> str:
    """The name of the table that a fact is a row of."""
    return _TABLE_OF[type(fact)]


@lru_cache(maxsize=4096)
def date_of(session_id: str) -> date:
    """The UTC day on which the session opened, by its id; 1970-01-01 where the id is none of ours."""
    try:
        return datetime.fromtimestamp(opened_at_ms(session_id) / 1000, UTC).date()
    except (ValueError, OverflowError, OSError):
        return date(1970, 1, 1)


def key_of(table: Table, row: msgspec.Struct) -> tuple[object, ...]:
    """The values of the natural key."""
    return tuple(getattr(row, column) for column in table.key)


def to_arrow(table: Table, rows: Sequence[msgspec.Struct]) -> pa.Table:
    """The rows as one Arrow table."""
    names = [field.name for field in msgspec.structs.fields(table.row)]
    arrays = [
        pa.array([getattr(row, name) for row in rows], type=column.type)
        for name, column in zip(names, table.columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=table.columns)
