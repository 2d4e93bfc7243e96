"""The views that a reader's SQL sees: one row per key of each table, and dollars beside nano-dollars.

A table's files come in three kinds. The settled ones hold one row per key among them. The hot ones, which are few, may
hold several versions of a key and newer versions of settled rows: of a key, the hot files' highest version holds, and
hides the settled one. Settled files that may hold such a row are `touched`; all others are read as they are, and that
is most of them: to count the 670,000 turns of two days takes 10 ms so, and 127 ms where each is looked for among the
hot ones. So a query over a year dedupes only the last minutes.
"""

# The statements are put together from the names of our own schemas; values are bound.
# ruff: noqa: S608

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final

from pipeline import quality_view, steering_view
from pipeline.dataset_actions import DataFile
from pipeline.dataset_schemas import TABLES, Table

NANOS = "_usd_nanos"


ALWAYS: Final = ("session_id", "version")
"""Columns by which rows are told apart, beside their key."""
HOT: Final = "hot"
TOUCHED: Final = "touched"
SETTLED: Final = "settled"
NEWEST: Final = "newest"
"""A table into which the hot files' rows were put, one of each key: it stands for them."""
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
    rows = rows_of(table, {kind: [read(f"getvariable('{variable(table, kind)}')")] for kind in KINDS})
    return f"create or replace view {table.name} as {rows}"


def rows_of(table: Table, sources: Mapping[str, Sequence[str]], wanted: Container[str] | None = None) -> str:
    """The select of a table's rows out of these sources, by the kind of the files that they stand for.

    There must be one at least. Each costs a query, also where it has no row to give: over a month's files a view took
    110 ms for what those of two days answer in 49. So does each column, also where nobody asks for it: only those
    that are `wanted` are there, and what the rows are told apart by; all where that is not said.
    """
    always = (*table.key, *ALWAYS)
    named = [
        name
        for name in table.columns.names
        if wanted is None or name in wanted or name in always or _in_dollars(name) in wanted
    ]
    columns = _listed(named)
    parts = _latest(table, sources, columns) if table.versioned else _plain(sources, columns)
    dollars = [
        # Exact: an integer times a decimal. 18 digits hold 999 million dollars to the nano-dollar.
        f"({_quoted(name)}::decimal(18, 0) * 0.000000001)::decimal(18, 9) as {_in_dollars(name)}"
        for name in named
        if name.endswith(NANOS)
    ]
    return f"select {', '.join([*map(_quoted, named), *dollars, 'date'])} from ({' union all '.join(parts)})"


def _in_dollars(name: str) -> str:
    """The name of the column beside one of nano-dollars."""
    return name.removesuffix("_nanos")


def read_files(files: Iterable[str]) -> str:
    """The source that reads these files."""
    return read("[" + ", ".join("'" + file.replace("'", "''") + "'" for file in files) + "]")


def read(files: str) -> str:
    """The source that reads a list of files, given as SQL."""
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


def _plain(sources: Mapping[str, Sequence[str]], columns: str) -> list[str]:
    return [f"select {columns} from {source}" for kind in (SETTLED, HOT) for source in sources.get(kind, ())]


def _latest(table: Table, sources: Mapping[str, Sequence[str]], columns: str) -> list[str]:
    key = ", ".join(_quoted(column) for column in table.key)
    first, last = (f"getvariable('{name}')" for name in bounds(table).values())
    # A common table for the hot rows would be materialised, and no column of any part be left out: counting the turns
    # of a day took 118 ms instead of 12. Rows of other sessions are told apart by their place in the order, not joined.
    hot = " union all ".join(f"select {columns} from {source}" for source in sources.get(HOT, ()))
    parts = [_newest(table, hot, columns)] if hot else []
    for newest in sources.get(NEWEST, ()):
        hot = f"select {columns} from {newest}"
        parts = [hot]
    for source in sources.get(TOUCHED, ()):
        within = f"select * from {source} where session_id between {first} and {last}"
        parts.append(f"select {columns} from {source} where session_id < {first} or session_id > {last}")
        parts.append(f"select {columns} from ({within}) anti join (select {key} from ({hot})) using ({key})")
    return parts + [f"select {columns} from {source}" for source in sources.get(SETTLED, ())]


def newest_of(table: Table, rows: str) -> str:
    """The select of a versioned table's rows, of each key the highest version."""
    return _newest(table, rows, _listed(table.columns.names))


def _newest(table: Table, rows: str, columns: str) -> str:
    key = ", ".join(_quoted(column) for column in table.key)
    by_version = f"qualify row_number() over (partition by {key} order by version desc) = 1"
    return f"select {columns} from ({rows}) {by_version}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join([*map(_quoted, names), "date"])


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
