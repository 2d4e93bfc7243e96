"""Moving from page to page in a real browser: what the pages are about goes along, and stands in the address."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browsing import Opener, settled
from tests.dashboard.serving import Served, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RUNNING = """document.querySelector("[data-testid=stApp]").dataset.testScriptState === "running" """
ABOUT = "range=all&model=gpt-realtime&voice=marin"


@pytest.fixture(scope="module")
def served(data_dir: Path) -> Iterator[Served]:
    with serving(data_dir) as up:
        yield up


@pytest.fixture(params=["at once", "once it is made"])
def leave(request: pytest.FixtureRequest) -> str:
    """When a page is left: as soon as it has links, or after it has renewed its figures by itself."""
    return str(request.param)


def ready(page: Page, leave: str) -> None:
    if leave == "once it is made":
        settled(page)
        # For a moment only: `expect`, which looks once a second, could miss it again and again.
        page.wait_for_function(RUNNING)
        settled(page)


def move(page: Page, title: str) -> None:
    """By the navigation, at once."""
    page.get_by_test_id("stTopNavLink").filter(has_text=title).click()


def is_about(page: Page, path: str, about: str) -> None:
    """The page is at this path, and its address says this and nothing else."""

    def there(url: str) -> bool:
        found = urlsplit(url)
        return found.path == f"/{path}" and parse_qs(found.query) == parse_qs(about)

    page.wait_for_url(there)


def shows_filters(page: Page) -> None:
    expect(page.get_by_text("Model: gpt-realtime · Voice: marin")).to_be_visible()
    expect(page.get_by_role("radio", name="all", exact=True)).to_be_checked()


def shows_none(page: Page) -> None:
    expect(page.get_by_role("radio", name="24h")).to_be_checked()
    expect(page.get_by_role("button", name="Filters", exact=True)).to_be_visible()


def test_the_filters_go_along_and_a_copied_address_shows_the_same(
    served: Served, opened: Opener, complaints: list[str], leave: str
) -> None:
    page = opened(f"{served.url}/latency?{ABOUT}")
    for title in ("Cost", "Quality", "Overview"):
        expect(page.get_by_test_id("stTopNavLink").filter(has_text=title)).to_be_visible()
        ready(page, leave)
        move(page, title)
        is_about(page, "" if title == "Overview" else title.lower(), ABOUT)
    shows_filters(page)

    shows_filters(opened(page.url))
    assert complaints == []


def test_they_outlast_a_page_that_has_none(served: Served, opened: Opener, complaints: list[str], leave: str) -> None:
    page = opened(f"{served.url}/latency?{ABOUT}")
    ready(page, leave)
    move(page, "SQL")
    expect(page.get_by_role("textbox", name="Question in SQL")).to_be_visible()
    move(page, "Tools")

    is_about(page, "tools", ABOUT)
    shows_filters(page)
    assert complaints == []


def test_a_range_that_was_just_chosen_goes_along(served: Served, opened: Opener, complaints: list[str]) -> None:
    page = opened(f"{served.url}/latency?{ABOUT}")
    shows_filters(page)
    page.get_by_role("radio", name="7d").click()
    move(page, "Cost")

    is_about(page, "cost", ABOUT.replace("all", "7d"))
    expect(page.get_by_role("radio", name="7d")).to_be_checked()
    assert complaints == []


def test_what_is_cleared_stays_cleared_on_the_next_page(served: Served, opened: Opener, complaints: list[str]) -> None:
    page = opened(f"{served.url}/latency?{ABOUT}")
    shows_filters(page)
    page.get_by_role("button", name="Filters (2)").click()
    page.get_by_role("button", name="Clear all filters").click()
    is_about(page, "latency", "range=all")
    # The address comes before the emptied filters: what they hold until then would be sent with the next click.
    settled(page)
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="24h").click()
    is_about(page, "latency", "")

    for title in ("Cost", "SQL", "Quality"):
        move(page, title)
        is_about(page, title.lower(), "")
    shows_none(page)
    assert complaints == []


def test_back_and_forward_show_what_their_address_says(served: Served, opened: Opener, complaints: list[str]) -> None:
    page = opened(f"{served.url}/latency?{ABOUT}")
    shows_filters(page)
    settled(page)
    move(page, "Cost")
    is_about(page, "cost", ABOUT)
    expect(page.get_by_role("heading", name="What if")).to_be_visible()
    shows_filters(page)

    page.go_back()
    expect(page.get_by_role("heading", name="The slowest turns")).to_be_visible()
    is_about(page, "latency", ABOUT)
    shows_filters(page)

    page.go_forward()
    expect(page.get_by_role("heading", name="What if")).to_be_visible()
    is_about(page, "cost", ABOUT)
    shows_filters(page)
    assert complaints == []


def test_a_link_says_all_that_its_page_is_about(
    served: Served, opened: Opener, complaints: list[str], leave: str
) -> None:
    page = opened(f"{served.url}/?{ABOUT}")
    link = page.locator("[class*='figures-card-Turns']").get_by_role("link")
    expect(link).to_be_visible()
    ready(page, leave)
    link.click()

    is_about(page, "latency", ABOUT)
    shows_filters(page)
    page.reload()
    expect(page.get_by_role("heading", name="The slowest turns")).to_be_visible()
    shows_filters(page)
    assert re.search(r"[?&]set_", page.url) is None
    assert complaints == []
