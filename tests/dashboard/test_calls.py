"""What is fetched of a call beside its page, over HTTP."""

import csv
import hashlib
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.desk import Desk
from dashboard.queries import timeline
from dashboard.shell import ASSETS
from ingest.envelope import decode
from tests.dashboard.demo import Call
from tests.dashboard.serving import Served, serving

pytestmark = pytest.mark.slow

WITHIN_S = 60
VENDOR = ASSETS / "vendor"


@pytest.fixture(scope="module")
def served(data_dir: Path) -> Iterator[Served]:
    with serving(data_dir) as up:
        yield up


def fetched(served: Served, path: str, **headers: str) -> Any:
    request = urllib.request.Request(f"{served.url}/calls/{path}", headers=headers)
    return urllib.request.urlopen(request, timeout=WITHIN_S)


def refused(served: Served, path: str) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as found:
        fetched(served, path)
    with found.value as answer:
        return answer.code, str(json.loads(answer.read())["error"])


def test_the_timeline_is_what_the_queries_give(served: Served, told: list[Call], desk: Desk) -> None:
    call = told[5].session
    with fetched(served, f"{call.session_id}/timeline.json") as answer:
        found = json.loads(answer.read())

    pieces = desk.ask(timeline.pieces, call.session_id)
    assert [(one["lane"], one["which"], one["start_s"]) for one in found["pieces"]] == [
        (piece.lane, piece.which, piece.start_s) for piece in pieces
    ]
    assert [one["text"] for one in found["talk"]] == [one.text for one in desk.ask(timeline.talk, call.session_id)]
    assert (found["duration_s"], found["running"], found["audio"]) == (call.duration_ms / 1000, False, True)


def test_the_sound_comes_in_the_ranges_that_are_asked_for(served: Served, told: list[Call]) -> None:
    path = f"{told[5].session.session_id}/audio.wav"
    with fetched(served, path) as answer:
        whole = answer.read()
        assert answer.headers["Accept-Ranges"] == "bytes"
    with fetched(served, path, Range="bytes=100000-100999") as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes 100000-100999/{len(whole)}"
        assert answer.read() == whole[100_000:101_000]


def test_the_waves_come_as_many_as_asked_for(served: Served, told: list[Call]) -> None:
    session_id = told[5].session.session_id
    with fetched(served, f"{session_id}/waves?from_ms=0&until_ms=5000&points=200") as answer:
        assert len(answer.read()) == 400

    status, error = refused(served, f"{session_id}/waves?from_ms=9&until_ms=5&points=200")
    assert (status, error) == (400, "waves need from_ms < until_ms and points > 0")


def test_the_events_are_taken_along_as_they_were_recorded(served: Served, told: list[Call]) -> None:
    call = told[5]
    with fetched(served, f"{call.session.session_id}/events.jsonl") as answer:
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{call.session.session_id}.jsonl"'
        lines = answer.read().splitlines()

    assert [decode(line) for line in lines] == call.events


def test_a_table_is_taken_along_as_csv(served: Served, told: list[Call]) -> None:
    call = told[5].session
    with fetched(served, f"{call.session_id}/turns.csv") as answer:
        rows = list(csv.DictReader(io.StringIO(answer.read().decode())))

    assert [row["turn_index"] for row in rows] == [str(index) for index in range(call.turns)]
    assert refused(served, f"{call.session_id}/events.csv")[0] == 404


@pytest.mark.parametrize("name", ["timeline.json", "audio.wav", "events.jsonl", "waves?from_ms=0&until_ms=5&points=2"])
def test_a_call_that_is_not_recorded_is_said_to_be_none(served: Served, name: str) -> None:
    assert refused(served, f"nonsense/{name}") == (404, "no such call, or no audio in it: nonsense")


def test_our_scripts_and_the_vendored_library_are_served(served: Served) -> None:
    for path in ("call/waterfall.mjs", "call/talk.mjs", "vendor/echarts-6.1.0.esm.min.mjs"):
        with urllib.request.urlopen(f"{served.url}/assets/{path}", timeout=WITHIN_S) as answer:
            assert answer.headers.get_content_type() in {"text/javascript", "application/javascript"}


def test_the_vendored_library_is_the_one_that_was_published() -> None:
    readme = (VENDOR / "README.md").read_text()
    for script in VENDOR.glob("*.mjs"):
        assert f"| {script.name} | {hashlib.sha256(script.read_bytes()).hexdigest()} |" in readme
