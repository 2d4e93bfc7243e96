"""The API's side: it hears speech begin and end where it does, commits, transcribes, answers, and refuses."""

from collections import deque
from typing import Any

import msgspec

from tests.truth import shapes
from tests.truth.agent import Generation, answer_to
from tests.truth.call import Call
from tests.truth.media import Media
from tests.truth.parts import Reply, Write
from tests.truth.recorder import Seen
from tests.truth.transcribing import transcribe
from tests.truth.truths import Answer, Input, Report, Text, Utterance
from tests.truth.world import Process

_DETECTS_AFTER_MS = 64
"""A detector is sure of speech once it has heard this much."""
_COMMIT_MIN_MS = 100


class Server:
    def __init__(self, call: Call) -> None:
        self.call = call
        self.settings = call.plan.begins_as
        self.replies: deque[Reply] = deque()
        """What the agent will answer, in order; then something short."""
        self.active: Generation | None = None
        self.owing = 0
        """Answers that will begin by themselves."""
        self.position_ms = 0.0
        self._committed_ms = 0.0
        self._hears: Utterance | None = None
        self._waiting: Input | None = None
        self.media = Media(call)
        call.deliver_to_server = self._takes

    # --- the session

    def opens(self) -> None:
        self._report("session.created")

    def _report(self, type_: str) -> None:
        settings, call = self.settings, self.call

        def note(seen: Seen) -> None:
            call.truth.reports.append(Report(seen, type_, settings))
            if settings.kind != "transcription":
                call.witness.model = settings.model
            changed = call.truth.session.get("settings") not in {None, settings}
            call.truth.config_changes += type_ == "session.updated" and changed
            call.truth.session["settings"] = settings

        call.server_says(type_, note, session=shapes.session(settings, f"sess_{call.plan.seed}", beta=call.plan.beta))

    def _takes(self, type_: str, fields: dict[str, Any], own: Any) -> None:
        match type_:
            case "session.update":
                self.settings = own
                self._report("session.updated")
            case "input_audio_buffer.append" | "session.input_audio_buffer.append":
                self._hear(own)
            case "input_audio_buffer.commit":
                self._commit_asked(own, fields.get("event_id"))
            case "input_audio_buffer.clear":
                self._clear(own)
            case "conversation.item.create":
                self._item_created(own, fields["item"])
            case "response.create":
                self._asked(*own)
            case "response.cancel":
                self._cancel()
            case "conversation.item.truncate":
                self._truncate(fields, *own)

    # --- hearing

    def _hear(self, position_ms: float) -> None:
        self.position_ms = position_ms
        for spoken in self.call.truth.utterances:
            if spoken.stopped or spoken.forgotten or self.settings.vad is None:
                continue
            if not spoken.started and position_ms >= spoken.onset_ms + _DETECTS_AFTER_MS:
                self._speech_starts(spoken)
            if spoken.started and position_ms >= spoken.end_ms + self._silence_ms(spoken):
                self._speech_stops(spoken)

    def _silence_ms(self, spoken: Utterance) -> float:
        """How long it waits before it takes speech to be over; a semantic detector, as long as it thinks right."""
        if self.settings.vad == "server_vad":
            return self.settings.silence_ms
        if spoken.silence_over_ms is None:
            spoken.silence_over_ms = self.call.chance.uniform(150, 1500)
        return spoken.silence_over_ms

    def _speech_starts(self, spoken: Utterance) -> None:
        spoken.started = True
        self._hears = spoken
        note = lambda seen: self.call.witness.speech_started(seen, spoken)  # noqa: E731
        start = max(round(spoken.onset_ms - self.settings.prefix_ms), 0)
        spoken.onset_known = start > 0 or self.settings.prefix_ms == 0
        self.call.server_says("input_audio_buffer.speech_started", note, item_id=spoken.item_id, audio_start_ms=start)
        self._waiting = None
        if self.settings.interrupt and self.active is not None:
            self._interrupt()
        elif self.settings.interrupt:
            self.media.clear()

    def _speech_stops(self, spoken: Utterance) -> None:
        spoken.stopped = True
        self._hears = None
        settings, end = self.settings, spoken.end_ms + self._silence_ms(spoken)
        note = lambda seen: self.call.witness.speech_stopped(seen, spoken, settings)  # noqa: E731
        self.call.server_says(
            "input_audio_buffer.speech_stopped", note, item_id=spoken.item_id, audio_end_ms=round(end)
        )
        self._commit(spoken, spoken.item_id)
        if settings.create:
            self._owe(spoken)

    def _commit_asked(self, spoken: Input, event_id: str | None) -> None:
        if self.position_ms - self._committed_ms < _COMMIT_MIN_MS:
            self._refuse("input_audio_buffer_commit_empty", event_id)
            return
        item_id = self.call.id("item")
        if isinstance(spoken, Utterance):
            spoken.stopped = True
            item_id = spoken.item_id
        self._hears = None
        self._commit(spoken, item_id, by_client=True)

    def _commit(self, spoken: Input, item_id: str, *, by_client: bool = False) -> None:
        self._committed_ms = self.position_ms
        if isinstance(spoken, Utterance):
            spoken.committed = True
        note = lambda seen: self.call.witness.committed(seen, item_id, spoken, by_client=by_client)  # noqa: E731
        self.call.server_says("input_audio_buffer.committed", note, item_id=item_id, previous_item_id=None)
        item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        self.call.server_says("conversation.item.added", item=item, previous_item_id=None)
        self.call.server_says("conversation.item.done", item=item, previous_item_id=None)
        if self.settings.transcription is not None and isinstance(spoken, Utterance):
            self.call.world.go(transcribe(self.call, spoken, item_id, self.settings.transcription))

    def _clear(self, spoken: Utterance | None) -> None:
        if spoken is not None:
            spoken.forgotten = True
        self._hears = None
        self._committed_ms = self.position_ms
        self.call.server_says("input_audio_buffer.cleared", lambda seen: self.call.witness.cleared(seen, spoken))

    # --- answering

    def _owe(self, to: Input) -> None:
        """Answer as soon as the agent is free; what waits is forgotten when the user speaks again."""
        self._waiting = to
        self.call.world.go(self._answer_by_itself(to))

    def _answer_by_itself(self, to: Input) -> Process:
        self.owing += 1
        yield self.call.chance.uniform(2, 50)
        yield lambda: self.active is None or self._waiting is not to
        self.owing -= 1
        if self._waiting is to and self.active is None:
            self._waiting = None
            yield from self._respond(to, self._next_reply(), out_of_band=False)

    def _next_reply(self) -> Reply:
        return self.replies.popleft() if self.replies else Reply()

    def _asked(self, to: Input | None, event_id: str | None, overrides: dict[str, Any]) -> None:
        out_of_band = overrides.get("conversation") == "none"
        if self.active is not None and not out_of_band:
            self._refuse("conversation_already_has_active_response", event_id)
            return
        self.call.world.go(self._respond(to, self._next_reply(), out_of_band=out_of_band))

    def _respond(self, to: Input | None, reply: Reply, *, out_of_band: bool) -> Process:
        answer = answer_to(self.call, out_of_band=out_of_band)
        settings = self.settings
        if settings.modality == "text" and any(not isinstance(part, Write) for part in reply.parts):
            reply = msgspec.structs.replace(reply, parts=(Write(),))
        generation = Generation(self.call, settings, answer, reply)
        if not out_of_band:
            self.active = generation
        self._say_created(generation, to)
        running = generation.run()
        yield 1.0
        if self.call.plan.sideband and not out_of_band:
            self.call.world.go(self.media.play(generation))
        yield from running
        if generation.over:
            return
        if reply.status == "completed":
            generation.finish("completed", None)
        elif reply.status == "failed":
            fault = {"type": "server_error", "code": reply.reason, "message": "The server had an error."}
            generation.finish("failed", None, fault)
        else:
            generation.finish(reply.status, reply.reason)
        self._is_free(generation)
        limits = [{"name": "tokens", "limit": 40_000, "remaining": 39_000, "reset_seconds": 1.5}]
        yield self.call.chance.uniform(7, 45)
        self.call.server_says("rate_limits.updated", rate_limits=limits)

    def _say_created(self, generation: Generation, to: Input | None) -> None:
        answer = generation.answer
        wire = shapes.response(
            generation.settings,
            answer.id,
            "in_progress",
            beta=self.call.plan.beta,
            conversation=None if answer.out_of_band else "conv_1",
        )
        note = lambda seen: self.call.witness.created(seen, answer, to)  # noqa: E731
        self.call.server_says("response.created", note, own=answer, response=wire)

    def _is_free(self, generation: Generation) -> None:
        self.active = None if self.active is generation else self.active

    def _interrupt(self) -> None:
        assert self.active is not None
        generation = self.active
        self.media.clear()
        generation.cut_short("cancelled", "turn_detected")
        self._is_free(generation)

    def _cancel(self) -> None:
        if self.active is None:
            self._refuse("response_cancel_not_active", None)
            return
        generation = self.active
        generation.cut_short("cancelled", "client_cancelled")
        self._is_free(generation)

    def _item_created(self, own: Any, item: dict[str, Any]) -> None:
        note, wire = None, dict(item)
        wire.setdefault("id", self.call.id("item"))
        if isinstance(own, Text):
            own.item_id = wire["id"]
            note = lambda seen: self.call.witness.named(seen, own)  # noqa: E731
        elif self.call.plan.sideband and isinstance(own, tuple):
            tool, output = own
            note = lambda seen: self.call.witness.tool_answered(seen, tool, output)  # noqa: E731
        self.call.server_says("conversation.item.added", note, item=wire, previous_item_id=None)
        self.call.server_says("conversation.item.done", item=wire, previous_item_id=None)

    def _truncate(self, fields: dict[str, Any], answer: Answer, heard_ms: float) -> None:
        said = {"item_id": fields["item_id"], "content_index": 0, "audio_end_ms": heard_ms}
        note = lambda seen: self.call.witness.truncated(seen, answer, fields["item_id"], heard_ms)  # noqa: E731
        self.call.server_says("conversation.item.truncated", note, **said)

    def _refuse(self, code: str, event_id: str | None) -> None:
        fault = {"type": "invalid_request_error", "code": code, "message": "no", "param": None, "event_id": event_id}
        said = {"code": code, "error_type": fault["type"], "message": "no", "client_event_id": event_id}
        note = lambda seen: self.call.witness.failed(seen, "error_event", **said)  # noqa: E731
        self.call.server_says("error", note, error=fault)

    def time_out(self, silence: Input) -> None:
        """The user has been silent for long: the API commits that silence and lets the agent speak."""
        item_id, end = self.call.id("item"), round(self.position_ms)
        note = lambda seen: self.call.witness.nudged(seen, silence, item_id)  # noqa: E731
        start = round(self._committed_ms)
        fields = {"audio_start_ms": start, "audio_end_ms": end, "item_id": item_id}
        self.call.server_says("input_audio_buffer.timeout_triggered", note, **fields)
        told = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Check in."}]}
        self.call.server_says("conversation.item.added", item={"id": self.call.id("item"), **told})
        self._commit(silence, item_id)
        self._owe(silence)

    @property
    def idle(self) -> bool:
        """Nothing is being said, nor will be by itself."""
        return self.active is None and self.owing == 0 and self.media.silent
