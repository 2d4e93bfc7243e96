"""Takes the README's pictures from a running dashboard: `python docs/screenshots.py http://127.0.0.1:8902`.

The session pictured is the one in which the most happened, unless `--session` names another; one of its
interruptions is chosen, so that its arithmetic shows. With `--live` the Live page as well, once so many calls are in
progress: hold them meanwhile, with `calltape call`.
"""

import argparse
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.dataset import Reader
from tests.browser import MISSING, found

RICHEST = """
select session_id from sessions where status = 'closed'
order by interruptions desc, tool_calls desc, turns desc, opened_at desc limit 1
"""
FOLDER = Path(__file__).parent
WIDTH = 1280
SIZE_MAX = 500_000
WITHIN_MS = 60_000
PIECES_MAX = 100
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def main() -> int:
    """All pictures; 1 where one is larger than a README should carry."""
    arguments = _arguments()
    path = found()
    if path is None:
        sys.exit(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        page = browser.new_page(
            viewport={"width": WIDTH, "height": 900}, color_scheme="dark" if arguments.dark else "light"
        )
        page.set_default_timeout(WITHIN_MS)
        # Calls don't wait.
        taken = [_live(page, arguments)] if arguments.live else []
        taken += [_overview(page, arguments), _session(page, arguments), *_money(page, arguments)]
        browser.close()
    for file in taken:
        print(f"{file}: {file.stat().st_size / 1000:,.0f} kB")
    return int(any(file.stat().st_size > SIZE_MAX for file in taken))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="where the dashboard is, as `make run` prints it")
    parser.add_argument("--session", default="", help="id of the call to picture")
    parser.add_argument("--data-dir", type=Path, default=Path("calltape-data"), help="where to choose that call from")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the pictures")
    parser.add_argument("--live", type=int, default=0, help="picture the Live page with so many calls in progress")
    parser.add_argument("--dark", action="store_true", help="picture the dark pages")
    return parser.parse_args()


def _overview(page: Page, arguments: argparse.Namespace) -> Path:
    page.goto(f"{arguments.url}/?range=24h")
    expect(page.get_by_text("Perceived p50", exact=True)).to_be_visible(timeout=WITHIN_MS)
    return _taken(page, arguments.out / "overview.png", height=1240)


def _session(page: Page, arguments: argparse.Namespace) -> Path:
    [row] = Reader(arguments.data_dir / "dataset").cursor().sql(RICHEST).fetchall()
    page.goto(f"{arguments.url}/session?session={arguments.session or row[0]}")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled(timeout=WITHIN_MS)
    box, said = page.locator("[data-part=box]"), page.locator("[data-part=said]")
    box.focus()
    for _ in range(PIECES_MAX):
        box.press("ArrowRight")
        expect(said).not_to_be_empty()
        if said.inner_text().startswith("interruption"):
            break
    expect(page.get_by_text("time_to_yield_ms").first).to_be_visible(timeout=WITHIN_MS)
    return _taken(page, arguments.out / "session.png", height=1400)


def _live(page: Page, arguments: argparse.Namespace) -> Path:
    page.set_viewport_size({"width": WIDTH, "height": 520})
    page.goto(f"{arguments.url}/live")
    row = page.locator("tbody tr:not([data-state=quiet])")
    expect(row.nth(arguments.live - 1)).to_be_visible(timeout=WITHIN_MS)
    file: Path = arguments.out / "live.png"
    # A turn or two later there is more to see, and the calls are still there.
    expect(row.locator(".turns").filter(has_text="2").nth(1)).to_be_visible(timeout=WITHIN_MS)
    page.screenshot(path=file)
    return file


def _money(page: Page, arguments: argparse.Namespace) -> list[Path]:
    page.goto(f"{arguments.url}/cost?range=24h&as_model=gpt-realtime-mini")
    expect(page.get_by_role("heading", name="The most expensive calls")).to_be_visible(timeout=WITHIN_MS)
    cost = _taken(page, arguments.out / "cost.png", height=1500)
    page.goto(f"{arguments.url}/compare?model=gpt-realtime&b_model=gpt-realtime-mini")
    expect(page.get_by_text("A · Billed per minute")).to_be_visible(timeout=WITHIN_MS)
    return [cost, _taken(page, arguments.out / "compare.png", height=1240)]


def _taken(page: Page, file: Path, *, height: int) -> Path:
    page.set_viewport_size({"width": WIDTH, "height": height})
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=WITHIN_MS)
    # Charts ease into place after the script has ended, and nothing on the page says when they have.
    page.wait_for_timeout(2_000)
    page.screenshot(path=file)
    return file


if __name__ == "__main__":
    sys.exit(main())
