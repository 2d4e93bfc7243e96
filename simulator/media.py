"""A session whose sound travels beside its events, as over WebRTC and SIP: what is played, when, and what cuts it off.

Wraps a `Session`: its audio deltas become sound to play, and the events of the output buffer come in their place
(PROTOCOL 4.7 and 4.15). Knows no socket and no clock.
"""

from collections import deque

import msgspec
import numpy as np
import pybase64

from simulator.audio import Format, Samples, decode, encode
from simulator.line import Action, Chance, Event, Send
from simulator.playout import Playout
from simulator.session import Session
from simulator.voice import RATE

NS = 1_000_000_000


class Play(msgspec.Struct, frozen=True):
    """Play this behind what is playing; 24 kHz."""

    samples: Samples


class Hush(msgspec.Struct, frozen=True):
    """Play nothing of what was given to play."""


MediaAction = Action | Play | Hush


class _Voice(msgspec.Struct):
    """The sound of one response."""

    response_id: str
    ends_ns: int
    heard: bool = False
    """Its beginning has been told."""
    done: bool = False
    """Nothing more comes."""


class MediaSession:
    """A session and its loudspeaker. Used as a `Session` is: receive or wake, then perform `take()`."""

    def __init__(self, session: Session, chance: Chance, now_ns: int) -> None:
        self._session = session
        self._chance = chance
        self._now_ns = now_ns
        self._playout = Playout()
        self._voices: deque[_Voice] = deque()
        self._cleared: set[str] = set()
        self._out: list[MediaAction] = []

    @property
    def id(self) -> str:
        return self._session.id

    @property
    def next_ns(self) -> int | None:
        """When to wake it."""
        due = [self._voices[0].ends_ns] if self._voices and self._voices[0].done else []
        return min([*due, *([] if self._session.next_ns is None else [self._session.next_ns])], default=None)

    def receive(self, message: str | bytes, now_ns: int) -> None:
        """Take in a message of the caller's data channel, or of a sideband."""
        self.wake(now_ns)
        if _is_clear(message):
            self._clear()
        else:
            self._session.receive(message, now_ns)

    def hear(self, samples: Samples, now_ns: int) -> None:
        """Take in the caller's sound, 24 kHz."""
        self.wake(now_ns)
        form = Format(self._session.config["audio"]["input"]["format"]["type"])
        sound = pybase64.b64encode(encode(samples, form)).decode()
        self._session.receive(
            msgspec.json.encode({"type": "input_audio_buffer.append", "audio": sound}).decode(), now_ns
        )

    def press(self, digit: str, now_ns: int, unix_seconds: int) -> None:
        """The caller pressed a key of the telephone. The only event without an `event_id` (PROTOCOL 1.2)."""
        self.wake(now_ns)
        self._collect()
        event = {"type": "input_audio_buffer.dtmf_event_received", "event": digit, "received_at": unix_seconds}
        self._out.append(Send(event))

    def wake(self, now_ns: int) -> None:
        """Do what is due by now."""
        self._now_ns = now_ns
        self._session.wake(now_ns)

    def take(self) -> list[MediaAction]:
        """What to perform since the last call."""
        self._collect()
        self._advance()
        taken, self._out = self._out, []
        return taken

    def totals(self) -> Event:
        """For the truth log, at the end."""
        return self._session.totals()

    def _collect(self) -> None:
        while actions := self._session.take():
            for action in actions:
                self._pass(action)

    def _pass(self, action: Action) -> None:
        if not isinstance(action, Send):
            self._out.append(action)
            return
        event = action.event
        if event["type"] == "response.output_audio.delta":
            self._play(event)
            return
        self._out.append(action)
        if event["type"] == "input_audio_buffer.speech_started":
            detection = self._session.config["audio"]["input"]["turn_detection"] or {}
            if detection.get("interrupt_response", True):
                self._clear()
        elif event["type"] == "response.done":
            for voice in self._voices:
                voice.done = voice.done or voice.response_id == event["response"]["id"]

    def _play(self, event: Event) -> None:
        response_id = event["response_id"]
        if response_id in self._cleared:
            return
        form = Format(self._session.config["audio"]["output"]["format"]["type"])
        samples = decode(pybase64.b64decode(event["delta"]), form)
        samples = np.repeat(samples, RATE // form.rate)
        self._playout.add(event["item_id"], len(samples) * 1000 / RATE, self._now_ns / NS)
        if not self._voices or self._voices[-1].response_id != response_id:
            self._voices.append(_Voice(response_id, 0))
        self._voices[-1].ends_ns = int(self._playout.ends * NS)
        self._out.append(Play(samples))
        self._advance()

    def _advance(self) -> None:
        """Tell what has begun to be heard and what has been heard to its end."""
        while self._voices:
            voice = self._voices[0]
            if not voice.heard:
                voice.heard = True
                self._send("output_audio_buffer.started", voice.response_id)
            if not voice.done or voice.ends_ns > self._now_ns:
                return
            self._send("output_audio_buffer.stopped", voice.response_id)
            self._voices.popleft()

    def _clear(self) -> None:
        """Stop the sound. The server then shortens the item to what was heard, unasked (PROTOCOL 4.7)."""
        playing = self._playout.playing(self._now_ns / NS)
        if playing is None or not self._voices:
            return
        self._send("output_audio_buffer.cleared", self._voices[0].response_id)
        self._out.append(Hush())
        self._cleared.update(voice.response_id for voice in self._voices)
        self._voices.clear()
        self._playout.stop(self._now_ns / NS)
        cut = {"type": "conversation.item.truncate", "item_id": playing.item_id, "content_index": 0}
        cut["audio_end_ms"] = playing.heard_ms
        self._session.receive(msgspec.json.encode(cut).decode(), self._now_ns)

    def _send(self, kind: str, response_id: str) -> None:
        self._out.append(Send({"type": kind, "event_id": self._chance.id("event"), "response_id": response_id}))


def _is_clear(message: str | bytes) -> bool:
    try:
        event = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(event, dict) and event.get("type") == "output_audio_buffer.clear"
