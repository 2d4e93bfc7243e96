"""The SQL page in a real browser: what it refuses and why, what it answers, and what is taken along."""

import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browsing import Opener, fits, settled
from tests.dashboard.demo import Call
from tests.dashboard.serving import Served, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REFUSED = {
    "copy sessions to 'x.csv'": "COPY reads or writes a file",
    "attach 'x.db'": "ATTACH opens another database",
    "install httpfs": "INSTALL and LOAD bring code",
    "set threads = 1": "SET changes",
    "select * from read_text('/etc/passwd')": "read_text() can't stand in place of a table",
    "select * from 'x.parquet'": "files can't be read here",
    "select count(*) from range(1000000000000) a, range(1000000) b": "5 s",
}


@pytest.fixture(scope="module")
def served(data_dir: Path) -> Iterator[Served]:
    with serving(data_dir, console_seconds=5) as up:
        yield up


def ask(page: Page, sql: str) -> None:
    question = page.get_by_role("textbox", name="Question in SQL")
    question.fill(sql)
    question.press("Control+Enter")
    settled(page)
    page.get_by_role("button", name="Run").click()


def test_the_console_refuses_what_is_no_question_and_says_why(
    served: Served, opened: Opener, complaints: list[str]
) -> None:
    page = opened(f"{served.url}/sql")
    expect(page.get_by_text("Reads only: SELECT")).to_be_visible()

    for sql, why in REFUSED.items():
        ask(page, sql)
        expect(page.get_by_role("alert").filter(has_text=why)).to_be_visible()

    ask(page, "select count(*) as calls from sessions")
    expect(page.get_by_text("1 row in")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert complaints == []


@pytest.mark.parametrize("width", [1280, 390])
def test_an_answer_is_drawn_taken_along_and_remembered(
    served: Served, told: list[Call], opened: Opener, complaints: list[str], *, width: int
) -> None:
    page = opened(f"{served.url}/sql", width=width)
    expect(page.get_by_text("Reads only: SELECT")).to_be_visible()
    ask(page, "select model, count(*) as calls from sessions group by model order by model")
    expect(page.get_by_text("2 rows in")).to_be_visible()
    settled(page)

    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV", exact=True).click()
    lines = Path(waiting.value.path()).read_text().splitlines()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Parquet", exact=True).click()
    rows = pq.read_table(io.BytesIO(Path(waiting.value.path()).read_bytes()))
    page.get_by_role("radio", name="bar", exact=True).or_(
        page.get_by_role("button", name="bar", exact=True)
    ).first.click()
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
    page.get_by_role("tab", name="Asked before").click()
    expect(page.get_by_role("button", name="select model, count")).to_be_visible()

    assert lines[0] == '"model","calls"'
    assert sum(rows["calls"].to_pylist()) == len(told)
    fits(page)
    assert complaints == []
