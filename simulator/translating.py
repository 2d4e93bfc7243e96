"""One translation session: speech in, the same in another language out, with no turns at all (PROTOCOL 4.11).

Give it what arrived, or wake it when something is due, each time with the time; then perform `take()` in order.
"""

from collections.abc import Callable
from typing import Any

import pybase64

from simulator import config as configuration
from simulator import voice
from simulator.audio import Format, decode, encode
from simulator.checking import Config, Rejected, check_translation
from simulator.line import MS, Action, Appointment, Chance, Event, Line
from simulator.listening import decoded
from simulator.scenario import Scenario
from simulator.session import MINUTE_MS, Opening, parsed
from simulator.tokens import pieces
from simulator.vad import Detector, Edge, Sensitivity

FRAME_MS = 200
"""Length of an audio delta."""
WORD_MS = 280.0
HEARD_AFTER_MS = 650.0
"""From the beginning of speech to the first word of its transcript."""
TRANSLATED_AFTER_MS = 1300.0
"""From there to the first word in the other language; its sound follows."""
SOUND_AFTER_MS = 120.0
PAUSE_MS = 700
"""Silence that ends a sentence."""
VOICE = "translator"


class Translation:
    """A session from its first event to its close."""

    def __init__(
        self, opening: Opening, scenario: Scenario, *, seed: int | None, session_minutes: float, speed: float
    ) -> None:
        chance = Chance(seed, opening.number)
        self._line = Line(chance, lambda event: event, speed, opening.now_ns)
        self._opening = opening
        self._scenario = scenario
        self._config: Config = {
            "input": {"transcription": None, "noise_reduction": None},
            "output": {"language": "en"},
        }
        self._expires_at = opening.unix_seconds + int(session_minutes * 60)
        self.id = chance.id("sess")
        self._detector = Detector()
        self._received_ms = 0.0
        self._sentences = 0
        self._due: list[tuple[Appointment, Callable[[], None]]] = []
        """What is still to be said of the sentences so far, in order of time."""
        self._handlers: dict[str, Callable[[Event], None]] = {
            "session.update": self._update,
            "session.input_audio_buffer.append": self._append,
            "session.close": lambda _: self._close(),
        }
        self._line.note("session_opened", openai_session_id=self.id, model=opening.model, kind="translation")
        self._line.send("session.created", session=self._wire())
        self._line.later(session_minutes * MINUTE_MS, self._expire, scaled=False)

    @property
    def next_ns(self) -> int | None:
        """When to wake the session; None: not before a message comes."""
        return self._line.next_ns

    def receive(self, message: str | bytes, now_ns: int) -> None:
        """Take in one message of the client."""
        self._line.run_due(now_ns)
        event_id = None
        try:
            event = parsed(message)
            event_id = event.get("event_id")
            handler = self._handlers.get(event["type"])
            if handler is None:
                allowed = ", ".join(f"'{name}'" for name in self._handlers)
                raise Rejected(f"Invalid value: '{event['type']}'. Supported values are: {allowed}.", param="type")
            handler(event)
        except Rejected as error:
            self._line.send_error(error.message, code=error.code, param=error.param, client_event_id=event_id)

    def wake(self, now_ns: int) -> None:
        """Do what is due by now."""
        self._line.run_due(now_ns)

    def take(self) -> list[Action]:
        """What to perform since the last call."""
        return self._line.take()

    def totals(self) -> Event:
        """For the truth log, at the end."""
        return {"input_ms": self._received_ms, "turns": self._sentences}

    def _wire(self) -> Config:
        return {
            "id": self.id,
            "type": "translation",
            "expires_at": self._expires_at,
            "model": self._opening.model,
            "audio": configuration.copy(self._config),
        }

    def _update(self, event: Event) -> None:
        changes = check_translation(event.get("session")).get("audio") or {}
        for side in ("input", "output"):
            self._config[side] |= changes.get(side) or {}
        self._line.send("session.updated", session=self._wire())

    def _append(self, event: Event) -> None:
        data = decoded(event.get("audio"))
        self._received_ms += len(data) / Format.PCM.bytes_per_ms
        for found in self._detector.hear(decode(data, Format.PCM), Format.PCM.rate, Sensitivity(silence_ms=PAUSE_MS)):
            if found.edge is Edge.STARTED:
                self._line.note("speech_started", energy_onset_ms=found.energy_ms, received_ms=self._received_ms)
                self._hear()
            else:
                self._line.note("speech_stopped", energy_end_ms=found.energy_ms, received_ms=self._received_ms)

    def _hear(self) -> None:
        """A sentence begins: plan what will be said of it, behind what is still being said of the last one."""
        sentence = self._scenario.sentence(str(self._config["output"]["language"]), self._sentences)
        self._sentences += 1
        begin_ms = max(HEARD_AFTER_MS * self._line.chance.vary(0.1), self._busy_ms)
        if self._config["input"]["transcription"]:
            self._plan_words("session.input_transcript.delta", sentence.heard, begin_ms)
        translated_ms = begin_ms + TRANSLATED_AFTER_MS * self._line.chance.vary(0.1)
        self._plan_words("session.output_transcript.delta", sentence.translated, translated_ms)
        self._plan_sound(sentence.translated, translated_ms + SOUND_AFTER_MS)

    @property
    def _busy_ms(self) -> float:
        """How long what is still to be said takes."""
        return max(((appointment.at_ns - self._line.now_ns) / MS for appointment, _ in self._due), default=0.0)

    def _plan_words(self, kind: str, text: str, begin_ms: float) -> None:
        for place, word in enumerate(pieces(" " + text)):
            self._plan(begin_ms + place * WORD_MS, kind, {"delta": word})

    def _plan_sound(self, text: str, begin_ms: float) -> None:
        samples = voice.speak(text, VOICE)
        frame = voice.RATE * FRAME_MS // 1000
        shape = {"sample_rate": voice.RATE, "channels": 1, "format": "pcm16"}
        for place, start in enumerate(range(0, len(samples), frame)):
            sound = pybase64.b64encode(encode(samples[start : start + frame], Format.PCM)).decode()
            self._plan(begin_ms + place * FRAME_MS, "session.output_audio.delta", {"delta": sound, **shape})

    def _plan(self, after_ms: float, kind: str, fields: dict[str, Any]) -> None:
        def say() -> None:
            self._due.remove(planned)
            self._line.send(kind, **fields, elapsed_ms=self._elapsed_ms)

        planned = (self._line.later(after_ms, say), say)
        self._due.append(planned)

    @property
    def _elapsed_ms(self) -> int:
        """The server's clock: milliseconds of the session's stream."""
        return (self._line.now_ns - self._opening.now_ns) // MS

    def _close(self) -> None:
        """The client has said all: send what is left, and end."""
        for appointment, say in sorted(self._due, key=lambda due: due[0].at_ns):
            appointment.cancelled = True
            say()
        self._line.send("session.closed")
        self._line.close(1000, "")

    def _expire(self) -> None:
        text = f"Your session hit the maximum duration of {self._minutes:g} minutes."
        self._line.send_error(text, code="session_expired")
        self._line.close(1001, text)

    @property
    def _minutes(self) -> float:
        return (self._expires_at - self._opening.unix_seconds) / 60
