"""The pages in a real browser: they open without a word on the console, filter by their address, and play the call."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from dashboard import wording
from dashboard.desk import Desk
from dashboard.queries import overview, session
from dashboard.window import scope
from pipeline.domain import facts
from tests.browser import MISSING, found
from tests.dashboard import demo
from tests.dashboard.demo import Call, rows_of
from tests.dashboard.serving import Served, serving

# Playwright keeps a loop of its own running, in which nothing else of the same thread may start another.
pytestmark = [pytest.mark.browser, pytest.mark.slow]

WITHIN_MS = 30_000
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
]
Opener = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = found()
    assert path is not None, MISSING
    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served(data_dir: Path) -> Iterator[Served]:
    with serving(data_dir) as up:
        yield up


@pytest.fixture
def complaints() -> list[str]:
    """What a page said that it should not have: errors on its console, and requests to anywhere else."""
    return []


@pytest.fixture
def opened(browser: Browser, complaints: list[str]) -> Iterator[Opener]:
    contexts = []

    def opener(url: str, *, width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WITHIN_MS)
        page.on("console", lambda message: _heard(message, complaints))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: _watched(request.url, complaints))
        page.goto(url)
        return page

    yield opener
    for context in contexts:
        context.close()


def _heard(message: ConsoleMessage, complaints: list[str]) -> None:
    if message.type == "error":
        complaints.append(message.text)


def _watched(url: str, complaints: list[str]) -> None:
    if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", url):
        complaints.append(f"asked elsewhere: {url}")


def settled(page: Page) -> None:
    """The script of the page has run to its end."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=WITHIN_MS)


def figure(page: Page, label: str) -> str:
    """The value of the metric with this label."""
    metric = page.get_by_test_id("stMetric").filter(has=page.get_by_text(label, exact=True))
    return metric.get_by_test_id("stMetricValue").inner_text()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_opens_without_a_word_on_the_console(
    served: Served, told: list[Call], opened: Opener, complaints: list[str], *, width: int, scheme: str
) -> None:
    call = told[5].session.session_id
    for path in ("", "?range=all", "sessions", f"session?session={call}", "session"):
        page = opened(f"{served.url}/{path}", width=width, scheme=scheme)
        expect(page.get_by_test_id("stMainBlockContainer")).to_be_visible()
        settled(page)

        assert page.get_by_test_id("stException").count() == 0
        # Nothing hangs out at the side: the page itself never scrolls sideways.
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert complaints == []


def test_the_figures_on_the_page_are_those_of_the_sql(served: Served, desk: Desk, opened: Opener) -> None:
    page = opened(f"{served.url}/?range=all")
    expect(page.get_by_text("Perceived p50", exact=True)).to_be_visible()

    [row] = desk.dataset.cursor().sql("select count(*), sum(turns), sum(errors) from sessions").fetchall()
    head = desk.ask(overview.headline, scope("all", (), demo.NOW))
    assert figure(page, "Sessions") == str(row[0])
    assert figure(page, "Turns") == str(row[1])
    assert figure(page, "Errors") == str(row[2])
    assert figure(page, "Metered per minute") == wording.dollars(head.metered_usd_per_minute)


def test_the_address_filters_and_the_filter_stands_in_the_address(served: Served, desk: Desk, opened: Opener) -> None:
    mini = desk.ask(overview.headline, scope("all", ("gpt-realtime-mini",), demo.NOW))
    every = desk.ask(overview.headline, scope("all", (), demo.NOW))

    page = opened(f"{served.url}/?range=all&model=gpt-realtime-mini")
    expect(page.get_by_text("Perceived p50", exact=True)).to_be_visible()
    assert figure(page, "Sessions") == str(mini.sessions) != str(every.sessions)

    page.get_by_role("radio", name="15m").or_(page.get_by_role("button", name="15m")).first.click()
    expect(page.get_by_text("No calls in this time range")).to_be_visible()
    assert "range=15m" in page.url
    assert "model=gpt-realtime-mini" in page.url


def test_one_is_led_from_an_error_to_the_call_that_had_it(served: Served, told: list[Call], opened: Opener) -> None:
    last = max(rows_of(told, facts.SessionError), key=lambda error: error.at)

    page = opened(f"{served.url}/?range=all")
    page.get_by_role("link", name="Open the last call with the most frequent error").click()

    expect(page.get_by_text(f"Session {last.session_id}")).to_be_visible()
    assert f"session={last.session_id}" in page.url


def test_both_sides_of_a_call_are_played(served: Served, told: list[Call], opened: Opener) -> None:
    call = told[5].session
    page = opened(f"{served.url}/session?session={call.session_id}")
    player = page.locator("audio").first
    expect(player).to_be_attached()

    player.evaluate("element => element.play()")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.3")

    assert player.evaluate("element => element.duration") == pytest.approx(call.duration_ms / 1000, abs=0.05)
    assert player.evaluate("element => element.error") is None


def test_a_calls_page_shows_its_words_and_figures(served: Served, desk: Desk, told: list[Call], opened: Opener) -> None:
    call = told[5].session
    page = opened(f"{served.url}/session?session={call.session_id}")
    expect(page.get_by_text(demo.SAID[0][0])).to_be_visible()

    money = desk.ask(session.figures, call.session_id)
    assert figure(page, "Turns") == str(call.turns)
    assert figure(page, "Metered") == wording.money(money.metered_usd_nanos)
    assert figure(page, "Billed") == wording.money(money.billed_usd_nanos, money.unpriced)


def test_a_chosen_event_shows_its_message(served: Served, told: list[Call], opened: Opener) -> None:
    page = opened(f"{served.url}/session?session={told[5].session.session_id}")
    expect(page.get_by_text("Choose one to see its message")).to_be_visible()
    settled(page)
    table = page.get_by_test_id("stDataFrame").last

    # The table is drawn on a canvas: its first row's check box lies below the head, at the left.
    table.click(position={"x": 15, "y": 52})

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
        assert figure(page, "Sessions") == "2"
        expect(page.get_by_text("listening")).to_be_visible()
        assert complaints == []
