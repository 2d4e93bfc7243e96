"""A dataset of made-up calls as the pipeline leaves it once merged: real schemas, partitions and log of the tables."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Final

import duckdb
import msgspec
import pyarrow as pa

from bench import fold, page_rows
from ingest.envelope import RecordedEvent, new_session_id
from pipeline.archive import archived
from pipeline.dataset_files import new_file
from pipeline.dataset_log import TableLog
from pipeline.dataset_schemas import EVENTS, FACTS, TABLES, table_of
from pipeline.dataset_writer import Batch, Writer
from pipeline.domain.fold import SessionState, step
from pipeline.price_lists import default_rules
from pipeline.status import Status, write_status

BATCH_ROWS: Final = 100_000
MADE: Final = "made.json"
ORIGIN: Final = "bench"
LONG_TURNS: Final = 360
"""Of ten seconds each: an hour."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a dataset of this kind holds."""

    sessions: int
    turns: int
    first_day: date
    last_day: date
    long_call: str
    """The session of an hour, recorded event by event and folded by the fold itself."""
    rows: dict[str, int] = {}


class Size(msgspec.Struct, frozen=True, kw_only=True):
    sessions: int
    turns: int
    """About as many."""
    days: int
    with_events: int
    """So many calls of the last day have their events."""
    last_day: date
    long_turns: int = LONG_TURNS
    """Of the call of an hour; none where 0."""


def made(folder: Path) -> Made | None:
    """What was made there; None where that was nothing, or not to its end."""
    with contextlib.suppress(FileNotFoundError):
        return msgspec.json.decode((folder / MADE).read_bytes(), type=Made)
    return None


def make(folder: Path, size: Size, say: Callable[[str], None]) -> Made:
    """Write the dataset into `folder/dataset`. The folder must hold none yet."""
    begun = time.monotonic()
    writer = Writer.open(folder / "dataset")
    connection = duckdb.connect(
        ":memory:", config={"memory_limit": "3GB", "threads": 2, "temp_directory": str(folder / "spilled")}
    )
    counts: dict[str, int] = dict.fromkeys(TABLES, 0)
    try:
        for statement in ("set TimeZone = 'UTC'", *page_rows.MACROS):
            _run(connection, statement)
        for place in range(size.days):
            _day(writer, connection, size, place, counts)
            say(f"day {place + 1} of {size.days}: {counts['turns']:,} turns, {time.monotonic() - begun:.0f} s")
        long_call = _long_call(writer, size) if size.long_turns else ""
    finally:
        connection.close()
        writer.close()
    found = Made(
        sessions=counts["sessions"] + bool(long_call), turns=counts["turns"] + size.long_turns, last_day=size.last_day,
        first_day=size.last_day - timedelta(days=size.days - 1), long_call=long_call, rows=counts,
    )  # fmt: skip
    (folder / MADE).write_bytes(msgspec.json.encode(found))
    return found


def _day(writer: Writer, connection: duckdb.DuckDBPyConnection, size: Size, place: int, counts: dict[str, int]) -> None:
    """One UTC day's calls, one settled file of each table."""
    day = size.last_day - timedelta(days=size.days - 1 - place)
    first, last = (size.sessions * at // size.days for at in (place, place + 1))
    named = {
        "midnight_ms": int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000),
        "first": first,
        "count": last - first,
        "turns_less_one": max(0.0, size.turns / size.sessions - 0.5),
    }
    _run(connection, page_rows.CALLS, named)
    _run(connection, page_rows.TURNS)
    for name in FACTS:
        counts[name] += _write(writer.logs[name], connection, day, page_rows.rows(name))
    if place == size.days - 1:
        wanted = {"first": first, "with_events": size.with_events}
        counts["events"] += _write(writer.logs[EVENTS.name], connection, day, page_rows.EVENTS, wanted)


def _write(
    log: TableLog, connection: duckdb.DuckDBPyConnection, day: date, sql: str, named: dict[str, int] | None = None
) -> int:
    rows = 0
    with new_file(log, day=str(day), settled=True) as file:
        for batch in connection.sql(sql, params=named).to_arrow_reader(BATCH_ROWS):
            file.write(pa.Table.from_batches([batch]).cast(log.table.columns))
            rows += batch.num_rows
    log.commit(added=[file.written()])
    return rows


def _long_call(writer: Writer, size: Size) -> str:
    """A call of an hour on that day: its events archived, and folded into rows as the pipeline folds them."""
    opened = datetime.combine(size.last_day, clock(12), UTC)
    session_id = new_session_id(int(opened.timestamp() * 1e9), 7)
    batch, state, rules = Batch(), SessionState(), default_rules()
    for position, event in enumerate(_events(session_id, opened, size.long_turns), start=1):
        kept = archived(event, journal_position=position)
        batch.add(TABLES["events"], kept.event, ORIGIN, position)
        if kept.audio is not None:
            batch.add(TABLES["event_audio"], kept.audio, ORIGIN, position)
        state, found = step(state, event, rules)
        for row in found:
            batch.add(TABLES[table_of(row)], row, ORIGIN, position)
        batch.reached(ORIGIN, position)
    writer.commit(batch)
    return session_id


def _events(session_id: str, opened: datetime, turns: int) -> Iterator[RecordedEvent]:
    opened_ns = int(opened.timestamp() * 1e9)
    for event in fold.call(turns, 100):
        yield msgspec.structs.replace(event, session_id=session_id, seen_at_ns=opened_ns + event.elapsed_ns)


def write_running(folder: Path) -> None:
    """Say that a pipeline runs, as one does each second."""
    now = datetime.now(UTC)
    write_status(folder / "dataset", Status(state="running", pid=1, at=now, started_at=now, last_commit_at=now))


def _run(connection: duckdb.DuckDBPyConnection, statement: str, named: Mapping[str, float] | None = None) -> None:
    connection.execute(statement, named)
    connection.complete()
