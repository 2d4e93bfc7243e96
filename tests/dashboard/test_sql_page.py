"""The SQL page: questions, answers as rows and files, and what is remembered."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import answers
from dashboard.examples import EXAMPLES, Example
from pipeline.dataset import TABLES, Reader
from pipeline.sql_guard import check
from tests.dashboard.demo import Call

WITHIN_S = 60


@pytest.fixture(autouse=True)
def _fresh_caches() -> None:
    st.cache_resource.clear()


def script() -> None:
    from dashboard import sql_page

    sql_page.page()


def asked(sql: str) -> AppTest:
    """The page after the question was put and Run pressed."""
    page = AppTest.from_function(script, default_timeout=WITHIN_S)
    page.query_params["ask"] = sql
    page.run()
    [run] = [button for button in page.button if button.label == "Run"]
    made = run.click().run()
    assert not made.exception
    return made


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_every_example_is_a_question_with_an_answer(reader: Reader, example: Example) -> None:
    check(example.sql, TABLES, explaining=False)

    assert reader.query(example.sql).num_columns > 1


@pytest.mark.slow
@pytest.mark.usefixtures("told_page")
def test_a_question_in_the_address_is_asked_when_run_is_pressed(told: list[Call]) -> None:
    page = asked("select count(*) as calls from sessions")

    assert page.dataframe[0].value.to_dict("list") == {"calls": [len(told)]}
    assert any("1 row in" in caption.value for caption in page.caption)
    assert len(page.get("download_button")) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("told_page")
def test_a_refusal_says_why_and_the_question_is_remembered() -> None:
    page = asked("copy sessions to 'x.csv'")

    assert "COPY reads or writes a file" in page.error[0].value
    assert not page.dataframe
    assert any("refused" in button.label for button in page.button)


@pytest.mark.usefixtures("empty_page")
def test_an_example_is_put_where_questions_are_written() -> None:
    page = AppTest.from_function(script, default_timeout=WITHIN_S).run()
    [first] = [button for button in page.button if button.label == EXAMPLES[0].title]
    first.click().run()

    assert page.text_area(key="ask").value == EXAMPLES[0].sql


def test_an_answer_is_taken_along_as_csv_and_parquet() -> None:
    rows = pa.table({"a": [1, None], "b": [[1, 2], None], "c": [b"abc", b""], "d": ["x,y", 'say "no"']})

    assert answers.as_csv(rows).decode().splitlines() == [
        '"a","b","c","d"',
        '1,"[1, 2]","<3 bytes>","x,y"',
        ',,"<0 bytes>","say ""no"""',
    ]
    assert pq.read_table(io.BytesIO(answers.as_parquet(rows))) == rows
