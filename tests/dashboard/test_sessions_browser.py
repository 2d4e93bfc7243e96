"""The list of 10,000 calls in a real browser: search, order, pages, files, and one click to a call."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from bench import page_dataset
from bench.page_dataset import Size
from pipeline.dataset import Reader
from tests.dashboard.browsing import Opener, click_cell, fits, settled
from tests.dashboard.serving import Served, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CALLS = 10_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with that many calls, on two days of 2025."""
    found = tmp_path_factory.mktemp("many")
    size = Size(sessions=CALLS, turns=20_000, days=2, with_events=100, last_day=date(2025, 3, 2), long_turns=0)
    page_dataset.make(found, size, lambda _: None)
    page_dataset.write_running(found)
    return found


@pytest.fixture(scope="module")
def served(many: Path) -> Iterator[Served]:
    with serving(many) as up:
        yield up


def asked(many: Path, sql: str) -> list[dict[str, object]]:
    reader = Reader(many / "dataset")
    try:
        return list(reader.query(sql).to_pylist())
    finally:
        reader.close()


def downloaded(page: Page, name: str) -> bytes:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    return Path(waiting.value.path()).read_bytes()


@pytest.mark.parametrize("width", [1280, 390])
def test_ten_thousand_calls_are_sorted_over_all_and_a_click_opens_one(
    served: Served, many: Path, opened: Opener, complaints: list[str], *, width: int
) -> None:
    [longest] = asked(many, "select session_id from sessions order by turns desc, session_id limit 1")

    page = opened(f"{served.url}/sessions?range=all&sort=turns", width=width)
    expect(page.get_by_text("10,000 calls, sorted by turns, the largest first")).to_be_visible()
    settled(page)
    fits(page)
    # A cell of its first row lies below the head.
    click_cell(page.get_by_test_id("stDataFrame"), 120, 52)

    expect(page.get_by_text(f"Session {longest['session_id']}")).to_be_visible()
    expect(page).to_have_url(re.compile(f"session={longest['session_id']}"))
    assert complaints == []


def test_what_is_found_is_taken_along_as_files(
    served: Served, many: Path, opened: Opener, complaints: list[str]
) -> None:
    wanted = asked(many, "select session_id from sessions where errors > 0 order by metered_usd_nanos, session_id")

    page = opened(f"{served.url}/sessions?range=all&with=errors&sort=metered&up=true")
    expect(page.get_by_text(f"{len(wanted)} calls, sorted by metered, the smallest first")).to_be_visible()
    settled(page)
    lines = list(csv.DictReader(io.StringIO(downloaded(page, "CSV").decode())))
    rows = pq.read_table(io.BytesIO(downloaded(page, "Parquet")))

    assert [line["session_id"] for line in lines] == [row["session_id"] for row in wanted]
    assert rows["session_id"].to_pylist() == [row["session_id"] for row in wanted]
    assert complaints == []


def test_a_search_stands_in_the_address_and_the_last_page_is_reached(
    served: Served, many: Path, opened: Opener, complaints: list[str]
) -> None:
    [found] = asked(many, "select count(distinct session_id) as n from transcripts where contains(text, 'refund')")

    page = opened(f"{served.url}/sessions?range=all")
    expect(page.get_by_text("10,000 calls, those in progress first")).to_be_visible()
    page.get_by_role("textbox", name="Search").fill("refund")
    page.keyboard.press("Enter")

    expect(page.get_by_text(f"{found['n']:,} calls, those in progress first")).to_be_visible()
    expect(page).to_have_url(re.compile("search=refund"))
    assert complaints == []
