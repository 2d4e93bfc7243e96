"""A session whose sound travels beside its events: what a caller over WebRTC or SIP is told, and when."""

import json
from typing import Any

from simulator.line import Chance, Send
from simulator.media import Hush, MediaSession, Play
from tests.simulator.driven import MS, Driven, silence, spoken


class Called:
    """A media session without a socket; its clock is moved by hand."""

    def __init__(self) -> None:
        self._driven = Driven()
        self.now_ns = self._driven.now_ns
        self.media = MediaSession(self._driven.session, Chance(1, 1), self.now_ns)
        self.events: list[dict[str, Any]] = []
        self.times_ms: dict[str, float] = {}
        self.played_ms = 0.0
        self.hushed = 0

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def send(self, kind: str, **fields: Any) -> None:
        self.media.receive(json.dumps({"type": kind, **fields}), self.now_ns)
        self._collect()

    def ask(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.send("response.create")

    def wait(self, length_ms: float) -> None:
        end_ns = self.now_ns + int(length_ms * MS)
        while (due := self.media.next_ns) is not None and due <= end_ns:
            self.now_ns = max(self.now_ns, due)
            self.media.wake(self.now_ns)
            self._collect()
        self.now_ns = end_ns

    def wait_for(self, kind: str) -> dict[str, Any]:
        for _ in range(3000):
            if kind in self.types():
                break
            self.wait(10)
        return next(event for event in self.events if event["type"] == kind)

    def press(self, digit: str) -> None:
        self.media.press(digit, self.now_ns, 1_700_000_000)
        self._collect()

    def hear(self, samples: Any) -> None:
        for start in range(0, len(samples), 480):
            self.wait(20)
            self.media.hear(samples[start : start + 480], self.now_ns)
            self._collect()

    def _collect(self) -> None:
        for action in self.media.take():
            match action:
                case Send(event):
                    self.events.append(event)
                    self.times_ms.setdefault(event["type"], self.now_ns / MS)
                case Play(samples):
                    self.played_ms += len(samples) / 24
                case Hush():
                    self.hushed += 1


def test_audio_is_played_and_not_sent_and_the_buffer_tells_of_it() -> None:
    called = Called()
    called.ask("hello")
    stopped = called.wait_for("output_audio_buffer.stopped")

    types = called.types()
    assert "response.output_audio.delta" not in types
    assert called.played_ms > 500
    order = ["response.created", "output_audio_buffer.started", "response.done", "output_audio_buffer.stopped"]
    assert [kind for kind in types if kind in order] == order
    assert stopped["response_id"] == called.wait_for("response.done")["response"]["id"]
    assert stopped["event_id"].startswith("event_")
    lasted = called.times_ms["output_audio_buffer.stopped"] - called.times_ms["output_audio_buffer.started"]
    assert abs(lasted - called.played_ms) < 1


def test_speech_cuts_the_sound_and_the_server_shortens_the_item_unasked() -> None:
    called = Called()
    called.ask("slowly")
    called.wait_for("output_audio_buffer.started")
    called.hear(spoken("queen_of_clubs", before_ms=600, after_ms=600))

    types = called.types()
    order = [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "response.done",
        "conversation.item.truncated",
    ]
    assert [kind for kind in types if kind in order][:4] == order
    done = next(event for event in called.events if event["type"] == "response.done")["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
    truncated = called.wait_for("conversation.item.truncated")
    heard = called.times_ms["output_audio_buffer.cleared"] - called.times_ms["output_audio_buffer.started"]
    assert abs(truncated["audio_end_ms"] - heard) <= 1
    assert called.hushed == 1


def test_speech_after_the_response_is_done_still_clears_what_plays_and_the_response_stays_completed() -> None:
    called = Called()
    called.ask("hello")
    called.wait_for("response.done")
    called.hear(spoken("queen_of_clubs"))

    types = called.types()
    assert "output_audio_buffer.cleared" in types
    assert "conversation.item.truncated" in types
    assert "output_audio_buffer.stopped" not in types[: types.index("output_audio_buffer.cleared")]
    assert called.wait_for("response.done")["response"]["status"] == "completed"


def test_the_client_can_clear_the_buffer() -> None:
    called = Called()
    called.ask("slowly")
    called.wait_for("output_audio_buffer.started")
    called.wait(300)
    called.send("response.cancel")
    called.send("output_audio_buffer.clear")

    heard = called.times_ms["output_audio_buffer.cleared"] - called.times_ms["output_audio_buffer.started"]
    assert abs(called.wait_for("conversation.item.truncated")["audio_end_ms"] - heard) <= 1
    assert heard >= 300
    assert "error" not in called.types()


def test_a_key_of_the_telephone_is_told_without_an_event_id() -> None:
    called = Called()
    called.press("5")

    event = called.wait_for("input_audio_buffer.dtmf_event_received")
    assert event == {"type": "input_audio_buffer.dtmf_event_received", "event": "5", "received_at": 1_700_000_000}


def test_silence_brings_nothing() -> None:
    called = Called()
    called.hear(silence(2000))
    assert set(called.types()) <= {"session.created"}
