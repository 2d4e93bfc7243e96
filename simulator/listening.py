"""The user's side: the input audio buffer, where speech begins and ends in it, and what becomes of it (PROTOCOL 1.2).

Positions are milliseconds of audio written since the session began. That clock never goes back.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
import pybase64

from simulator.audio import Format, decode
from simulator.checking import Config, Rejected
from simulator.conversation import Conversation, Item
from simulator.line import Appointment, Line
from simulator.vad import FRAME_MS, Detector, Edge, Found, Sensitivity

SHORTEST_COMMIT_MS = 100
LARGEST_APPEND = 15 * 1024 * 1024
ARRIVALS_KEPT = 1024
IDLE_NOTICE = (
    "No user speech was detected for a while. Please review the recent conversation and, if it is helpful, check in "
    "with the user briefly. Do not repeat what you have said before, and do not mention this message to the user."
)
# How long semantic VAD waits for more; the API decides by meaning, which a stand-in can't.
PATIENCE_MS = {"low": 1600, "medium": 800, "auto": 800, "high": 400}


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the user's audio that has become an item."""

    item_id: str
    length_ms: float
    silent: bool = False
    """Committed because nothing was said."""


class Arrival(msgspec.Struct, frozen=True):
    """When the audio up to a position had come in."""

    position_ms: float
    at_ns: int


