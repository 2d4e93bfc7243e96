"""The views that a reader's SQL sees: one row per key of each table, and dollars beside nano-dollars.

A table's files come in two kinds. The settled ones hold one row per key among them and are read as they are. The
hot ones, which are few, may hold several versions of a key and newer versions of settled rows: of a key, the hot
files' highest version holds, and hides the settled one. So a query over a year dedupes only the last minutes.
"""

# The statements are put together from the names of our own schemas; values are bound.
# ruff: noqa: S608

from pipeline.dataset_schemas import TABLES, Table

NANOS = "_usd_nanos"


def variable(table: Table, *, settled: bool) -> str:
    """The name of the variable that holds a table's files of one kind."""
    return f"{table.name}_{'settled' if settled else 'hot'}_files"


def view_of(table: Table) -> str:
    """The statement that creates a table's view."""
    rows = _latest(table) if table.versioned else _plain(table)
    return f"create or replace view {table.name} as {rows}"


def _files(table: Table, *, settled: bool) -> str:
    return (
        f"read_parquet(getvariable('{variable(table, settled=settled)}'), hive_partitioning = true, "
        "hive_types = {'date': date, 'settled': boolean})"
    )


def _plain(table: Table) -> str:
    return (
        f"select {_selected(table)} from {_files(table, settled=True)} "
        f"union all by name select {_selected(table)} from {_files(table, settled=False)}"
    )


def _latest(table: Table) -> str:
    key = ", ".join(_quoted(column) for column in table.key)
    return f"""
        with hot as (
            select {_selected(table)} from {_files(table, settled=False)}
            qualify row_number() over (partition by {key} order by version desc) = 1
        )
        select * from hot
        union all by name
        select {_selected(table)} from {_files(table, settled=True)} anti join hot using ({key})
    """


def _selected(table: Table) -> str:
    columns = [_quoted(name) for name in table.columns.names]
    dollars = [
        # Exact: an integer times a decimal. 18 digits hold 999 million dollars to the nano-dollar.
        f"({_quoted(name)}::decimal(18, 0) * 0.000000001)::decimal(18, 9) as {name.removesuffix('_nanos')}"
        for name in table.columns.names
        if name.endswith(NANOS)
    ]
    return ", ".join([*columns, *dollars, "date"])


def _quoted(name: str) -> str:
    return f'"{name}"'


ALL = [view_of(table) for table in TABLES.values()]

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
