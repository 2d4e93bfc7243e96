"""The views that a reader's SQL sees: one row per key of each table, and dollars beside nano-dollars.

A table's files come in three kinds. The settled ones hold one row per key among them. The hot ones, which are few, may
hold several versions of a key and newer versions of settled rows: of a key, the hot files' highest version holds, and
hides the settled one. Settled files that may hold such a row are `touched`; all others are read as they are, and that
is most of them: to count the 670,000 turns of two days takes 10 ms so, and 127 ms where each is looked for among the
hot ones. So a query over a year dedupes only the last minutes.
"""

# The statements are put together from the names of our own schemas; values are bound.
# ruff: noqa: S608

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pipeline import quality_view, steering_view
from pipeline.dataset_actions import DataFile
from pipeline.dataset_schemas import TABLES, Table

NANOS = "_usd_nanos"


HOT: Final = "hot"
TOUCHED: Final = "touched"
SETTLED: Final = "settled"
ENDLESS: Final = "\U0010ffff"
"""Comes after every session's id."""
KINDS: Final = (HOT, TOUCHED, SETTLED)


def variable(table: Table, kind: str) -> str:
    """The name of the variable that holds a table's files of one kind."""
    return f"{table.name}_{kind}_files"


def by_kind(table: Table, files: Iterable[DataFile]) -> dict[str, list[DataFile]]:
    """A table's files by their kind. A row's versions lie in one day, so a hot file touches only files of its day."""
    found: dict[str, list[DataFile]] = {kind: [] for kind in KINDS}
    hot: dict[str, list[DataFile]] = {}
    every = list(files)
    for file in every:
        if not file.settled:
            hot.setdefault(file.date, []).append(file)
    for file in every:
        touched = table.versioned and any(_overlap(file, other) for other in hot.get(file.date, ()))
        found[HOT if not file.settled else TOUCHED if touched else SETTLED].append(file)
    return found


def _overlap(one: DataFile, other: DataFile) -> bool:
    """Whether they may have a session in common: certainly not where both say from which to which they reach."""
    said = one.first_session and one.last_session and other.first_session and other.last_session
    return not said or (one.first_session <= other.last_session and other.first_session <= one.last_session)


def view_of(table: Table) -> str:
    """The statement that creates a table's view, over whichever files its variables hold."""
    return (
        f"create or replace view {table.name} as {_rows(table, {kind: _variable_files(table, kind) for kind in KINDS})}"
    )


def rows_of_days(table: Table, files: Mapping[str, Sequence[str]]) -> str:
    """The same rows out of these files alone, by their kind: the select of what the files of some days hold.

    A file costs a query its opening, also where it has no row to give, and so does a kind of which there is none: over
    a month's files a view takes 110 ms for what the two of one day answer in 49. There must be one file at least.
    """
    return _rows(table, {kind: _literal_files(found) for kind, found in files.items() if found})


def _rows(table: Table, sources: Mapping[str, str]) -> str:
    parts = _latest(table, sources) if table.versioned else _plain(table, sources)
    return _with_dollars(table, " union all ".join(parts))


def _variable_files(table: Table, kind: str) -> str:
    return _read(f"getvariable('{variable(table, kind)}')")


def _literal_files(files: Iterable[str]) -> str:
    quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return _read(f"[{quoted}]")


def _read(files: str) -> str:
    return f"read_parquet({files}, hive_partitioning = true, hive_types = {{'date': 'date', 'settled': 'boolean'}})"


def bounds(table: Table) -> dict[str, str]:
    """The names of the variables that say from which to which session the hot files reach."""
    return {"first": f"{table.name}_hot_first", "last": f"{table.name}_hot_last"}


def reach(hot: Iterable[DataFile]) -> dict[str, str]:
    """From which to which session the hot files reach; to all sessions where one of them doesn't say."""
    files = list(hot)
    if any(not file.last_session for file in files):
        return {"first": "", "last": ENDLESS}
    return {
        "first": min((file.first_session for file in files), default=ENDLESS),
        "last": max((file.last_session for file in files), default=""),
    }


def _plain(table: Table, sources: Mapping[str, str]) -> list[str]:
    return [f"select {_columns(table)} from {sources[kind]}" for kind in (SETTLED, HOT) if kind in sources]


def _latest(table: Table, sources: Mapping[str, str]) -> list[str]:
    key, columns = ", ".join(_quoted(column) for column in table.key), _columns(table)
    first, last = (f"getvariable('{name}')" for name in bounds(table).values())
    # A common table for the hot rows would be materialised, and no column of any part be left out: counting the turns
    # of a day took 118 ms instead of 12. Rows of other sessions are told apart by their place in the order, not joined.
    parts = []
    if HOT in sources:
        newest = f"qualify row_number() over (partition by {key} order by version desc) = 1"
        parts.append(f"select {columns} from (select {columns} from {sources[HOT]} {newest})")
    if TOUCHED in sources:
        within = f"select * from {sources[TOUCHED]} where session_id between {first} and {last}"
        newer = f"select {key} from {sources[HOT]}"
        parts.append(f"select {columns} from {sources[TOUCHED]} where session_id < {first} or session_id > {last}")
        parts.append(f"select {columns} from ({within}) anti join ({newer}) using ({key})")
    if SETTLED in sources:
        parts.append(f"select {columns} from {sources[SETTLED]}")
    return parts


def _columns(table: Table) -> str:
    return ", ".join([*(_quoted(name) for name in table.columns.names), "date"])


def _with_dollars(table: Table, rows: str) -> str:
    dollars = [
        # Exact: an integer times a decimal. 18 digits hold 999 million dollars to the nano-dollar.
        f"({_quoted(name)}::decimal(18, 0) * 0.000000001)::decimal(18, 9) as {name.removesuffix('_nanos')}"
        for name in table.columns.names
        if name.endswith(NANOS)
    ]
    kept = ", ".join(_quoted(name) for name in table.columns.names)
    return f"select {', '.join([kept, *dollars, 'date'])} from ({rows})"


def _quoted(name: str) -> str:
    return f'"{name}"'


ALL = [*(view_of(table) for table in TABLES.values()), quality_view.statement(), steering_view.STATEMENT]
"""In an order in which they can be made."""

# The parts of a message, and what one session sounded like.
MESSAGE = """
    select data, raw, audio_offset, (
        select audio from event_audio where date = $day and session_id = $session and seq = $seq
    ) as audio
    from events where date = $day and session_id = $session and seq = $seq
"""
SESSION_AUDIO = """
    select seq, elapsed_ns, source, type, item_id, response_id, content_index, audio
    from event_audio where date = $day and session_id = $session order by seq
"""
