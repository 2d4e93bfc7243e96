"""What the Live page says of a call at any moment of it: rows by the fold, written and asked as they stood then."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import live, wording
from dashboard.desk import open_desk
from dashboard.live import Now
from dashboard.live_page import standing_now
from dashboard.settings import VARIABLE, DashboardSettings
from tests.builders import OPENED_AT_NS, Story, rows
from tests.dashboard import demo
from tests.dashboard.demo import Call

SESSION = "01a0c5a2-0000-7000-8000-000000000001"
"""Opened on the day of the stories."""
OPENED = datetime.fromtimestamp(OPENED_AT_NS / 1e9, UTC)
WITHIN_S = 60


def story(session_id: str = SESSION) -> Story:
    return Story(session_id).opened().server("session.created", session={"id": "s", "model": "gpt-realtime"})


def asked(story: Story) -> Story:
    """A spoken question, from 1.0 to 3.0 s."""
    story.configured(silence_ms=200)
    story.at(100).append(100, times=30, every_ms=100).at(1000).speech_started("u1", 700)
    return story.at(3000).speech_stopped("u1", 2900).committed("u1")


def answering(story: Story) -> Story:
    """An answer of four seconds that has begun to come in at 3.5 s."""
    return asked(story).at(3100).created("r1").at(3500).speaks("r1", 4000)


def written(data_dir: Path, *stories: Story) -> None:
    told = [
        Call(rows=[row for table in rows(one).values() for row in table.values()], events=one.events) for one in stories
    ]
    demo.write(data_dir, told)


def seen(data_dir: Path, after_ms: float) -> Now:
    return standing_now(open_desk(data_dir / "dataset"), OPENED + timedelta(milliseconds=after_ms))


MOMENTS = {
    "connecting": (Story(SESSION).opened(), 500, "connecting", 500),
    "opened": (story(), 900, "listening", 900),
    "speaks": (story().at(1000).speech_started("u1", 700), 1800, "user speaking", 800),
    "asked": (asked(story()), 3400, "waiting for agent", 400),
    "requested": (asked(story()).at(3100).created("r1"), 3400, "waiting for agent", 400),
    "begins": (answering(story()), 3600, "agent speaking", 100),
    "generated": (answering(story()).at(3700).done("r1"), 7000, "agent speaking", 3500),
    "heard": (answering(story()).at(3700).done("r1"), 8000, "listening", 500),
    "over": (
        answering(story()).at(3700).done("r1").at(5000).speech_started("u2", 4800),
        5400,
        "user over agent",
        400,
    ),
    "cut": (
        answering(story()).at(5000).speech_started("u2", 4800).at(5010).cancelled("r1"),
        5400,
        "user speaking",
        400,
    ),
    "calls": (asked(story()).at(3100).created("r1").at(3300).calls("r1", "c1").done("r1"), 4300, "tool running", 1000),
    "answered": (
        asked(story()).at(3100).created("r1").at(3300).calls("r1", "c1").done("r1").at(4000).answers("c1")
        .at(4100).created("r2"),
        4400,
        "waiting for agent",
        1400,
    ),
    "failed": (asked(story()).at(3100).created("r1").at(3200).done("r1", "failed"), 9000, "listening", 6000),
}  # fmt: skip
"""A call up to a moment, how long after its opening we look, what it does then and since how long."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_call_says_who_has_the_floor_and_since_when(tmp_path: Path, moment: str) -> None:
    told, after_ms, state, for_ms = MOMENTS[moment]
    written(tmp_path, told)

    [one] = seen(tmp_path, after_ms).calls
    assert (one.state.name, round(one.state_ms)) == (state, for_ms)
    assert one.elapsed_ms == after_ms


def test_a_tool_is_named_and_the_user_kept_waiting_by_it(tmp_path: Path) -> None:
    told, after_ms, *_ = MOMENTS["calls"]
    written(tmp_path, told)

    found = seen(tmp_path, after_ms)
    assert found.calls[0].state.note == "get_weather"
    assert [round(one.waiting_ms) for one in found.calls] == [1000]


