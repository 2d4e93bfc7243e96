"""Pages in a real browser where there is nothing, where everything is just made anew, and for one without a mouse."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboard import addresses
from tests.dashboard import demo
from tests.dashboard.browsing import Opener, fits, settled
from tests.dashboard.demo import Call
from tests.dashboard.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FAILED = "This page could not be made"


def test_every_page_says_what_to_do_where_nothing_was_ever_recorded(
    tmp_path: Path, opened: Opener, complaints: list[str]
) -> None:
    with serving(tmp_path) as empty:
        for place, address in enumerate(addresses.ALL):
            width, scheme = ((1280, "dark"), (390, "light"))[place % 2]
            page = opened(f"{empty.url}/{address.path}", width=width, scheme=scheme)
            said = {
                addresses.SESSION: "Choose a call on the Sessions page",
                addresses.SQL: "Reads only: SELECT",
            }.get(address, "No calls recorded yet")
            expect(page.get_by_text(said).first).to_be_visible()
            settled(page)

            assert page.get_by_text(FAILED).count() == 0, address.title
            fits(page)
            # Left open, each of them would go on looking for the first call every second.
            page.close()
    assert complaints == []


def test_pages_go_on_showing_while_the_tables_are_made_anew(
    tmp_path: Path, told: list[Call], opened: Opener, complaints: list[str]
) -> None:
    demo.write(tmp_path, told)
    with serving(tmp_path) as up, rebuilding(tmp_path) as rebuilt:
        for address in (addresses.OVERVIEW, addresses.SESSIONS, addresses.SESSION, addresses.LATENCY):
            call = f"session={told[5].session.session_id}&" if address == addresses.SESSION else ""
            page = opened(f"{up.url}/{address.path}?{call}range=all")
            expect(page.get_by_test_id("stMainBlockContainer")).to_be_visible()
            settled(page)

            assert page.get_by_text(FAILED).count() == 0, address.title
            assert page.get_by_text("No calls recorded yet").count() == 0, address.title
            page.close()
    assert len(rebuilt) > 1
    assert set(rebuilt) == {str(len(told))}
    assert complaints == []


def test_navigation_and_filters_are_reached_by_the_keyboard_alone(
    tmp_path: Path, told: list[Call], opened: Opener, complaints: list[str]
) -> None:
    demo.write(tmp_path, told)
    with serving(tmp_path) as up:
        page = opened(f"{up.url}/?range=all")
        expect(page.get_by_text("Perceived p50", exact=True)).to_be_visible()
        settled(page)

        press_until(page, "Filters")
        page.keyboard.press("Enter")
        expect(page.get_by_text("From day (UTC)")).to_be_visible()

        page.reload()
        expect(page.get_by_text("Perceived p50", exact=True)).to_be_visible()
        settled(page)
        press_until(page, "Sessions")
        page.wait_for_function(f'{OUTLINE} == "solid"')
        page.keyboard.press("Enter")
        expect(page.get_by_role("textbox", name="Search")).to_be_visible()
        expect(page).to_have_url(re.compile("/sessions"))
        settled(page)

        page.goto(f"{up.url}/sessions?range=all")
        # Tab leads into the table without opening a call; the second is opened, and played.
        expect(page.get_by_test_id("stDataFrame").locator("[role=gridcell]").first).to_be_attached()
        settled(page)
        press_until(page, "CANVAS")
        expect(page.get_by_text("Shift and space open")).to_be_visible()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Shift+Space")
        expect(page.get_by_text(f"Session {told[-2].session.session_id}")).to_be_visible()
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
        settled(page)
        press_until(page, "Waterfall of the call.")
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert complaints == []


FOCUSED = """
() => {
  let at = document.activeElement;
  while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at.tagName == "CANVAS" ? "CANVAS" : at.ariaLabel?.startsWith("Waterfall") ? at.ariaLabel.split(" ", 4).join(" ")
    : at.innerText || at.ariaLabel || "";
}
"""
"""What the element that has the focus says, also within a part of ours."""
OUTLINE = "getComputedStyle(document.activeElement).outlineStyle"
REBUILDS = """
import sys
from pathlib import Path
from pipeline import runner
from pipeline.rebuild import rebuild
while True:
    print(rebuild(Path(sys.argv[1]), runner.default_step()).sessions, flush=True)
"""


@contextmanager
def rebuilding(data_dir: Path) -> Iterator[list[str]]:
    """A process that makes the tables anew again and again within the block. Gives how many calls each time had."""
    found: list[str] = []
    command = [sys.executable, "-c", REBUILDS, str(data_dir / "dataset")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found.append(process.stdout.readline().strip())
        try:
            yield found
            # Pages may be quicker than a rebuild is: there was one more of them, which began before the last page.
            found.append(process.stdout.readline().strip())
        finally:
            process.terminate()
        found += process.stdout.read().split()


def press_until(page: Page, name: str, at_most: int = 60) -> None:
    """Go from one element to the next by Tab until the one with this name has the focus."""
    seen = []
    for _ in range(at_most):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        lines = [line for line in focused.splitlines() if line]
        # An icon is drawn from its name, so a button's text has a line more at either side.
        if name in lines and len(lines) <= len(("icon", name, "icon")):
            return
        seen.append(focused.strip())
    raise AssertionError(f"{name} is not reached by Tab: {seen}")
