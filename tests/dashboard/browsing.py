"""Pages in a headless Chromium, and what they must not say: errors on the console, requests to anywhere else."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.browser import MISSING, found

WITHIN_MS = 60_000
"""Patience costs nothing where all goes well, and a slow machine with other work on it needs some."""
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


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser within the block. Playwright keeps a loop of its own, beside which no other may start in the thread."""
    path = found()
    assert path is not None, MISSING
    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield opened
        opened.close()


@contextmanager
def opening(browser: Browser, complaints: list[str]) -> Iterator[Opener]:
    """What opens an address in a window of its own, and writes down what its pages complain of."""
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

    try:
        yield opener
    finally:
        for context in contexts:
            context.close()


def _heard(message: ConsoleMessage, complaints: list[str]) -> None:
    if message.type == "error":
        complaints.append(message.text)


def _watched(url: str, complaints: list[str]) -> None:
    if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", url):
        complaints.append(f"asked elsewhere: {url}")


def settled(page: Page) -> None:
    """The page is connected, and its script has run to its end."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-connection-state", "CONNECTED")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")


def metric(page: Page, label: str) -> Locator:
    """The value of the metric with this label, to be waited for: what stood there before may stand there for a while."""
    found = page.get_by_test_id("stMetric").filter(has=page.get_by_text(label, exact=True))
    return found.get_by_test_id("stMetricValue")


def figure(page: Page, label: str) -> str:
    """What the metric with this label says now; of a page that is settled."""
    return metric(page, label).inner_text()


def fits(page: Page) -> None:
    """Nothing hangs out at the side, once everything is drawn: the page itself never scrolls sideways."""
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")


def click_cell(table: Locator, x: int, y: int) -> None:
    """Click a table at this place. It is drawn on a canvas, and takes no click before its cells are there."""
    expect(table.locator("canvas").first).to_be_visible()
    expect(table.locator("[role=gridcell]").first).to_be_attached()
    table.click(position={"x": x, "y": y})


def played_to(page: Page, at_s: float) -> None:
    """The call has been played to this moment at least. A clock that shows each second for a second can be missed."""
    player = page.locator("audio").element_handle()
    page.wait_for_function("([element, at]) => element.currentTime >= at", arg=[player, at_s])
