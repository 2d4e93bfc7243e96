"""`calltape import`: what gets into the journal, what is left out, and what is said of it."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from calltape import importing
from calltape.mistakes import UserMistake
from calltape.settings import ImportSettings
from ingest.envelope import RecordedEvent, encode
from ingest.journal import JournalReader, workers
from pipeline.replay_sessions import fold_events
from pipeline.runner import default_step
from tests.builders import Story, latest, only, rows
from tests.pipeline.domain.test_tools import asked


def agent_calls() -> Story:
    """A tool is called, answered, and its answer told."""
    story = asked().calls("r1", "c1").after(10).done("r1").after(400).answers("c1")
    return story.client("response.create").created("r2").after(300).speaks("r2", 500).done("r2")


CREATED = {"type": "session.created", "session": {"id": "sess_1", "type": "realtime", "model": "gpt-realtime"}}
MINTED = {"type": "session.created", "session": {"client_secret": {"value": "ek_very_secret"}}}


def log(path: Path, *lines: Any) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def said(direction: str, event: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"direction": direction, "event": event, **more}


def imported(data_dir: Path, *files: Path | str, **more: Any) -> int:
    return importing.run(ImportSettings(files=[str(file) for file in files], data_dir=data_dir, **more))


def logged(data_dir: Path) -> list[RecordedEvent]:
    folder = data_dir / "journal"
    return [found.event for worker in workers(folder) for found in JournalReader(folder / worker).events()]


def told(data_dir: Path) -> Any:
    return latest(fold_events(logged(data_dir), default_step()))


def test_a_file_is_a_session_with_its_times_its_directions_and_an_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = log(
        tmp_path / "call.jsonl",
        said("server", CREATED, time="2026-11-01T12:00:00Z"),
        said("client", {"type": "response.create"}, time="2026-11-01T12:00:01Z"),
        said("server", {"type": "response.created", "response": {"id": "r1"}}, time="2026-11-01T12:00:01.2Z"),
        said("server", {"type": "response.output_text.delta", "response_id": "r1", "item_id": "i", "delta": "Hi"},
             time="2026-11-01T12:00:01.5Z"),
        {"close": {"by": "client", "code": 1000, "reason": "bye"}, "time": "2026-11-01T12:00:03Z"},
    )  # fmt: skip

    assert imported(tmp_path / "data", file) == 0

    assert "imported 1 sessions, 5 events" in capsys.readouterr().out
    session, turn = only(told(tmp_path / "data"), "sessions"), only(told(tmp_path / "data"), "turns")
    assert (session.source, session.path, session.complete) == ("import", "call.jsonl", True)
    assert (session.closed_by, session.close_code, session.duration_ms) == ("client", 1000, 3000)
    assert session.opened_at.isoformat() == "2026-11-01T12:00:00+00:00"
    assert turn.wire_latency_ms == 500


def test_where_times_are_missing_nothing_that_takes_time_is_told_and_everything_else_is(tmp_path: Path) -> None:
    """Of a whole call with a tool: the same rows but for its times."""
    story = agent_calls().closed()
    plain = [
        said(event.source.name.lower(), json.loads(event.data))
        for event in story.events
        if event.source.name in {"CLIENT", "SERVER"}
    ]
    assert imported(tmp_path / "data", log(tmp_path / "call.jsonl", *plain)) == 0

    found, whole = told(tmp_path / "data"), rows(story)
    turn, true_turn = only(found, "turns"), only(whole, "turns")
    assert (turn.responses, turn.tool_calls) == (true_turn.responses, true_turn.tool_calls)
    assert (turn.tool_wait_ms, turn.tool_wait_reason) == (None, "no_times")
    assert true_turn.tool_wait_ms is not None
    tool, true_tool = only(found, "tool_calls"), only(whole, "tool_calls")
    assert (tool.name, tool.output, tool.status) == (true_tool.name, true_tool.output, true_tool.status)
    assert (tool.tool_wait_ms, tool.tool_wait_reason) == (None, "no_times")
    assert found["interruptions"] == {}


def test_one_line_without_a_time_is_enough_not_to_believe_them(tmp_path: Path) -> None:
    file = log(tmp_path / "call.jsonl", said("server", CREATED, elapsed_ms=0), said("client", {"type": "x"}))

    assert imported(tmp_path / "data", file) == 0

    assert only(told(tmp_path / "data"), "sessions").audio_reason == "no_times"


def test_many_sessions_of_one_file_many_files_the_input_and_a_compressed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = log(tmp_path / "both.jsonl", *(said("server", CREATED, session=name) for name in ("a", "b", "a")))
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(said("server", CREATED, elapsed_ms=3)).encode()))
    line = io.TextIOWrapper(io.BytesIO(json.dumps(said("client", {"type": "x"})).encode()))
    monkeypatch.setattr("sys.stdin", line)

    assert imported(tmp_path / "data", both, packed, "-") == 0

    sessions = told(tmp_path / "data")["sessions"].values()
    assert sorted(session.path for session in sessions) == ["both.jsonl#a", "both.jsonl#b", "packed.jsonl.gz", "stdin"]


def test_the_same_again_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = log(tmp_path / "call.jsonl", said("server", CREATED, time=1_793_534_400))
    for _ in range(2):
        assert imported(tmp_path / "data", file) == 0

    assert "left out 1 sessions that are there already" in capsys.readouterr().out
    assert len({event.session_id for event in logged(tmp_path / "data")}) == 1
    assert len(logged(tmp_path / "data")) == 3


def test_our_own_lines_stay_as_they_are_and_give_the_same_rows(tmp_path: Path) -> None:
    story = agent_calls().closed()
    lines = [encode(event) for event in story.events]
    file = tmp_path / "export.jsonl"
    file.write_bytes(b"\n".join(lines))

    assert imported(tmp_path / "data", file) == 0

    journal = b"".join(path.read_bytes() for path in sorted((tmp_path / "data" / "journal" / "import").glob("*.jsonl")))
    assert journal.splitlines() == lines
    assert told(tmp_path / "data") == rows(story)


def test_an_export_of_a_call_that_still_ran_gets_an_end(tmp_path: Path) -> None:
    file = tmp_path / "export.jsonl"
    file.write_bytes(b"\n".join(encode(event) for event in agent_calls().events))

    assert imported(tmp_path / "data", file) == 0

    session = only(told(tmp_path / "data"), "sessions")
    assert (session.status, session.incomplete_reason) == ("closed", "recorder_died")


def test_secrets_do_not_get_in(tmp_path: Path) -> None:
    assert imported(tmp_path / "data", log(tmp_path / "call.jsonl", said("server", MINTED))) == 0

    assert "very_secret" not in "".join(path.read_text() for path in (tmp_path / "data").rglob("*.jsonl"))


def test_lines_that_can_not_be_read_are_named_and_the_others_go_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = log(tmp_path / "call.jsonl", "nonsense", said("server", CREATED), said("up", {}))

    assert imported(tmp_path / "data", file) == 1

    printed = capsys.readouterr().err
    assert f"{file}:1: JSON is malformed" in printed
    assert f"{file}:3: direction must be client or server (got 'up')" in printed
    assert [event.type for event in logged(tmp_path / "data")] == [
        "session.opened",
        "session.created",
        "session.closed",
    ]


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(tmp_path / "data", log(tmp_path / "call.jsonl", said("server", CREATED)), dry_run=True) == 0

    assert "would import 1 sessions, 1 events" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("files", "more", "says"),
    [
        ([], {}, "which files?"),
        (["nowhere.jsonl"], {}, "nowhere.jsonl: there is no such file"),
        (["{call}"], {"opened_at": "soon"}, "--opened-at soon"),
        (["{torn}"], {}, "a .gz file can't be read"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, files: list[str], more: dict[str, Any], says: str) -> None:
    call = log(tmp_path / "call.jsonl", said("server", CREATED))
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(gzip.compress(b"x" * 1000)[:-9])

    with pytest.raises(UserMistake) as mistake:
        imported(tmp_path / "data", *(file.format(call=call, torn=torn) for file in files), **more)
    assert says in str(mistake.value)