class Listener:
    """One session's input buffer."""

    def __init__(
        self,
        line: Line,
        conversation: Conversation,
        *,
        on_speech: Callable[[str], None],
        on_turn: Callable[[Turn, bool], None],
        on_forgotten: Callable[[str], None],
    ) -> None:
        self._line = line
        self._conversation = conversation
        self._on_speech = on_speech
        self._on_turn = on_turn
        self._on_forgotten = on_forgotten
        self._detector = Detector()
        self._arrivals: deque[Arrival] = deque(maxlen=ARRIVALS_KEPT)
        self._item_id: str | None = None
        self._start_ms = 0
        self._uncommitted_from_ms = 0.0
        self._idle: Appointment | None = None
        self.received_ms = 0.0
        """Audio written so far."""

    @property
    def speaking(self) -> bool:
        """The user is speaking, as far as the detector knows."""
        return self._item_id is not None

    def append(self, encoded: Any, config: Config) -> None:
        """Take in audio, and notice where speech begins and ends in it."""
        listening = config["audio"]["input"]
        form = Format(listening["format"]["type"])
        data = decoded(encoded)
        self.received_ms += len(data) / form.bytes_per_ms
        self._arrivals.append(Arrival(self.received_ms, self._line.now_ns))
        turn_detection = listening["turn_detection"]
        for found in self._detector.hear(decode(data, form), form.rate, _sensitivity(turn_detection)):
            if found.edge is Edge.STARTED:
                self._started(found, turn_detection)
            else:
                self._stopped(found, turn_detection)

    def commit(self) -> None:
        """The client says that the user has finished. Rejected where there is next to nothing."""
        length_ms = self.received_ms - self._uncommitted_from_ms
        if length_ms < SHORTEST_COMMIT_MS:
            raise Rejected(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer "
                f"only has {length_ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        item_id = self._item_id or self._line.chance.id("item")
        self._detector.forget()
        self._commit(Turn(item_id=item_id, length_ms=length_ms), answer=False)

    def clear(self) -> None:
        self._uncommitted_from_ms = self.received_ms
        self._detector.forget()
        if self._item_id is not None:
            self._on_forgotten(self._item_id)
        self._item_id = None
        self._line.send("input_audio_buffer.cleared")

    def expect_speech(self, timeout_ms: float, playing_ms: float) -> None:
        """From when the agent has been heard to the end, wait this long for the user, then go on without."""
        self.stop_waiting()
        self._idle = self._line.later(playing_ms, lambda: self._wait(timeout_ms), scaled=False)

    def stop_waiting(self) -> None:
        if self._idle is not None:
            self._idle.cancelled = True
        self._idle = None

    def _wait(self, timeout_ms: float) -> None:
        since_ms = self._detector.clock_ms
        self._idle = self._line.later(timeout_ms, lambda: self._time_out(since_ms), scaled=False)

    def _time_out(self, since_ms: int) -> None:
        """The API tells the model what happened, commits the silence, and lets it speak (PROTOCOL 4.8)."""
        item_id, end_ms = self._line.chance.id("item"), self._detector.clock_ms
        self._line.send(
            "input_audio_buffer.timeout_triggered", audio_start_ms=since_ms, audio_end_ms=end_ms, item_id=item_id
        )
        self._line.note("idle_timeout", item_id=item_id, audio_start_ms=since_ms, audio_end_ms=end_ms)
        notice = {"type": "message", "status": "completed", "role": "system"}
        content = [{"type": "input_text", "text": IDLE_NOTICE}]
        self._add(Item(wire={"id": self._line.chance.id("item"), **notice, "content": content}))
        self._commit(Turn(item_id=item_id, length_ms=end_ms - since_ms, silent=True), answer=True)

    def _started(self, found: Found, turn_detection: Config) -> None:
        self.stop_waiting()
        self._item_id = self._line.chance.id("item")
        self._start_ms = max(found.at_ms - turn_detection.get("prefix_padding_ms", 300), 0)
        self._line.send("input_audio_buffer.speech_started", audio_start_ms=self._start_ms, item_id=self._item_id)
        self._line.note(
            "speech_started",
            item_id=self._item_id,
            audio_start_ms=self._start_ms,
            detected_ms=found.at_ms,
            energy_onset_ms=found.energy_ms,
            energy_onset_received_ns=self._received_ns(found.energy_ms + FRAME_MS),
            received_ms=self.received_ms,
        )
        self._on_speech(self._item_id)

    def _stopped(self, found: Found, turn_detection: Config) -> None:
        assert self._item_id is not None, "speech stops only after it started"
        silence_ms = turn_detection.get("silence_duration_ms")
        self._line.send("input_audio_buffer.speech_stopped", audio_end_ms=found.at_ms, item_id=self._item_id)
        end_ms = None if silence_ms is None else found.at_ms - silence_ms
        self._line.note(
            "speech_stopped",
            item_id=self._item_id,
            audio_end_ms=found.at_ms,
            speech_end_ms=end_ms,
            speech_end_received_ns=None if end_ms is None else self._received_ns(end_ms),
            energy_end_ms=found.energy_ms,
            energy_end_received_ns=self._received_ns(found.energy_ms),
            received_ms=self.received_ms,
        )
        turn = Turn(item_id=self._item_id, length_ms=found.at_ms - self._start_ms)
        self._commit(turn, answer=bool(turn_detection["create_response"]))

    def _commit(self, turn: Turn, *, answer: bool) -> None:
        self.stop_waiting()
        self._item_id = None
        self._uncommitted_from_ms = self.received_ms
        self._line.send(
            "input_audio_buffer.committed", previous_item_id=self._conversation.last_id, item_id=turn.item_id
        )
        self._line.note("committed", item_id=turn.item_id, length_ms=turn.length_ms, silent=turn.silent)
        content = [{"type": "input_audio", "transcript": None}]
        message = {"type": "message", "status": "completed", "role": "user", "content": content}
        self._add(Item(wire={"id": turn.item_id, **message}, heard_ms=turn.length_ms))
        self._on_turn(turn, answer)

    def _add(self, item: Item) -> None:
        previous = self._conversation.add(item)
        self._line.send("conversation.item.added", previous_item_id=previous, item=item.wire)
        self._line.send("conversation.item.done", previous_item_id=previous, item=item.wire)

    def _received_ns(self, position_ms: float) -> int | None:
        """When the append came in that carried this position; None where that is too long ago."""
        carriers = [arrival.at_ns for arrival in self._arrivals if arrival.position_ms >= position_ms]
        return carriers[0] if carriers else None


def _sensitivity(turn_detection: Config | None) -> Sensitivity | None:
    if turn_detection is None:
        return None
    if turn_detection["type"] == "semantic_vad":
        return Sensitivity(silence_ms=PATIENCE_MS[turn_detection["eagerness"]])
    return Sensitivity(threshold=turn_detection["threshold"], silence_ms=turn_detection["silence_duration_ms"])


def decoded(encoded: Any) -> bytes:
    """The audio of an append, or Rejected."""
    if not isinstance(encoded, str):
        raise Rejected("Missing required parameter: 'audio'.", code="missing_required_parameter", param="audio")
    try:
        data = pybase64.b64decode(encoded, validate=True)
    except ValueError:
        raise Rejected("Invalid 'audio'. Expected base64-encoded audio bytes.", param="audio") from None
    if len(data) > LARGEST_APPEND:
        raise Rejected("Invalid 'audio': maximum size is 15 MiB.", code="string_above_max_length", param="audio")
    return data
