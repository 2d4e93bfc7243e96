"""Each page as Streamlit makes it, without a browser: with calls, without, and where something broke."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import wording
from dashboard.desk import Desk
from dashboard.queries import overview, session
from dashboard.settings import VARIABLE, DashboardSettings
from dashboard.window import Choice, scope
from pipeline.status import write_status
from tests.dashboard import demo
from tests.dashboard.demo import Call

WITHIN_S = 60


@pytest.fixture(autouse=True)
def _fresh_caches() -> None:
    """A page of one test must not show the dataset of another."""
    st.cache_resource.clear()


def overview_script() -> None:
    from dashboard import overview_page

    overview_page.page()


def latency_script() -> None:
    from dashboard import latency_page

    latency_page.page()


def interruptions_script() -> None:
    from dashboard import interruptions_page

    interruptions_page.page()


def cost_script() -> None:
    from dashboard import cost_page

    cost_page.page()


def compare_script() -> None:
    from dashboard import compare_page

    compare_page.page()


def tools_script() -> None:
    from dashboard import tools_page

    tools_page.page()


def quality_script() -> None:
    from dashboard import quality_page

    quality_page.page()


SCOPED = (overview_script, latency_script, interruptions_script, cost_script, tools_script, quality_script)
"""The pages about a stretch of time."""


def sessions_script() -> None:
    from dashboard import sessions_page

    sessions_page.page()


def session_script() -> None:
    from dashboard import session_page

    session_page.page()


def shown(script: Callable[[], None], **query: str) -> AppTest:
    """The page as made for an address with this query."""
    page = AppTest.from_function(script, default_timeout=WITHIN_S)
    page.query_params.update(query)
    made = page.run()
    assert not made.exception
    return made


def texts(page: AppTest) -> str:
    """All words of a page but those in its tables."""
    kinds = (page.markdown, page.caption, page.info, page.warning, page.error, page.subheader, page.code)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def figures(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


@pytest.mark.usefixtures("told_page")
def test_the_overview_shows_the_figures_that_the_queries_give(desk: Desk) -> None:
    page = shown(overview_script, range="all")

    head = desk.ask(overview.headline, scope(Choice(range="all"), demo.NOW))
    found = figures(page)
    assert found["Sessions"] == f"{head.sessions:,}"
    assert found["Turns"] == f"{head.turns:,}"
    assert found["Errors"] == f"{head.errors:,}"
    assert found["Complete logs"] == wording.share(head.complete, head.closed)
    assert found["Metered per minute"] == wording.dollars(head.metered_usd_per_minute)
    assert found["Billed per minute"] == f"≥ {wording.dollars(head.billed_usd_per_minute)}"


@pytest.mark.usefixtures("told_page")
def test_the_overview_of_one_model_is_chosen_by_the_address(desk: Desk) -> None:
    page = shown(overview_script, range="all", model="gpt-realtime-mini")

    head = desk.ask(overview.headline, scope(Choice(range="all", facets={"model": ("gpt-realtime-mini",)}), demo.NOW))
    assert page.multiselect(key="model").value == ["gpt-realtime-mini"]
    assert figures(page)["Sessions"] == f"{head.sessions:,}"


@pytest.mark.parametrize("script", SCOPED)
@pytest.mark.usefixtures("told_page")
def test_a_range_without_calls_says_to_choose_a_longer_one(script: Callable[[], None]) -> None:
    page = shown(script, range="15m")

    assert "No calls in this time range" in texts(page)
    assert not page.metric


@pytest.mark.parametrize("script", SCOPED)
@pytest.mark.usefixtures("told_page")
def test_a_filter_that_no_call_passes_stays_and_is_said(script: Callable[[], None]) -> None:
    page = shown(script, range="all", voice="of nobody")

    assert "Voice: of nobody" in texts(page)
    assert "clear a filter" in texts(page)


@pytest.mark.usefixtures("told_page")
def test_the_quality_page_shows_what_is_not_known(desk: Desk) -> None:
    page = shown(quality_script, range="all")

    head = desk.ask(overview.headline, scope(Choice(range="all"), demo.NOW))
    assert figures(page)["Events lost"] == f"{head.events_lost:,}"
    assert figures(page)["Unpriced"] == f"{head.unpriced:,}"
    assert "billed_usd_nanos" in set(page.dataframe[0].value["quantity"])


@pytest.mark.usefixtures("told_page")
def test_the_interruptions_page_shows_the_rate_and_each_class(desk: Desk) -> None:
    page = shown(interruptions_script, range="all")

    head = desk.ask(overview.headline, scope(Choice(range="all"), demo.NOW))
    assert figures(page)["Interruptions"] == f"{wording.rate(head.interruptions_per_100_turns)} per 100"
    for one in desk.ask(overview.interruptions, scope(Choice(range="all"), demo.NOW)):
        assert figures(page)[one.name.capitalize()] == f"{wording.rate(one.per_100_turns)} per 100"


@pytest.mark.usefixtures("told_page")
def test_the_tools_page_shows_every_tool() -> None:
    page = shown(tools_script, range="all")

    assert list(page.dataframe[0].value["tool"]) == ["find_slot"]
    assert figures(page)["find_slot"] == "90 ms"


@pytest.mark.usefixtures("told_page")
def test_the_list_is_narrowed_to_calls_with_errors(told: list[Call]) -> None:
    page = shown(sessions_script, range="all", **{"with": "errors"})

    [table] = page.dataframe
    wrong = {call.session.session_id for call in told if call.session.errors}
    assert set(table.value["session_id"]) == wrong


@pytest.mark.parametrize("script", [*SCOPED, compare_script, sessions_script])
@pytest.mark.usefixtures("empty_page")
def test_without_any_call_the_page_says_how_to_get_the_first(script: Callable[[], None]) -> None:
    page = shown(script)

    assert "No pipeline has written" in texts(page)
    assert 'AsyncOpenAI(websocket_base_url="ws://127.0.0.1:8900/v1")' in texts(page)
    assert "calltape up" in texts(page)


@pytest.mark.usefixtures("told_page")
def test_the_list_shows_every_call(told: list[Call]) -> None:
    page = shown(sessions_script, range="all")

    [table] = page.dataframe
    assert set(table.value["session_id"]) == {call.session.session_id for call in told}


@pytest.mark.usefixtures("told_page")
def test_the_list_is_searched_by_the_address(told: list[Call]) -> None:
    page = shown(sessions_script, range="all", search=told[4].session.session_id)

    [table] = page.dataframe
    assert list(table.value["session_id"]) == [told[4].session.session_id]
    assert "No call matches" in texts(shown(sessions_script, range="all", search="no such words"))


@pytest.mark.usefixtures("told_page")
def test_a_calls_page_shows_its_figures_and_has_room_for_waterfall_and_talk(desk: Desk, told: list[Call]) -> None:
    one = told[5].session
    page = shown(session_script, session=one.session_id)

    found = desk.ask(session.figures, one.session_id)
    assert figures(page)["Turns"] == str(one.turns)
    assert figures(page)["Metered"] == wording.money(found.metered_usd_nanos)
    assert figures(page)["Billed"] == wording.money(found.billed_usd_nanos, found.unpriced)
    assert len(page.get("bidi_component")) == 2


@pytest.mark.usefixtures("told_page")
def test_a_call_that_is_not_recorded_is_said_to_be_none() -> None:
    assert "No call `nonsense` is recorded here" in texts(shown(session_script, session="nonsense"))
    assert "Choose a call" in texts(shown(session_script))


@pytest.mark.usefixtures("told_page")
def test_events_are_filtered_on_the_page(told: list[Call]) -> None:
    one = told[5]
    page = shown(session_script, session=one.session.session_id)

    page.multiselect(key="types").select("response.done").run()

    table = page.dataframe[-1].value
    assert list(table["seq"]) == [event.seq for event in one.events if event.type == "response.done"]


def test_a_page_that_cannot_be_made_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A folder whose path holds a `=` can't be a dataset; any other failure ends in the same place.
    settings = DashboardSettings(data_dir=tmp_path / "a=b")
    monkeypatch.setenv(VARIABLE, settings.model_dump_json())

    page = shown(overview_script)

    assert "This page could not be made" in texts(page)
    assert "calltape doctor" in texts(page)
    assert "Traceback" not in texts(page)


def test_a_pipeline_that_stopped_is_told_from_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.write(tmp_path, demo.calls(2))
    monkeypatch.setenv(VARIABLE, DashboardSettings(data_dir=tmp_path).model_dump_json())
    running = texts(shown(overview_script))

    write_status(tmp_path / "dataset", demo.running(demo.NOW))
    stopped = texts(shown(overview_script))

    assert "Pipeline running" in running
    assert "The pipeline does not run" in stopped


@pytest.mark.usefixtures("told_page")
def test_the_whole_app_opens_on_the_overview() -> None:
    page = AppTest.from_file("../../dashboard/app.py", default_timeout=WITHIN_S).run()

    assert not page.exception
    assert "range" in page.session_state
