"""Holds what the fold made of a log against the truth of the session. The only one here who knows the fold."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from ingest.envelope import RecordedEvent
from pipeline.domain.fold import SessionState, dump, load, step
from pipeline.domain.rules import Rules
from tests.builders import Rows, latest
from tests.truth.session import Generated

TOLERANCE_MS = 1.0
NOTHING = "-"


class Disagreement(msgspec.Struct, frozen=True):
    kind: str
    seed: int
    table: str
    key: tuple[Any, ...]
    column: str
    true: Any
    told: Any


class Tally(msgspec.Struct):
    """What was compared so far."""

    sessions: Counter[str] = msgspec.field(default_factory=Counter)
    events: int = 0
    values: Counter[str] = msgspec.field(default_factory=Counter)
    """`table.column` -> how many were compared."""
    errors_ms: dict[str, list[float]] = {}
    """Of times: `table.column` -> told less true, where both are known."""
    classes: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    """(true, told) -> overlaps."""
    disagreements: list[Disagreement] = []


def told(events: Sequence[RecordedEvent], rules: Rules, chance: Random) -> Rows:
    """The fold's rows, in one of three ways: straight, with redeliveries, or with a restart now and then."""
    manner = chance.choice(["straight", "redelivered", "restarted"])
    found, state = list[Any](), SessionState()
    for event in _redelivered(events, chance) if manner == "redelivered" else events:
        if manner == "restarted" and chance.random() < 0.05:
            state = load(dump(state))
        state, rows = step(state, event, rules)
        found += rows
    return latest(found)


def _redelivered(events: Sequence[RecordedEvent], chance: Random) -> Iterator[RecordedEvent]:
    for index, event in enumerate(events):
        if chance.random() < 0.05:
            yield from events[max(0, index - chance.randrange(1, 30)) : index]
        yield event


def compare(session: Generated, rules: Rules, tally: Tally) -> None:
    found = told(session.events, rules, Random(session.plan.seed))
    tally.sessions[session.plan.kind] += 1
    tally.events += len(session.events)
    for table, true_rows in session.truth.items():
        told_rows = {key[1:]: row for key, row in found[table].items()}
        if table == "interruptions":
            _confuse(true_rows, told_rows, tally)
        for key in sorted({*true_rows, *told_rows}, key=repr):
            _row(session, tally, table, key, true_rows.get(key), told_rows.get(key))


def _confuse(true_rows: dict[Any, Any], told_rows: dict[Any, Any], tally: Tally) -> None:
    for key in {*true_rows, *told_rows}:
        true = true_rows[key]["class_"] if key in true_rows else NOTHING
        told = told_rows[key].class_ if key in told_rows else NOTHING
        tally.classes[true, told] += 1


def _row(  # noqa: PLR0917  # a row's place and its two versions
    session: Generated, tally: Tally, table: str, key: Any, true: dict[str, Any] | None, told: Any
) -> None:
    def disagree(column: str, is_true: Any, is_told: Any) -> None:
        plan = session.plan
        tally.disagreements.append(Disagreement(plan.kind, plan.seed, table, key, column, is_true, is_told))

    if true is None or told is None:
        disagree("the row", "there" if true else NOTHING, "there" if told else NOTHING)
        return
    for column, value in true.items():
        name, found = f"{table}.{column}", getattr(told, column)
        tally.values[name] += 1
        if column.endswith("_ms") and isinstance(value, int | float) and isinstance(found, int | float):
            tally.errors_ms.setdefault(name, []).append(found - value)
        if not same(column, value, found):
            disagree(column, value, found)


def same(column: str, true: Any, told: Any) -> bool:
    """Times to a millisecond of the definition; all else exactly."""
    # The price of a length that a clock told: the clock rounds each delta down to the nanosecond.
    if column == "unheard_usd_nanos" and isinstance(true, int) and isinstance(told, int):
        return abs(true - told) <= 1
    is_time = column.endswith("_ms")
    if is_time and isinstance(true, int | float) and isinstance(told, int | float):
        return math.isclose(true, told, rel_tol=0, abs_tol=TOLERANCE_MS)
    if isinstance(true, datetime):
        return bool(true == told)
    return type(true) is type(told) and bool(true == told)