def test_waits_and_money_are_those_of_the_rows(tmp_path: Path) -> None:
    told, after_ms, *_ = MOMENTS["heard"]
    written(tmp_path, told)

    [one] = seen(tmp_path, after_ms).calls
    [turn], [session] = rows(told)["turns"].values(), rows(told)["sessions"].values()
    assert one.standing is not None
    assert one.standing.last_wait_ms == one.standing.longest_wait_ms == turn.perceived_latency_ms
    assert (one.standing.last_wait_is, one.standing.waits) == ("perceived", 1)
    assert one.call.metered_usd_nanos == session.metered_usd_nanos > 0
    assert one.call.billed_usd_nanos == session.billed_usd_nanos > 0


def test_a_call_that_nothing_is_heard_of_is_quiet_and_then_no_call_in_progress(tmp_path: Path) -> None:
    told, *_ = MOMENTS["heard"]
    written(tmp_path, told)

    [one] = seen(tmp_path, 3700 + live.QUIET_S * 1000).calls
    assert (one.state.name, round(one.state_ms)) == ("quiet", live.QUIET_S * 1000)
    later = seen(tmp_path, 3700 + live.GONE_S * 1000)
    assert not later.calls
    assert [call.session_id for call in later.gone] == [SESSION]


def test_audio_alone_keeps_a_call_from_being_quiet(tmp_path: Path) -> None:
    minutes = 4
    told = story().at(100).append(100, times=minutes * 600, every_ms=100)
    written(tmp_path, told)

    # The fold renews the row with the first event of each minute.
    [one] = seen(tmp_path, minutes * 60_000).calls
    assert one.state.name == "listening"


def test_a_call_that_has_ended_is_not_in_progress(tmp_path: Path) -> None:
    other = "01a0c5a2-0000-7000-8000-000000000002"
    written(tmp_path, answering(story()), answering(story(other)).at(4000).closed())

    found = seen(tmp_path, 4100)
    assert [one.call.session_id for one in found.calls] == [SESSION]
    assert (found.count(live.AGENT), found.gone) == (1, [])


def test_calls_in_progress_are_narrowed_by_what_is_known_of_them(tmp_path: Path) -> None:
    other = "01a0c5a2-0000-7000-8000-000000000002"
    written(tmp_path, answering(story()), Story(other).opened())
    desk, at = open_desk(tmp_path / "dataset"), OPENED + timedelta(seconds=4)

    def found(**facets: tuple[str, ...]) -> list[str]:
        return [one.call.session_id for one in standing_now(desk, at, facets).calls]

    assert set(found()) == {SESSION, other}
    assert found(model=("gpt-realtime",), source=("relay",)) == [SESSION]
    assert found(model=("unknown",)) == [other]
    assert found(model=("gpt-realtime", "unknown"), label=("of nobody",)) == []


def page_script() -> None:
    from dashboard import live_page

    live_page.page()


def test_the_page_says_what_to_do_where_no_call_is_in_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_resource.clear()
    monkeypatch.setenv(VARIABLE, DashboardSettings(data_dir=tmp_path).model_dump_json())
    page = AppTest.from_function(page_script, default_timeout=WITHIN_S).run()
    assert [one.value for one in page.subheader] == ["No calls recorded yet"]

    # The story's time is long past: its call is open in the tables only.
    opened = datetime.now(UTC) - timedelta(minutes=30)
    [call] = [one for one in demo.calls(2, until=opened) if one.session.status == "open"]
    demo.write(tmp_path, [call])
    st.cache_resource.clear()  # an answer may be a moment old
    page = AppTest.from_function(page_script, default_timeout=WITHIN_S).run()
    assert "No call is in progress" in page.info[0].value
    assert "No end seen: 1 call" in page.expander[0].label

    page = AppTest.from_function(page_script, default_timeout=WITHIN_S)
    page.query_params["model"] = "of nobody"
    page.run()
    assert page.multiselect(key="model").value == ["of nobody"]
    assert "No call in progress passes the filters" in page.info[0].value
    assert not page.expander


def test_a_wait_on_the_wire_is_marked_as_one() -> None:
    from dashboard.live_component import _waited

    assert _waited(840.0, "wire") == "840 ms w"
    assert _waited(840.0, "perceived") == "840 ms"
    assert _waited(None, None) == wording.UNKNOWN
