"""`calltape sql`: answers in four forms, refusals in one line, and a conversation."""

import io
import json
import threading
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from pipeline.dataset import Reader
from pipeline.sql import SqlRefused, ask, prompt
from pipeline.sql_prompt import Completing, Conversation, names
from tests.pipeline.builders import batch, session_id, session_row, turn_row, written

ONE = session_id(1)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    rows = [
        session_row(ONE, metered_usd_nanos=1_500_000_000, path="a|b,c\nd"),
        turn_row(ONE, 0, wire_latency_ms=812.25),
    ]
    written(tmp_path, batch(rows))
    return tmp_path


def answer(dataset: Path, statement: str, form: str = "table") -> str:
    out = io.StringIO()
    ask(dataset, statement, form, out)
    return out.getvalue()


def test_a_table_for_the_eye(dataset: Path) -> None:
    assert answer(dataset, "select turn_index, status, wire_latency_ms from turns") == (
        "turn_index  status  wire_latency_ms\n"
        "----------  ------  ---------------\n"
        "         0  open             812.25\n"
        "(1 row)\n"
    )


def test_csv(dataset: Path) -> None:
    assert answer(dataset, "select path, model, metered_usd, opened_at from sessions", "csv") == (
        'path,model,metered_usd,opened_at\n"a|b,c\nd",,1.500000000,2026-11-23 12:00:00.000Z\n'
    )


def test_one_json_object_a_line(dataset: Path) -> None:
    [line] = answer(dataset, "select path, model, metered_usd, complete from sessions", "json").splitlines()

    assert json.loads(line) == {"path": "a|b,c\nd", "model": None, "metered_usd": 1.5, "complete": False}


def test_markdown(dataset: Path) -> None:
    assert answer(dataset, "select path, turns from sessions", "markdown") == (
        "| path | turns |\n|---|---|\n| a\\|b,c d | 0 |\n"
    )


def test_no_rows(dataset: Path) -> None:
    assert answer(dataset, "select seq from gaps") == "seq\n---\n(0 rows)\n"
    assert answer(dataset, "select seq from gaps", "csv") == "seq\n"


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("select nothing from turns", r'Referenced column "nothing" not found'),
        ("selec 1", "syntax error"),
        ("", "nothing was asked"),
        ("select 1; select 2", "one statement at a time, these are 2"),
        ("drop view turns", "read-only"),
        ("copy turns to '/tmp/stolen.csv'", "read-only"),
        ("set lock_configuration = false", "read-only"),
        ("select * from read_text('/etc/hostname')", r"read_text\(\) can't stand in place of a table"),
    ],
)
def test_a_refusal_is_one_line_that_says_why(dataset: Path, statement: str, why: str) -> None:
    with pytest.raises(SqlRefused, match=why) as refusal:
        answer(dataset, statement)

    assert "\n" not in str(refusal.value)


def test_an_unknown_form_is_named(dataset: Path) -> None:
    with pytest.raises(SqlRefused, match="format 'xml': choose one of table, csv, json, markdown"):
        answer(dataset, "select 1", "xml")


def test_a_dataset_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert answer(tmp_path / "none", "select count(*) as n from turns", "csv") == "n\n0\n"


def heard(dataset: Path, *lines: str) -> str:
    out = io.StringIO()
    conversation = Conversation(Reader(dataset), out)
    for line in lines:
        conversation.hear(line)
    return out.getvalue()


def test_a_statement_may_take_several_lines(dataset: Path) -> None:
    assert "(1 row)" in heard(dataset, "select status", "  from turns", ";")
    assert heard(dataset, "select status", "  from turns") == ""


def test_a_mistake_is_said_and_the_conversation_goes_on(dataset: Path) -> None:
    found = heard(dataset, "selec 1;", "select 7 as seven;")

    assert "syntax error" in found
    assert "seven" in found


def test_the_prompts_own_commands(dataset: Path) -> None:
    assert "interruptions" in heard(dataset, ".tables")
    assert "wire_latency_ms" in heard(dataset, ".schema turns")
    assert "there is no table" in heard(dataset, ".schema nowhere")
    assert heard(dataset, ".format csv", "select 1 as one;") == "one\n1\n"
    assert ".quit" in heard(dataset, ".what")


def test_a_conversation_at_a_terminal(dataset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An answer, Ctrl-C drops a half-typed statement, Ctrl-D leaves; what was typed is remembered."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    out = io.StringIO()
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text("select max(wire_latency_ms) as slowest\nfrom turns;\nselect half\n\x03select 5 as five;\n\x04")
        prompt(dataset, out)

    assert "slowest" in out.getvalue()
    assert "812.25" in out.getvalue()
    assert "five" in out.getvalue()
    assert "wire_latency_ms" in (tmp_path / "state" / "calltape" / "sql_history").read_text()


def test_names_are_completed(dataset: Path) -> None:
    completing = Completing(names(Reader(dataset)))

    def offered(typed: str) -> list[str]:
        return [found.text for found in completing.get_completions(Document(typed), CompleteEvent())]

    assert offered("select max(wire_lat") == ["wire_latency_ms", "wire_latency_reason"]
    assert offered("select 1 from session_e") == ["session_errors"]
    assert offered("SEL") == ["select"]
    assert offered("select ") == []


def test_a_query_can_be_interrupted(dataset: Path) -> None:
    cursor = Reader(dataset).cursor().connection
    timer = threading.Timer(0.3, cursor.interrupt)
    timer.start()

    from pipeline.sql import show

    with pytest.raises(SqlRefused, match="interrupted"):
        show(cursor, "select count(*) from range(1000000000000) a", "table", io.StringIO())
    timer.join()

    out = io.StringIO()
    show(cursor, "select 1 as one", "csv", out)
    assert out.getvalue() == "one\n1\n"
