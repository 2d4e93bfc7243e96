"""One Realtime session: messages of the client in, actions out. Knows no socket and no clock.

Give it what arrived, or wake it when something is due, each time with the time; then perform `take()` in order.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from simulator import config as configuration
from simulator.checking import Config, Rejected
from simulator.conversation import Conversation
from simulator.editing import Editor
from simulator.line import Action, Chance, Event, Line
from simulator.listening import Listener, Turn
from simulator.responding import Responder
from simulator.response import Response
from simulator.scenario import Kind, Scenario, Trigger
from simulator.shapes import from_beta, to_beta
from simulator.transcribing import Transcriber

MINUTE_MS = 60_000


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is opened with."""

    kind: Kind
    model: str
    beta: bool
    number: int
    """Of the session, counted by the server."""
    now_ns: int
    """On the monotonic clock."""
    unix_seconds: int


class Session:
    """A session from its first event to its close."""

    def __init__(
        self, opening: Opening, scenario: Scenario, *, seed: int | None, session_minutes: float, speed: float
    ) -> None:
        chance = Chance(seed, opening.number)
        self._line = Line(chance, to_beta if opening.beta else lambda event: event, speed, opening.now_ns)
        self._opening = opening
        self._scenario = scenario
        self._config = configuration.default(opening.model, opening.kind)
        self._expires_at = opening.unix_seconds + int(session_minutes * 60)
        self.id = chance.id("sess")
        self._conversation = Conversation(chance.id("conv"))
        self._editor = Editor(self._line, self._conversation)
        self._transcriber = Transcriber(self._line)
        self._listener = Listener(
            self._line,
            self._conversation,
            on_speech=self._on_speech,
            on_turn=self._on_turn,
            on_forgotten=self._transcriber.forget,
        )
        self._responder = Responder(
            self._line,
            self._conversation,
            scenario,
            model=opening.model,
            early_limits=opening.beta,
            on_done=self._on_response_done,
        )
        self._turns = 0
        self._handlers: dict[str, Callable[[Event], None]] = {
            "session.update": self._session_update,
            "input_audio_buffer.append": lambda event: self._listener.append(event.get("audio"), self._config),
            "input_audio_buffer.commit": lambda _: self._listener.commit(),
            "input_audio_buffer.clear": lambda _: self._listener.clear(),
            "conversation.item.create": self._editor.create,
            "conversation.item.retrieve": self._editor.retrieve,
            "conversation.item.truncate": self._editor.truncate,
            "conversation.item.delete": self._editor.delete,
            "response.create": self._response_create,
            "response.cancel": self._response_cancel,
            "output_audio_buffer.clear": self._output_clear,
        }
        self._open(session_minutes)

    @property
    def config(self) -> Config:
        """What is in force; not to be changed."""
        return self._config

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
            self._handle(from_beta(event) if self._opening.beta else event)
        except Rejected as error:
            self._line.send_error(error.message, code=error.code, param=error.param, client_event_id=event_id)

    def wake(self, now_ns: int) -> None:
        """Do what is due by now."""
        self._line.run_due(now_ns)

    def take(self) -> list[Action]:
        """What to perform since the last call."""
        return self._line.take()

    def give_back(self, actions: list[Action]) -> None:
        """Take these once more with the next `take`."""
        self._line.give_back(actions)

    def totals(self) -> Event:
        """For the truth log, at the end."""
        return {"input_ms": self._listener.received_ms, "turns": self._turns}

    def _open(self, session_minutes: float) -> None:
        self._line.note(
            "session_opened",
            openai_session_id=self.id,
            model=self._opening.model,
            kind=self._opening.kind,
            beta=self._opening.beta,
            number=self._opening.number,
        )
        self._line.send("session.created", session=self._wire())
        self._line.later(session_minutes * MINUTE_MS, self._expire, scaled=False)
        self._plan_ending()

    def _plan_ending(self) -> None:
        """A script may let the server end the session."""
        ending = self._script.ending
        if ending is None:
            return

        def end() -> None:
            if self._script.ending is not ending:
                return  # the session's instructions, and so its script, have changed meanwhile
            if ending.error:
                self._line.send_error("The session was ended.", code=ending.error, kind="server_error")
            self._line.close(ending.code, ending.reason)

        self._line.later(ending.after_ms, end, scaled=False)

    @property
    def _script(self) -> Any:
        return self._scenario.script(self._config.get("instructions") or "", self._opening.kind)

    def _expire(self) -> None:
        text = "Your session hit the maximum duration of 60 minutes."
        self._line.send_error(text, code="session_expired")
        self._line.close(1001, text)

    def _wire(self) -> Config:
        """The whole configuration as the client sees it."""
        kind = self._opening.kind
        named = "realtime.session" if kind == "realtime" else "realtime.transcription_session"
        rest = configuration.copy(self._config)
        head = {"type": kind, "object": named, "id": self.id}
        if kind == "transcription":
            return {**head, "expires_at": self._expires_at, **rest}
        sound, include = rest.pop("audio"), rest.pop("include")
        return {**head, **rest, "expires_at": self._expires_at, "audio": sound, "include": include}

    def _handle(self, event: Event) -> None:
        handler = self._handlers.get(event["type"])
        if handler is None or (self._opening.kind == "transcription" and event["type"].startswith("response.")):
            allowed = ", ".join(f"'{name}'" for name in self._handlers)
            raise Rejected(f"Invalid value: '{event['type']}'. Supported values are: {allowed}.", param="type")
        handler(event)

    def _session_update(self, event: Event) -> None:
        changes = event.get("session")
        if not isinstance(changes, dict):
            raise Rejected("Missing required parameter: 'session'.", code="missing_required_parameter", param="session")
        before = self._script
        self._config = configuration.update(
            self._config,
            changes,
            model=self._opening.model,
            kind=self._opening.kind,
            spoken=self._responder.spoken,
        )
        self._line.send("session.updated", session=self._wire())
        if self._script is not before:
            self._plan_ending()

    def _response_create(self, event: Event) -> None:
        overrides = event.get("response")
        overrides = {} if overrides is None else overrides
        trigger, heard = self._conversation.unanswered()
        self._responder.create(self._config, trigger, overrides, heard)
        if overrides.get("conversation") != "none":
            self._listener.stop_waiting()

    def _response_cancel(self, event: Event) -> None:
        named = event.get("response_id")
        if not self._responder.cancel("client_cancelled", None if named is None else str(named)):
            raise Rejected("Cancellation failed: no active response found", code="response_cancel_not_active")

    def _output_clear(self, _event: Event) -> None:
        raise Rejected("output_audio_buffer.clear is only supported for WebRTC and SIP.", param="type")

    def _on_speech(self, item_id: str) -> None:
        turn_detection = self._config["audio"]["input"]["turn_detection"]
        if turn_detection["interrupt_response"]:
            self._responder.cancel("turn_detected")
        self._transcriber.speech_started(item_id, self._transcript(), self._transcription_model)

    def _on_turn(self, turn: Turn, answer: bool) -> None:
        text = "" if turn.silent else self._transcript()
        self._turns += 0 if turn.silent else 1
        self._conversation.find(turn.item_id).text = text
        timing = self._scenario.timing
        self._transcriber.committed(turn.item_id, text, turn.length_ms, self._transcription_model, timing)
        if answer and self._opening.kind == "realtime":
            self._answer("idle" if turn.silent else "speech", text)

    def _answer(self, trigger: Trigger, text: str) -> None:
        """Answer by itself, as server VAD does; where the agent was not to be interrupted, it may still be speaking."""
        try:
            self._responder.create(self._config, trigger, {}, text)
        except Rejected as error:
            self._line.send_error(error.message, code=error.code)

    def _on_response_done(self, response: Response) -> None:
        turn_detection = self._config["audio"]["input"]["turn_detection"] or {}
        timeout_ms = turn_detection.get("idle_timeout_ms")
        if timeout_ms and response.in_conversation and response.spoken_ms and not self._listener.speaking:
            self._listener.expect_speech(timeout_ms, response.spoken_ms)

    def _transcript(self) -> str:
        """What the next spoken turn says: the script's transcripts in order, over and over."""
        transcripts = self._script.transcripts
        return transcripts[self._turns % len(transcripts)] if transcripts else "Hello there."

    @property
    def _transcription_model(self) -> str | None:
        heard = self._config["audio"]["input"]["transcription"]
        return heard["model"] if heard else None


def parsed(message: str | bytes) -> Event:
    """The event of a message, or Rejected."""
    if isinstance(message, bytes):
        raise Rejected("Invalid event: binary messages are not supported.", code="invalid_event")
    try:
        event = msgspec.json.decode(message)
    except msgspec.DecodeError:
        raise Rejected("We could not parse the JSON body of your event.", code="invalid_json") from None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Rejected("The 'type' field is missing.", code="invalid_event", param="type")
    return event
