"""A translation session: no items, no responses, no usage (PROTOCOL 4.11)."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pybase64
import pytest
from websockets.exceptions import ConnectionClosed

from simulator.audio import Format, Samples, encode
from simulator.line import Close, Send
from simulator.scenario import Scenario, ScenarioUnreadable, load
from simulator.session import Opening
from simulator.translating import Translation
from tests.simulator.driven import MS, connected, received, silence, spoken

SPOKEN = spoken("ten_of_clubs", before_ms=300, after_ms=900)
SCENARIO = """
[[scripts]]
name = "everybody"
transcripts = ["not this"]

[[scripts]]
name = "spanish"
session = "translation"
language = "es"
transcripts = ["ten of clubs", "and one more"]
translations = ["diez de tréboles", "y otro más"]
"""


class Interpreter:
    """A translation session without a socket; its clock is moved by hand."""

    def __init__(self) -> None:
        self.now_ns = 1000 * MS
        opening = Opening(
            kind="translation", model="gpt-realtime-translate", beta=False, number=0, now_ns=self.now_ns, unix_seconds=0
        )
        played = msgspec.toml.decode(SCENARIO, type=Scenario)
        self.session = Translation(opening, played, seed=1, session_minutes=60, speed=1)
        self.events: list[dict[str, Any]] = []
        self.closes: list[Close] = []
        self._collect()

    def send(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send one event; the last event so far."""
        self.session.receive(json.dumps({"type": kind, **fields}), self.now_ns)
        self._collect()
        return self.events[-1]

    def hear(self, samples: Samples) -> None:
        """Send sound in real time, in frames of 200 ms."""
        for start in range(0, len(samples), 4800):
            self.wait(200)
            sound = pybase64.b64encode(encode(samples[start : start + 4800], Format.PCM)).decode()
            self.send("session.input_audio_buffer.append", audio=sound)

    def wait(self, length_ms: int) -> None:
        end_ns = self.now_ns + length_ms * MS
        while (due := self.session.next_ns) is not None and due <= end_ns:
            self.now_ns = max(self.now_ns, due)
            self.session.wake(self.now_ns)
            self._collect()
        self.now_ns = end_ns

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def said(self, side: str) -> str:
        return "".join(event["delta"] for event in self.all(f"session.{side}_transcript.delta")).strip()

    def _collect(self) -> None:
        for action in self.session.take():
            if isinstance(action, Send):
                self.events.append(action.event)
            elif isinstance(action, Close):
                self.closes.append(action)


def interpreter(**audio: Any) -> Interpreter:
    heard = Interpreter()
    heard.send("session.update", session={"audio": audio or {"output": {"language": "es"}}})
    return heard


def test_what_is_said_comes_out_in_the_other_language_as_words_and_as_sound() -> None:
    heard = interpreter(output={"language": "es"}, input={"transcription": {"model": "gpt-realtime-whisper"}})
    heard.hear(np.concatenate([SPOKEN, silence(4000)]))

    assert heard.said("input") == "ten of clubs"
    assert heard.said("output") == "diez de tréboles"
    sound = heard.all("session.output_audio.delta")
    assert {(each["sample_rate"], each["channels"], each["format"]) for each in sound} == {(24000, 1, "pcm16")}
    assert sum(len(pybase64.b64decode(each["delta"])) for each in sound) >= 24000
    assert not [event for event in heard.events if event["type"].startswith(("response", "conversation", "input"))]


def test_the_clock_of_the_deltas_runs_from_the_beginning_of_the_session() -> None:
    heard = interpreter()
    heard.hear(np.concatenate([SPOKEN, silence(4000)]))

    times = [event["elapsed_ms"] for event in heard.events if "elapsed_ms" in event]
    assert times == sorted(times)
    assert 1000 < times[0] < 4000


def test_without_a_transcription_model_the_input_is_not_written_down() -> None:
    heard = interpreter()
    heard.hear(np.concatenate([SPOKEN, silence(4000)]))

    assert not heard.said("input")
    assert heard.said("output")


def test_sentences_follow_each_other() -> None:
    heard = interpreter()
    heard.hear(np.concatenate([SPOKEN, silence(500), SPOKEN, silence(6000)]))

    assert heard.said("output") == "diez de tréboles y otro más"


def test_a_close_sends_what_is_left_and_then_says_so() -> None:
    heard = interpreter()
    heard.hear(SPOKEN)
    last = heard.send("session.close")

    assert heard.said("output") == "diez de tréboles"
    assert last["type"] == "session.closed"
    assert heard.closes == [Close(1000, "")]


@pytest.mark.parametrize(
    ("kind", "fields", "code", "param"),
    [
        ("session.update", {"session": {"audio": {"output": {"voice": "alloy"}}}}, "unknown_parameter", "session.audio.output.voice"),
        ("session.update", {}, "missing_required_parameter", "session"),
        ("session.input_audio_buffer.append", {"audio": "%"}, "invalid_value", "audio"),
        ("response.create", {}, "invalid_value", "type"),
    ],
)  # fmt: skip
def test_what_it_can_not_do_is_an_error_that_ends_nothing(
    kind: str, fields: dict[str, Any], code: str, param: str
) -> None:
    heard = Interpreter()
    error = heard.send(kind, **fields, event_id="mine")["error"]

    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
    assert not heard.closes


def test_a_script_must_translate_each_of_its_sentences(tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text(
        '[[scripts]]\nname = "x"\nsession = "translation"\nlanguage = "fr"\ntranscripts = ["one", "two"]\ntranslations = ["un"]\n'
    )

    with pytest.raises(ScenarioUnreadable, match=r"short.toml: script 'x': each of the transcripts needs one"):
        load(file)


async def test_it_has_its_own_endpoint() -> None:
    async with connected("model=gpt-realtime-translate", path="/translations") as socket:
        created = await received(socket)

    assert created["type"] == "session.created"
    assert created["session"]["type"] == "translation"
    assert created["session"]["audio"]["output"] == {"language": "en"}


@pytest.mark.parametrize(
    ("path", "model", "code"),
    [
        ("/translations", "gpt-realtime", 4000),
        ("", "gpt-realtime-translate", 4000),
        ("", "gpt-realtime-whisper", 4000),
    ],
)
async def test_each_model_has_its_kind_of_session(path: str, model: str, code: int) -> None:
    async with connected(f"model={model}", path=path) as socket:
        refusal = await received(socket)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert refusal["error"]["code"] == "invalid_model"
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
