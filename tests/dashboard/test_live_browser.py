"""The Live page in a real browser while a real call goes through simulator, relay and pipeline."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboard import wording
from pipeline.dataset import Reader
from tests.dashboard.browsing import WITHIN_MS, Opener, figure

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Time enough for a browser to have opened the page, for a tool that takes long enough to compare figures meanwhile, and
# for a look at the call before it is over: also on a slow machine, which a call in real time does not wait for.
CALL = """
[[calls]]
name = "robot"
model = "gpt-realtime-mini"
transcription = "whisper-1"
starts_ms = 15000
instructions = "You steer a robot by voice. Call the tool at once, without a word before; then say what the robot did."
steps = [{ do = "speak", what = "go_forward_ten_meters" }, { do = "hear" }, { do = "wait", after_ms = 20000 }]

[[calls.tools]]
name = "move_robot"
description = "Move the robot. Returns where it is afterwards."
answer = '{"moved": true, "position_m": 10}'
takes_ms = 20000
[calls.tools.parameters]
type = "object"
[calls.tools.parameters.properties]
direction = { type = "string" }
metres = { type = "number" }
"""
PORTS = ("--ingest-port", "0", "--dashboard-port", "0", "--simulate-port", "0")
SO_FAR = "select session_id, turns, metered_usd_nanos, billed_usd_nanos, unpriced from sessions where status = 'open'"


@pytest.fixture
def trying_out(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """All of Calltape at work, about to hold a call; the dashboard's address and the data directory."""
    calls, data_dir = tmp_path / "calls.toml", tmp_path / "data"
    calls.write_text(CALL)
    command = [sys.executable, "-m", "calltape", "up", "--tryout", "--calls", str(calls), "--data-dir", str(data_dir)]
    environment = os.environ | {"CALLTAPE_INGEST_METRICS_PORT": "-1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, *PORTS], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as running:
        assert running.stdout is not None
        while "dashboard " not in (line := running.stdout.readline()):
            assert line, "calltape up ended before it was up"
        yield line.split()[1], data_dir
        running.send_signal(signal.SIGINT)
        running.stdout.read()


def so_far(data_dir: Path) -> tuple[str, int, int, int, int]:
    reader = Reader(data_dir / "dataset")
    try:
        [found] = reader.cursor().sql(SO_FAR).fetchall()
    finally:
        reader.close()
    return found


def until(page: Page, true: Callable[[], bool]) -> None:
    """Look again and again: `expect` looks once a second, and looks at one thing."""
    deadline = time.monotonic() + WITHIN_MS / 1000
    while not true():
        assert time.monotonic() < deadline, page.locator("body").inner_text()
        page.wait_for_timeout(50)


def agreed(page: Page, data_dir: Path) -> tuple[str, int, int]:
    """The call's id, turns and metered cost, once the page says the same as SQL does: more may be priced meanwhile."""
    row = page.locator("tbody tr")
    for _ in range(40):
        session_id, turns, metered, billed, unpriced = so_far(data_dir)
        told = [row.locator(f".{name}").inner_text() for name in ("turns", "metered", "billed")]
        told.append(figure(page, "Cost so far"))
        expected = [str(turns), wording.money(metered), wording.money(billed, unpriced), wording.money(metered)]
        if told == expected:
            break
        page.wait_for_timeout(300)
    assert told == expected
    return session_id, turns, metered


def test_a_call_is_seen_to_begin_to_change_hands_and_to_leave(
    trying_out: tuple[str, Path], opened: Opener, complaints: list[str]
) -> None:
    url, data_dir = trying_out
    page = opened(f"{url}/live")
    expect(page.get_by_text("No calls recorded yet")).to_be_visible()

    state = page.locator("tbody tr .state")
    # Both are renewed together, but one is drawn before the other; and the user speaks for a few seconds only.
    until(page, lambda: "user speaking" in state.inner_text() and figure(page, "User speaking") == "1")
    expect(state).to_contain_text("tool running move_robot")
    row, head = page.locator("tbody tr"), page.locator("thead")
    before = head.bounding_box()
    expect(row.locator(".since")).to_have_text(re.compile("0:(0[2-9]|1)"))
    session_id, turns, metered = agreed(page, data_dir)
    assert turns == 1
    assert metered > 0
    # Nothing has moved while figures were renewed, and the row is the same element.
    assert head.bounding_box() == before
    assert row.get_attribute("data-session") == session_id

    until(page, lambda: "agent speaking" in state.inner_text())
    expect(row.locator(".last")).to_contain_text(" s")
    row.click()
    expect(page.get_by_text(f"Session {session_id}")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("No call is in progress")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(0)
    assert complaints == []
