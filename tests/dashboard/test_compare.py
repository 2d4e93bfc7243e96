"""What the comparison of two cohorts asks and shows, against a computation of its own from the same rows."""

import statistics
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
import streamlit as st

from dashboard import comparing, wording
from dashboard.desk import Desk, open_desk
from dashboard.queries import comparison
from dashboard.queries.asking import Scope
from dashboard.queries.latency import Cohort
from dashboard.settings import VARIABLE, DashboardSettings
from pipeline.dataset import Reader
from pipeline.domain import facts
from tests.dashboard import demo
from tests.dashboard.demo import NOW, Call, rows_of
from tests.dashboard.test_pages import compare_script, figures, shown, texts

BY_VAD = Cohort(input_kind="speech", speech_ended_by="server_vad", latency_basis="append_clock")
REALTIME = Scope(until=NOW, model=("gpt-realtime",))
MINI = Scope(until=NOW, model=("gpt-realtime-mini",))
TWO_SIDES = {"range": "all", "model": "gpt-realtime", "b_range": "all", "b_model": "gpt-realtime-mini"}


@pytest.fixture(autouse=True)
def _fresh_caches() -> None:
    st.cache_resource.clear()


def of_model(told: Sequence[Call], name: str) -> list[Call]:
    return [call for call in told if call.session.model == name]


@pytest.mark.parametrize("about", [REALTIME, MINI])
def test_a_side_holds_the_figures_of_its_rows(desk: Desk, told: list[Call], about: Scope) -> None:
    calls = of_model(told, about.model[0])
    turns, cut = rows_of(calls, facts.Turn), rows_of(calls, facts.Interruption)
    whole = [call for call in calls if not call.session.unpriced]

    found = desk.ask(comparison.side, about, BY_VAD)

    told_of = found.figures
    assert (told_of.calls, told_of.perceived, told_of.perceived_calls) == (len(calls), len(turns), len(calls))
    assert told_of.perceived_p50_ms == statistics.median(round(row.perceived_latency_ms or 0) for row in turns)
    assert told_of.wire_p50_ms == statistics.median(round(row.wire_latency_ms or 0) for row in turns)
    assert told_of.interruptions_per_call == pytest.approx(len(cut) / len(calls))
    assert told_of.time_to_yield_p50_ms == statistics.median(row.time_to_yield_ms or 0 for row in cut)
    minutes = sum((one.session.last_event_at - one.session.opened_at) / timedelta(minutes=1) for one in calls)
    metered = sum(row.metered_usd_nanos for row in rows_of(calls, facts.AudioMinute))
    assert told_of.metered_usd_per_minute == pytest.approx(metered / minutes / 1e9)
    assert told_of.priced_calls == len(whole)


def test_the_calls_that_are_drawn_from_hold_the_same_values(desk: Desk, told: list[Call]) -> None:
    calls = of_model(told, "gpt-realtime")

    found = desk.ask(comparison.side, REALTIME, BY_VAD)

    assert sorted(found.perceived.values) == sorted(
        round(row.perceived_latency_ms or 0) for row in rows_of(calls, facts.Turn)
    )
    assert sorted(np.bincount(found.perceived.calls, minlength=len(calls))) == sorted(
        call.session.turns for call in calls
    )
    assert found.interruptions.over.sum() == len(rows_of(calls, facts.Interruption))
    again = comparison.side(desk.dataset.cursor(), REALTIME, BY_VAD)
    assert (again.perceived.values == found.perceived.values).all()
    assert again.perceived.seed == found.perceived.seed


def test_with_very_many_values_fewer_calls_are_drawn_from(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "VALUES_MAX", 10)

    found = comparison.side(desk.dataset.cursor(), REALTIME, BY_VAD)

    assert 7 <= len(found.perceived.values) <= 10
    assert found.perceived.of < found.figures.calls
    assert found.perceived.calls.max() < found.perceived.of


def test_calls_on_both_sides_are_counted(desk: Desk, told: list[Call]) -> None:
    both = comparing.both(desk, REALTIME, Scope(until=NOW), BY_VAD)
    apart = comparing.both(desk, REALTIME, MINI, BY_VAD)

    assert both.shared == len(of_model(told, "gpt-realtime"))
    assert apart.shared == 0


def test_a_side_without_calls_is_compared_with_nothing(desk: Desk) -> None:
    found = comparing.both(desk, REALTIME, Scope(until=NOW, voice=("of nobody",)), BY_VAD)

    assert (found.a_calls > 0, found.b_calls) == (True, 0)
    assert {one.verdict for one in found.differences} == {"too few"}


@pytest.mark.usefixtures("told_page")
def test_the_figures_of_both_sides_are_those_of_the_sql(reader: Reader) -> None:
    found = figures(shown(compare_script, **TWO_SIDES))

    for side, model in (("A", "gpt-realtime"), ("B", "gpt-realtime-mini")):
        [row] = reader.cursor().sql(f"""
            select median(round(perceived_latency_ms)), median(round(wire_latency_ms)),
                (select count(*) from interruptions where session_id in (select session_id from sessions where model = '{model}'))
                / (select count(*) from sessions where model = '{model}')
            from turns where model = '{model}'
        """).fetchall()  # fmt: skip
        assert found[f"{side} · Perceived latency p50"] == wording.milliseconds(row[0])
        assert found[f"{side} · Wire latency p50"] == wording.milliseconds(row[1])
        assert found[f"{side} · Interruptions per call"] == f"{row[2]:,.2f}"


@pytest.mark.usefixtures("told_page")
def test_with_too_few_calls_the_page_says_what_is_needed(told: list[Call]) -> None:
    said = texts(shown(compare_script, **TWO_SIDES))

    fewest = len(of_model(told, "gpt-realtime"))
    assert "each side needs 20 calls and 30 turns" in said
    assert f"A has {fewest} calls" in said
    assert "A waits" not in said


def test_with_enough_calls_a_verdict_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.write(tmp_path, [slower(call, 400 * (call.session.model == "gpt-realtime")) for call in demo.calls(80)])
    monkeypatch.setenv(VARIABLE, DashboardSettings(data_dir=tmp_path).model_dump_json())

    forth = texts(shown(compare_script, **TWO_SIDES))
    back = texts(shown(compare_script, range="all", model="gpt-realtime-mini", b_range="all", b_model="gpt-realtime"))

    assert "**A waits longer** by" in forth
    assert "**A waits less** by" in back
    # The two models are metered alike.
    assert "**No difference can be told**" in forth
    [found] = [
        one
        for one in comparing.both(open_desk(tmp_path / "dataset"), REALTIME, MINI, BY_VAD).differences
        if one.measure == "perceived"
    ]
    assert found.interval is not None
    assert found.interval.low < 400 < found.interval.high


def slower(call: Call, by_ms: float) -> Call:
    """The same call, its callers waiting that much longer."""
    rows = [
        msgspec.structs.replace(row, perceived_latency_ms=(row.perceived_latency_ms or 0) + by_ms)
        if isinstance(row, facts.Turn)
        else row
        for row in call.rows
    ]
    return Call(rows=rows, events=call.events)


@pytest.mark.usefixtures("told_page")
def test_the_same_calls_on_both_sides_are_said_to_be_so() -> None:
    said = texts(shown(compare_script, range="all", b_range="all"))

    assert "A and B are the same calls" in said
    assert "calls are on both sides" in said


@pytest.mark.usefixtures("told_page")
def test_a_side_without_calls_says_which(told: list[Call]) -> None:
    assert "No calls on side B" in texts(shown(compare_script, range="all", b_range="15m"))
