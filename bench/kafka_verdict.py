"""Holds a dataset against the journal that it came from: every event once, every row as the fold gives it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ingest.envelope import RecordedEvent
from ingest.journal import JournalReader, workers
from pipeline.dataset import Reader
from pipeline.dataset_schemas import FACTS, key_of, table_of
from pipeline.replay_sessions import fold_events
from pipeline.runner import default_step

Ask = Callable[[str], list[tuple[Any, ...]]]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    caught_up_s: float
    """Until the rows were all there; the limit where they never were."""
    events: int
    archived: int
    lost: int
    doubled: int
    sessions: int
    complete: int
    rows: dict[str, int]
    """Table -> rows that the fold gives."""
    wrong: dict[str, int]
    """Table -> rows that are missing, too many, or not as the fold gives them."""
    doubled_rows: int

    @property
    def good(self) -> bool:
        """Nothing is lost, doubled or wrong."""
        return (
            self.lost == self.doubled == self.doubled_rows == sum(self.wrong.values()) == 0
            and self.sessions == self.complete
        )

    def table(self) -> str:
        """In lines for people."""
        lines = [
            f"rows all there after      {self.caught_up_s:,.1f} s",
            f"events in the journal     {self.events:,}",
            f"events in the archive     {self.archived:,}   lost {self.lost:,}, twice {self.doubled:,}",
            f"sessions                  {self.sessions:,}   complete {self.complete:,}",
            f"rows twice on screen      {self.doubled_rows:,}",
        ]
        lines += [f"  {name:<22}  {count:>8,} rows   wrong {self.wrong[name]:,}" for name, count in self.rows.items()]
        return "\n".join([*lines, "GOOD" if self.good else "BAD"])


def judged(data_dir: Path, ask: Ask, *, within_s: float, meanwhile: Callable[[], object] = lambda: None) -> Verdict:
    """Wait until the dataset has caught up with the journals, as long as that may take, and compare."""
    events = recorded(data_dir)
    sessions = len({event.session_id for event in events})
    began = time.monotonic()
    while not _caught_up(ask, len(events), sessions) and time.monotonic() - began < within_s:
        meanwhile()
        time.sleep(0.5)
    took = time.monotonic() - began
    expected = _folded(events)
    found, doubled_rows = stored(data_dir / "dataset")
    wanted = {(event.session_id, event.seq) for event in events}
    archived = ask("select session_id, seq from events")
    [(complete,)] = ask("select count(*) from sessions where complete")
    return Verdict(
        caught_up_s=took,
        events=len(events),
        archived=len(archived),
        lost=len(wanted - set(archived)),
        doubled=len(archived) - len(set(archived)),
        sessions=sessions,
        complete=complete,
        rows={name: len(rows) for name, rows in expected.items()},
        wrong={name: _differing(expected[name], found[name]) for name in FACTS},
        doubled_rows=doubled_rows,
    )


def recorded(data_dir: Path) -> list[RecordedEvent]:
    """Everything that the journals hold."""
    folder = data_dir / "journal"
    return [found.event for worker in workers(folder) for found in JournalReader(folder / worker).events()]


Rows = dict[tuple[object, ...], dict[str, object]]


def stored(dataset: Path) -> tuple[dict[str, Rows], int]:
    """The rows of all fact tables by their keys, and how many keys come twice."""
    reader = Reader(dataset)
    doubled, rows = 0, {}
    try:
        for name, table in FACTS.items():
            columns = ", ".join(f'"{column}"' for column in table.columns.names)
            found = reader.query(f"select {columns} from {name}").to_pylist()
            rows[name] = {tuple(row[column] for column in table.key): row for row in found}
            doubled += len(found) - len(rows[name])
    finally:
        reader.close()
    return rows, doubled


def _folded(events: list[RecordedEvent]) -> dict[str, Rows]:
    rows: dict[str, Rows] = {name: {} for name in FACTS}
    for fact in fold_events(events, default_step()):
        table = FACTS[table_of(fact)]
        columns = msgspec.structs.fields(fact)
        rows[table.name][key_of(table, fact)] = {each.encode_name: getattr(fact, each.name) for each in columns}
    return rows


def _differing(expected: Rows, found: Rows) -> int:
    return sum(expected.get(key) != found.get(key) for key in expected.keys() | found.keys())


def _caught_up(ask: Ask, events: int, sessions: int) -> bool:
    [(archived, complete)] = ask("select (select count(*) from events), (select count(*) from sessions where complete)")
    return bool(archived >= events and complete >= sessions)
