"""The page of an hour-long call in a real browser: heard from anywhere, followed, zoomed, and all of it by keys."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from dashboard import wording
from tests.dashboard.browsing import Opener, metric, played_to
from tests.dashboard.long_call import HOUR, TURN_S
from tests.dashboard.serving import Served, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TURN = 200
FAR_S = TURN * TURN_S


@pytest.fixture(scope="module")
def served(hour: Path) -> Iterator[Served]:
    with serving(hour) as up:
        yield up


def current_s(page: Page) -> float:
    return float(page.locator("audio").evaluate("element => element.currentTime"))


def left_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["x"]


def test_an_hour_is_heard_from_where_one_clicks_and_the_position_moves_over_it(
    served: Served, opened: Opener, complaints: list[str]
) -> None:
    page = opened(f"{served.url}/session?session={HOUR}")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    expect(metric(page, "Length")).to_have_text(wording.duration(3_600_000))
    page.get_by_role("button", name=f"This is what the user says in turn {TURN}.").click()

    expect(page.locator("[data-part=turn]")).to_have_text(f"turn {TURN}")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    for _ in range(7):
        page.get_by_role("button", name="Zoom in").click()
    clock, head = page.locator("[data-part=time]"), page.locator("[data-part=head]")
    expect(clock).to_contain_text(re.compile(r"^50:(0[3-9]|[1-5])"))
    before_s, before = current_s(page), left_of(head)
    assert before_s >= FAR_S
    played_to(page, before_s + 2)
    # Zoomed in to half a minute, two seconds are many pixels wide.
    moved = "([head, before]) => head.getBoundingClientRect().x > before + 10"
    page.wait_for_function(moved, arg=[head.element_handle(), before])
    expect(clock).to_contain_text(re.compile(rf"^(?!{wording.clock(before_s)})5"))
    assert page.locator("audio").evaluate("element => [element.duration, element.error]") == [3600, None]

    page.get_by_role("button", name="Play the next turn").click()
    expect(page.locator("[data-part=turn]")).to_have_text(f"turn {TURN + 1}")
    assert complaints == []


def test_the_pieces_are_reached_chosen_and_heard_by_keys(served: Served, opened: Opener, complaints: list[str]) -> None:
    page = opened(f"{served.url}/session?session={HOUR}")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    # From the head of the page to the waterfall by the tab key alone.
    box, said = page.locator("[data-part=box]"), page.locator("[data-part=said]")
    for _ in range(40):
        page.keyboard.press("Tab")
        if box.evaluate("element => element.getRootNode().activeElement === element"):
            break
    expect(box).to_be_focused()

    page.keyboard.press("ArrowRight")
    expect(said).to_have_text("user speech, turn 0, at 0:01.2")
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("turn 0")
    page.keyboard.press("ArrowLeft")
    expect(said).to_have_text("user speech, turn 0, at 0:01.2")
    # The chosen piece is explained below.
    expect(page.get_by_text("perceived_latency_ms").first).to_be_visible()

    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("]")
    expect(page.locator("[data-part=turn]")).to_have_text("turn 1")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert page.locator("audio").evaluate("element => element.paused")
    # What is zoomed to is where the keys go on from.
    for _ in range(6):
        page.keyboard.press("+")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(said).to_contain_text(re.compile(r"turn [1-3],|turn [1-3]$|r[1-3],"))
    assert complaints == []
