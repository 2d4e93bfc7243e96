"""The pages in a real browser: they open without a word on the console, filter by their address, and play the call."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from dashboard import wording
from dashboard.desk import Desk
from dashboard.queries import cost, overview, session
from dashboard.window import Choice, scope
from pipeline.domain import facts
from tests.dashboard import demo
from tests.dashboard.browsing import Opener, click_cell, figure, fits, metric, played_to, settled
from tests.dashboard.demo import Call, rows_of
from tests.dashboard.serving import Served, serving

# Playwright keeps a loop of its own running, in which nothing else of the same thread may start another.
pytestmark = [pytest.mark.browser, pytest.mark.slow]

CUT_OFF = """
[...document.querySelectorAll("[role=radiogroup]")].filter(one => one.scrollWidth > one.clientWidth)
    .map(one => one.ariaLabel)
"""
"""Choices of which some lie out of sight."""
ANALYTICS = ("latency", "interruptions", "cost", "tools", "quality")


@pytest.fixture(scope="module")
def served(data_dir: Path) -> Iterator[Served]:
    with serving(data_dir) as up:
        yield up


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_opens_without_a_word_on_the_console(
    served: Served, told: list[Call], opened: Opener, complaints: list[str], *, width: int, scheme: str
) -> None:
    call = told[5].session.session_id
    for path in (
        "",
        "?range=all",
        *(f"{name}?range=all" for name in ANALYTICS),
        "sessions",
        f"session?session={call}",
        "session",
        "compare?range=all&b_range=all&b_model=gpt-realtime",
    ):
        page = opened(f"{served.url}/{path}", width=width, scheme=scheme)
        expect(page.get_by_test_id("stMainBlockContainer")).to_be_visible()
        settled(page)

        assert page.get_by_test_id("stException").count() == 0
        fits(page)
        page.wait_for_function(f"({CUT_OFF}).length == 0")
        # Left open, it would go on asking for new figures beside those that are opened after it.
        page.close()
    assert complaints == []


def test_the_figures_on_the_page_are_those_of_the_sql(served: Served, desk: Desk, opened: Opener) -> None:
    page = opened(f"{served.url}/?range=all")
    expect(page.get_by_text("Perceived p50", exact=True)).to_be_visible()

    [row] = desk.dataset.cursor().sql("select count(*), sum(turns), sum(errors) from sessions").fetchall()
    head = desk.ask(overview.headline, scope(Choice(range="all"), demo.NOW))
    expect(metric(page, "Sessions")).to_have_text(str(row[0]))
    expect(metric(page, "Turns")).to_have_text(str(row[1]))
    expect(metric(page, "Errors")).to_have_text(str(row[2]))
    expect(metric(page, "Metered per minute")).to_have_text(wording.dollars(head.metered_usd_per_minute))


def test_the_address_filters_and_the_filter_stands_in_the_address(served: Served, desk: Desk, opened: Opener) -> None:
    mini = desk.ask(overview.headline, scope(Choice(range="all", facets={"model": ("gpt-realtime-mini",)}), demo.NOW))
    every = desk.ask(overview.headline, scope(Choice(range="all"), demo.NOW))

    page = opened(f"{served.url}/?range=all&model=gpt-realtime-mini")
    expect(page.get_by_text("Perceived p50", exact=True)).to_be_visible()
    assert mini.sessions != every.sessions
    expect(metric(page, "Sessions")).to_have_text(str(mini.sessions))

    page.get_by_role("radio", name="15m").or_(page.get_by_role("button", name="15m")).first.click()
    expect(page.get_by_text("No calls in this time range")).to_be_visible()
    expect(page).to_have_url(re.compile("range=15m"))
    expect(page).to_have_url(re.compile("model=gpt-realtime-mini"))


def test_one_is_led_from_an_error_to_the_call_that_had_it(served: Served, told: list[Call], opened: Opener) -> None:
    last = max(rows_of(told, facts.SessionError), key=lambda error: error.at)

    page = opened(f"{served.url}/?range=all")
    page.get_by_role("link", name="Open the last call with the most frequent error").click()

    expect(page.get_by_text(f"Session {last.session_id}")).to_be_visible()
    expect(page).to_have_url(re.compile(f"session={last.session_id}"))


def test_one_is_led_from_the_dearest_call_to_its_page(
    served: Served, desk: Desk, opened: Opener, complaints: list[str]
) -> None:
    mini = scope(Choice(range="all", facets={"model": ("gpt-realtime-mini",)}), demo.NOW)
    first = desk.ask(cost.dearest, mini, order="metered")[0]

    page = opened(f"{served.url}/cost?range=all&model=gpt-realtime-mini&most=metered&what_if=text+for+speech")
    expect(page.get_by_role("cell", name="metered then")).to_be_visible()
    settled(page)
    click_cell(page.locator(".st-key-dearest").get_by_test_id("stDataFrame"), 15, 52)

    expect(page.get_by_text(f"Session {first.session_id}")).to_be_visible()
    assert complaints == []


def test_a_row_of_a_breakdown_filters_its_own_page(served: Served, opened: Opener, complaints: list[str]) -> None:
    page = opened(f"{served.url}/cost?range=all")
    expect(page.get_by_role("heading", name="What if")).to_be_visible()
    settled(page)
    click_cell(page.locator(".st-key-money-by-model").get_by_test_id("stDataFrame"), 15, 52)

    expect(page.get_by_text("Model: gpt-realtime", exact=False)).to_be_visible()
    page.wait_for_url(re.compile(r"/cost\?range=all&model=gpt-realtime(-mini)?$"))
    assert complaints == []


def test_two_cohorts_stand_in_the_address_and_are_swapped(
    served: Served, desk: Desk, opened: Opener, complaints: list[str]
) -> None:
    heads = {
        name: desk.ask(overview.headline, scope(Choice(range="all", facets={"model": (name,)}), demo.NOW))
        for name in demo.MODELS
    }
    page = opened(f"{served.url}/compare?range=all&model=gpt-realtime&b_range=all&b_model=gpt-realtime-mini")
    expect(page.get_by_text("A · Metered per minute")).to_be_visible()
    settled(page)
    large, small = (wording.dollars(head.metered_usd_per_minute) for head in heads.values())
    assert large != small
    expect(metric(page, "A · Metered per minute")).to_have_text(large)
    expect(metric(page, "B · Metered per minute")).to_have_text(small)

    page.get_by_role("button", name="Swap A and B").click()
    page.wait_for_url(re.compile(r"[?&]model=gpt-realtime-mini.*b_model=gpt-realtime($|&)"))
    expect(metric(page, "A · Metered per minute")).to_have_text(small)
    expect(metric(page, "B · Metered per minute")).to_have_text(large)
    settled(page)

    with page.expect_popup() as beside:
        page.locator(".st-key-measure-card-metered").get_by_role("link", name="look").last.click()
    expect(beside.value.get_by_text("Model: gpt-realtime")).to_be_visible()
    expect(metric(beside.value, "Metered per minute")).to_have_text(large)
    assert complaints == []


def test_a_figure_leads_to_what_it_was_counted_over(served: Served, opened: Opener, complaints: list[str]) -> None:
    page = opened(f"{served.url}/?range=all&model=gpt-realtime")
    expect(page.get_by_text("Wire p50", exact=True)).to_be_visible()
    settled(page)
    wire = figure(page, "Wire p50")
    # The measure is chosen on both pages: the link's word counts, not what was chosen before.
    page.locator("[class*='figures-card-Wire-p50']").get_by_role("link", name="turns").click()
    expect(page.get_by_role("heading", name="The slowest turns")).to_be_visible()
    expect(page.get_by_text("Model: gpt-realtime")).to_be_visible()
    expect(page.get_by_text("Perceived p50", exact=True)).to_have_count(0)
    expect(metric(page, "Wire p50")).to_have_text(wire)
    settled(page)

    page.goto(f"{served.url}/interruptions?range=all")
    expect(page.get_by_role("heading", name="Each of them")).to_be_visible()
    settled(page)
    assert page.locator("[class*='cuts-card-']").get_by_role("link").count() == 0
    assert complaints == []


def test_a_call_is_played_and_the_position_moves_over_it(served: Served, told: list[Call], opened: Opener) -> None:
    call = told[5].session
    page = opened(f"{served.url}/session?session={call.session_id}")
    player, head = page.locator("audio"), page.locator("[data-part=head]")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(head).to_be_visible()
    played_to(page, 1)
    before = x_of(head)
    played_to(page, player.evaluate("element => element.currentTime") + 1)

    expect(page.locator("[data-part=time]")).to_contain_text(re.compile(r"^0:(0[2-9]|1)"))
    page.wait_for_function(
        "([head, before]) => head.getBoundingClientRect().x > before", arg=[head.element_handle(), before]
    )
    assert player.evaluate("element => element.duration") == pytest.approx(call.duration_ms / 1000, abs=0.05)
    assert player.evaluate("element => element.error") is None
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert player.evaluate("element => element.paused")


def x_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["x"]


def test_one_turn_is_played_to_its_end(served: Served, told: list[Call], opened: Opener) -> None:
    page = opened(f"{served.url}/session?session={told[5].session.session_id}")
    turn = max(rows_of([told[5]], facts.Turn), key=lambda row: row.turn_index)
    expect(page.get_by_role("button", name="Play the next turn")).to_be_enabled()
    page.get_by_role("button", name="Speed").click()
    page.get_by_role("button", name="Speed").click()

    for _ in range(turn.turn_index + 1):
        page.get_by_role("button", name="Play the next turn").click()

    expect(page.locator("[data-part=turn]")).to_have_text(f"turn {turn.turn_index}")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert turn.playout_end_elapsed_ms is not None
    stopped = page.locator("audio").evaluate("element => element.currentTime")
    assert stopped == pytest.approx(turn.playout_end_elapsed_ms / 1000, abs=0.5)


def test_what_was_said_is_heard_from_where_it_was_said(served: Served, told: list[Call], opened: Opener) -> None:
    page = opened(f"{served.url}/session?session={told[5].session.session_id}")
    second = next(turn for turn in rows_of([told[5]], facts.Turn) if turn.turn_index == 1)
    page.get_by_role("button", name=demo.SAID[1][0]).click()

    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator("li[aria-current]")).to_contain_text(demo.SAID[1][0])
    assert second.speech_started_elapsed_ms is not None
    assert (
        page.locator("audio").evaluate("element => element.currentTime")
        >= second.speech_started_elapsed_ms / 1000 - 0.2
    )


def test_a_calls_page_shows_its_words_and_figures(served: Served, desk: Desk, told: list[Call], opened: Opener) -> None:
    call = told[5].session
    page = opened(f"{served.url}/session?session={call.session_id}")
    expect(page.get_by_text(demo.SAID[0][0])).to_be_visible()

    money = desk.ask(session.figures, call.session_id)
    expect(metric(page, "Turns")).to_have_text(str(call.turns))
    expect(metric(page, "Metered")).to_have_text(wording.money(money.metered_usd_nanos))
    expect(metric(page, "Billed")).to_have_text(wording.money(money.billed_usd_nanos, money.unpriced))


def test_a_chosen_event_shows_its_message(served: Served, told: list[Call], opened: Opener) -> None:
    page = opened(f"{served.url}/session?session={told[5].session.session_id}")
    expect(page.get_by_text("Choose one to see its message")).to_be_visible()
    settled(page)
    table = page.get_by_test_id("stDataFrame").last

    # Its first row's check box lies below the head, at the left.
    click_cell(table, 15, 52)

    expect(page.get_by_text("Event 0 · recorder · session.opened")).to_be_visible()
    expect(page.get_by_test_id("stJson").last).to_contain_text("relay")


def test_a_new_user_sees_what_to_do_and_then_the_first_call(
    tmp_path: Path, opened: Opener, complaints: list[str]
) -> None:
    with serving(tmp_path) as fresh:
        page = opened(f"{fresh.url}/")
        expect(page.get_by_text("No calls recorded yet")).to_be_visible()
        expect(page.get_by_text("AsyncOpenAI")).to_be_visible()

        demo.write(tmp_path, demo.calls(2, until=datetime.now(UTC), every=timedelta(minutes=1)))

        # By itself: nobody reloads the page.
        expect(page.get_by_text("Perceived p50", exact=True)).to_be_visible()
        expect(metric(page, "Sessions")).to_have_text("2")
        expect(page.get_by_text("listening")).to_be_visible()
        assert complaints == []
