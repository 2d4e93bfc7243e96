"""What the pages for interruptions, tools and quality ask, against a computation of its own from the same rows."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dashboard.desk import Desk, open_desk
from dashboard.queries import interruptions, quality, sessions, tools
from dashboard.queries.asking import Scope
from dashboard.queries.quality import Quantity, quantities
from pipeline.domain import facts
from tests.dashboard import demo
from tests.dashboard.demo import NOW, Call, rows_of

ALL = Scope(until=NOW)


def test_interruptions_over_time_add_up_to_those_of_each_class(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(interruptions.over_time, ALL, 3600)

    counted: Counter[str] = Counter()
    for one in found:
        counted[one.name] += one.count
    assert counted == Counter(one.class_.replace("_", " ") for one in rows_of(told, facts.Interruption))


def test_times_to_yield_are_those_of_the_yielded_ones(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(interruptions.time_to_yield, ALL, bin_ms=50)

    yielded = [one for one in rows_of(told, facts.Interruption) if one.yielded]
    assert [(one.from_ms, one.to_ms, one.count) for one in found] == [(250.0, 300.0, len(yielded))]


@pytest.mark.parametrize("order", interruptions.ORDERS)
def test_interruptions_are_listed_by_class_in_every_order(desk: Desk, told: list[Call], order: str) -> None:
    found = desk.ask(interruptions.listed, ALL, classes=("barge_in",), order=order)

    of_class = [one for one in rows_of(told, facts.Interruption) if one.class_ == "barge_in"]
    assert {(one.session_id, one.seq) for one in found} == {(one.session_id, one.seq) for one in of_class}
    if order == "most unheard":
        assert [one.unheard_ms for one in found] == sorted((one.unheard_ms or 0 for one in of_class), reverse=True)


def test_a_facet_parts_interruptions_by_the_turns_that_were_spoken(desk: Desk, told: list[Call]) -> None:
    for one in desk.ask(interruptions.by_facet, ALL, "model"):
        calls = [call for call in told if call.session.model == one.value]
        cut = rows_of(calls, facts.Interruption)
        assert one.spoken_turns == len(rows_of(calls, facts.Turn))
        assert one.per_100_turns == pytest.approx(100 * len(cut) / one.spoken_turns)


def test_a_tool_is_told_with_its_waits_and_what_came_of_it(tmp_path: Path) -> None:
    told = demo.calls(3)
    uses = rows_of(told, facts.ToolCall)
    changed: dict[str, dict[str, Any]] = {
        uses[0].session_id: {"tool_wait_ms": 400.0},
        uses[1].session_id: {"tool_wait_ms": None, "status": "unanswered", "tool_wait_reason": "unanswered"},
    }
    rows = [
        msgspec.structs.replace(row, **changed.get(row.session_id, {})) if isinstance(row, facts.ToolCall) else row
        for call in told
        for row in call.rows
    ]
    demo.write(tmp_path, [Call(rows=rows, events=[])])
    desk = open_desk(tmp_path / "dataset")

    [found] = desk.ask(tools.by_tool, ALL)
    failed = desk.ask(tools.uses, ALL, failed=True)
    longest = desk.ask(tools.uses, ALL, tool="find_slot")

    assert (found.calls, found.answered, found.not_answered, found.waiting) == (3, 2, 1, 0)
    assert (found.wait_p50_ms, found.wait_max_ms, found.total_wait_s) == (245.0, 400.0, 0.49)
    assert [one.session_id for one in failed] == [uses[1].session_id]
    assert longest[0].session_id == uses[0].session_id
    assert desk.ask(tools.uses, ALL, tool="no such tool") == []


def test_every_column_with_a_reason_beside_it_is_looked_at() -> None:
    found = quantities()

    assert Quantity(table="turns", column="perceived_latency_ms", reason="perceived_latency_reason") in found
    assert Quantity(table="costs", column="billed_usd_nanos", reason="billed_reason") in found


def test_what_is_missing_is_told_with_its_reason_and_share(desk: Desk, told: list[Call]) -> None:
    costs = rows_of(told, facts.Cost)
    unpriced = [one for one in costs if one.billed_usd_nanos is None]

    [found] = [one for one in desk.ask(quality.missing, ALL) if one.quantity == "billed_usd_nanos"]
    by_model = desk.ask(quality.unpriced, ALL)

    assert (found.reason, found.rows) == ("no_usage", len(unpriced))
    assert found.share == pytest.approx(len(unpriced) / len(costs))
    assert {one.model: one.things for one in by_model} == Counter(one.model for one in unpriced)


def test_a_cost_that_is_counted_elsewhere_is_nothing_missing(tmp_path: Path) -> None:
    told = demo.calls(2)
    rows = [
        msgspec.structs.replace(row, billed_usd_nanos=None, billed_reason="not_billed")
        if isinstance(row, facts.Cost)
        else row
        for call in told
        for row in call.rows
    ]
    demo.write(tmp_path, [Call(rows=rows, events=[])])
    desk = open_desk(tmp_path / "dataset")

    assert not [one for one in desk.ask(quality.missing, ALL) if one.quantity == "billed_usd_nanos"]
    assert desk.ask(quality.unpriced, ALL) == []


def test_holes_are_told_with_the_recorders_reason(desk: Desk, told: list[Call]) -> None:
    gaps = rows_of(told, facts.Gap)

    [found] = desk.ask(quality.holes, ALL)

    assert (found.reason, found.gaps, found.events) == ("disk_full", len(gaps), sum(gap.count for gap in gaps))


def test_unknown_types_are_counted_over_calls(tmp_path: Path) -> None:
    told = demo.calls(2)
    counts = {told[0].session.session_id: '{"new.thing": 2, "a.b": 1}', told[1].session.session_id: '{"new.thing": 3}'}
    rows = [
        msgspec.structs.replace(row, unknown_types=counts[row.session_id]) if isinstance(row, facts.Session) else row
        for call in told
        for row in call.rows
    ]
    demo.write(tmp_path, [Call(rows=rows, events=[])])

    found = open_desk(tmp_path / "dataset").ask(quality.unknown_types, ALL)

    assert [(one.type, one.events, one.sessions) for one in found] == [("new.thing", 5, 2), ("a.b", 1, 1)]


def test_damaged_lines_are_not_narrowed_by_what_is_known_of_sessions_only(desk: Desk) -> None:
    # There are none; a facet that no session has must not make the question fail.
    assert (
        desk.ask(quality.damaged_lines, msgspec.structs.replace(ALL, since=NOW - timedelta(days=1), voice=("x",))) == []
    )


@pytest.mark.parametrize("having", sessions.WITH)
def test_calls_are_found_by_what_they_have(desk: Desk, having: str) -> None:
    wanted = sessions.Found(having=(having,))
    found = desk.ask(sessions.recent, ALL, found=wanted, page_size=100, skip=0)
    two = desk.ask(sessions.recent, ALL, found=wanted, page_size=2, skip=0)

    [row] = desk.dataset.cursor().sql(f"select count(*) from sessions where {sessions.WITH[having]}").fetchall()
    assert len(found) == row[0]
    assert {one.of for one in (*found, *two)} == ({row[0]} if found else set())
