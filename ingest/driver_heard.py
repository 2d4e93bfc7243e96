"""What a driven session knows from the server's events, and what its client has to do about them. Pure.

Times are seconds on any one clock.
"""

from collections import Counter
from typing import Any

import msgspec

from ingest.driver_playout import Playout
from ingest.driver_sound import RATES, bytes_per_ms

_TRANSCRIBED = {f"conversation.item.input_audio_transcription.{how}" for how in ("completed", "failed")}


class Interrupt(msgspec.Struct, frozen=True, kw_only=True):
    """The user speaks while the agent does: tell the server how much of it was heard."""

    item_id: str
    heard_ms: int


class RunTool(msgspec.Struct, frozen=True, kw_only=True):
    """The agent calls a function."""

    response_id: str
    call_id: str
    name: str
    arguments: str


class GoOn(msgspec.Struct, frozen=True, kw_only=True):
    """A response that called functions is done: once they are answered, the agent may speak again."""

    response_id: str


Reaction = Interrupt | RunTool | GoOn


class Heard:
    """One session, as far as its steps and its client need it. Reads the GA shape."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        """Events by type."""
        self.errors: dict[str, str] = {}
        """What the server answered to an event of ours that it refused, by the event's id."""
        self.vad = True
        self.input_form = "audio/pcm"
        self.playout = Playout()
        self.untranscribed: set[str] = set()
        """Committed items whose transcript is still to come."""
        self.output_at: float | None = None
        """When the last output of a translation came."""
        self._output_form = "audio/pcm"
        self._interrupts = True
        self._transcribes = False
        self._running: set[str] = set()
        self._with_tools: set[str] = set()
        self._answered = False

    @property
    def answered(self) -> bool:
        """The agent has answered what it was last asked, and generates nothing any more."""
        return self._answered and not self._running and not self._with_tools

    def ask(self) -> None:
        """From now on an answer is owed."""
        self._answered = False
        self.output_at = None

    def take(self, event: dict[str, Any], now: float) -> list[Reaction]:
        """Take in an event; what the client has to do about it."""
        kind = str(event.get("type"))
        self.seen[kind] += 1
        match kind:
            case "session.created" | "session.updated":
                self._configured(_part(event, "session"))
            case "error":
                error = _part(event, "error")
                self.errors[str(error.get("event_id"))] = str(error.get("code") or error.get("type"))
            case "input_audio_buffer.speech_started":
                return self._interrupted(now)
            case "input_audio_buffer.committed" if self._transcribes:
                self.untranscribed.add(str(event.get("item_id")))
            case _ if kind in _TRANSCRIBED:
                self.untranscribed.discard(str(event.get("item_id")))
            case "session.output_transcript.delta" | "session.output_audio.delta":
                self._translated(event, now)
            case _ if kind.startswith("response."):
                return self._response(kind, event, now)
        return []

    def tools_answered(self, response_id: str) -> None:
        """The agent was told to go on."""
        self._with_tools.discard(response_id)
        self._answered = False

    def _response(self, kind: str, event: dict[str, Any], now: float) -> list[Reaction]:
        match kind:
            case "response.created":
                self._running.add(str(_part(event, "response").get("id")))
            case "response.output_audio.delta":
                length_ms = _size(event) / bytes_per_ms(self._output_form)
                self.playout.add(str(event.get("item_id")), length_ms, now)
            case "response.output_item.done":
                return self._item_done(str(event.get("response_id")), _part(event, "item"))
            case "response.done":
                return self._response_done(_part(event, "response"))
        return []

    def _configured(self, session: dict[str, Any]) -> None:
        audio = _part(session, "audio")
        listening, speaking = _part(audio, "input"), _part(audio, "output")
        turn_detection = listening.get("turn_detection")
        self.vad = turn_detection is not None or session.get("type") == "translation"
        self._interrupts = not isinstance(turn_detection, dict) or turn_detection.get("interrupt_response") is not False
        self._transcribes = listening.get("transcription") is not None
        self.input_form = _form(listening, self.input_form)
        self._output_form = _form(speaking, self._output_form)

    def _interrupted(self, now: float) -> list[Reaction]:
        self._answered = False
        playing = self.playout.playing(now)
        if playing is None or not self._interrupts:
            return []
        self.playout.stop(now)
        return [Interrupt(item_id=playing.item_id, heard_ms=playing.heard_ms)]

    def _translated(self, event: dict[str, Any], now: float) -> None:
        self.output_at = now
        if event["type"] == "session.output_audio.delta":
            self.playout.add("translation", _size(event) / bytes_per_ms("audio/pcm"), now)

    def _item_done(self, response_id: str, item: dict[str, Any]) -> list[Reaction]:
        if item.get("type") != "function_call" or item.get("status") == "incomplete":
            return []
        self._with_tools.add(response_id)
        call_id, name, arguments = (str(item.get(key)) for key in ("call_id", "name", "arguments"))
        return [RunTool(response_id=response_id, call_id=call_id, name=name, arguments=arguments)]

    def _response_done(self, response: dict[str, Any]) -> list[Reaction]:
        response_id = str(response.get("id"))
        self._running.discard(response_id)
        if response_id in self._with_tools:
            return [GoOn(response_id=response_id)]
        # What the user cut short is followed by the answer to what the user said.
        cut_short = response.get("status") == "cancelled" and (
            _part(response, "status_details").get("reason") == "turn_detected"
        )
        self._answered = self._answered or not cut_short
        return []


def _part(holder: dict[str, Any], name: str) -> dict[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _form(side: dict[str, Any], otherwise: str) -> str:
    form = _part(side, "format").get("type")
    return form if form in RATES else otherwise


def _size(event: dict[str, Any]) -> int:
    """Bytes of the audio of a delta, without decoding it."""
    delta = str(event.get("delta") or "")
    return len(delta) * 3 // 4 - delta[-2:].count("=")
