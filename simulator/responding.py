"""The agent's responses: which reply is given, how it is sent, how it ends, what it used (PROTOCOL 1.4 and 4)."""

from collections.abc import Callable

from simulator import audio, voice
from simulator.checking import Config, Rejected, check_response
from simulator.config import reasons
from simulator.conversation import Conversation
from simulator.line import Line
from simulator.metering import Meter
from simulator.plan import Begin, Finish, Pacing, Piece, Said, Sound, Step, plan
from simulator.response import Response, outputs_of
from simulator.scenario import Scenario, Trigger
from simulator.script import Reader
from simulator.usage import billed_nanos

LIMIT_TOKENS = 15_000_000
RATE_LIMITS_AFTER_MS = (7.0, 45.0)


class Responder:
    """One session's responses. At most one belongs to the conversation at a time; others may run beside it."""

    def __init__(
        self,
        line: Line,
        conversation: Conversation,
        scenario: Scenario,
        *,
        model: str,
        early_limits: bool,
        on_done: Callable[[Response], None],
    ) -> None:
        self._line = line
        self._conversation = conversation
        self._reader = Reader(scenario)
        self._scenario = scenario
        self._model = model
        self._early_limits = early_limits
        self._on_done = on_done
        self._running: dict[str, Response] = {}
        self._meter = Meter(line.chance, conversation, model)
        self.spoken = False
        """The agent has been heard, so its voice can't change any more."""

    @property
    def active(self) -> Response | None:
        """The response that the conversation is waiting for."""
        return next((response for response in self._running.values() if response.in_conversation), None)

    def create(self, config: Config, trigger: Trigger, overrides: Config, heard: str) -> None:
        """Answer. Rejected where the conversation already has an active response."""
        in_conversation = check_response(overrides).get("conversation") != "none"
        if in_conversation and (active := self.active):
            raise Rejected(
                f"Conversation already has an active response in progress: {active.id}. "
                "Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        session = _overridden(config, overrides)
        reply = self._reader.next(session, trigger if in_conversation else "out_of_band", heard)
        response = Response(self._line.chance.id("resp"), session, reply, overrides, self._conversation.id)
        response.trigger = trigger
        response.context = self._meter.context(response)
        self._running[response.id] = response
        timing = self._scenario.timing_of(reply)
        self._line.later(timing.created_ms * self._line.chance.vary(timing.jitter), lambda: self._start(response))

    def cancel(self, reason: str, response_id: str | None = None) -> bool:
        """End the active response, or the one named. False: there is none."""
        response = self._running.get(response_id) if response_id else self.active
        if response is None:
            return False
        self._announce(response)
        for index in sorted(response.items):
            self._conclude(response, index, "incomplete")
        self._end(response, "cancelled", {"type": "cancelled", "reason": reason})
        return True

    def _announce(self, response: Response) -> None:
        if response.announced:
            return
        response.announced = True
        self._line.send("response.created", response=response.wire("in_progress"))
        self._line.note("response_created", response_id=response.id, trigger=response.trigger, script=self._reader.name)
        if self._early_limits:
            self._send_limits(response, beta=True)

    def _start(self, response: Response) -> None:
        if response.id not in self._running:
            return
        self._announce(response)
        reply = response.reply
        if reply.status == "failed":
            self._line.later(30, lambda: self._fail(response))
            return
        response.outputs = outputs_of(reply, response.session)
        chance, timing = self._line.chance, self._scenario.timing_of(reply)
        pacing = Pacing(timing=timing, vary=chance.vary, stall=reply.stall, overlap=reasons(self._model))
        steps = plan(response.outputs, pacing)
        for step in steps:
            response.due.append(self._line.later(step.at_ms, self._doer(response, step)))
        end_ms = steps[-1].at_ms if steps else timing.first_words_ms
        response.due.append(self._line.later(end_ms + 0.5, lambda: self._complete(response)))

    def _doer(self, response: Response, step: Step) -> Callable[[], None]:
        return lambda: self._do(response, step)

    def _do(self, response: Response, step: Step) -> None:
        match step.do:
            case Begin(index):
                self._begin(response, index)
            case Piece(index, text):
                self._say(response, index, text)
            case Sound(index, from_ms, to_ms):
                self._sound(response, index, from_ms, to_ms)
            case Said(index):
                response.send_said(self._line, index)
            case Finish(index):
                cut = response.reply.status == "incomplete" and index == len(response.outputs) - 1
                self._conclude(response, index, "incomplete" if cut else "completed")

    def _begin(self, response: Response, index: int) -> None:
        item = response.new_item(self._line.chance, index)
        response.items[index] = item
        where = {"response_id": response.id, "output_index": index}
        self._line.send("response.output_item.added", **where, item=response.wire_item(index, "in_progress"))
        if response.in_conversation:
            previous = self._conversation.add(item)
            wire = response.wire_item(index, "in_progress")
            self._line.send("conversation.item.added", previous_item_id=previous, item=wire)
            response.previous[index] = previous
        response.send_part_added(self._line, index)

    def _say(self, response: Response, index: int, text: str) -> None:
        first = not response.texts[index]
        response.say(self._line, index, text)
        if first:
            self._line.note("first_text", response_id=response.id, item_id=response.items[index].id)

    def _sound(self, response: Response, index: int, from_ms: int, to_ms: int) -> None:
        item = response.items[index]
        if not item.spoken_ms:
            self._line.note("first_audio", response_id=response.id, item_id=item.id)
        self.spoken = True
        samples = voice.speak(response.outputs[index].text, response.voice)  # type: ignore[union-attr] # only Speech sounds
        piece = samples[from_ms * voice.RATE // 1000 : to_ms * voice.RATE // 1000]
        response.send_audio(self._line, index, audio.encode(piece, response.format))
        item.spoken_ms = to_ms

    def _conclude(self, response: Response, index: int, status: str) -> None:
        """Finish an item, with all that belongs to its end. Nothing where it is finished already."""
        if index in response.finished:
            return
        response.send_said(self._line, index)
        response.finished[index] = status
        item = response.items[index]
        item.wire = response.wire_item(index, status)
        if response.in_conversation:
            # Recorded sessions have null here for speech and calls, and the true one for written answers.
            previous = response.previous[index] if response.is_written(index) else None
            self._line.send("conversation.item.done", previous_item_id=previous, item=item.wire)
        self._line.send("response.output_item.done", response_id=response.id, output_index=index, item=item.wire)
        if item.wire["type"] == "function_call":
            self._line.note(
                "tool_called", response_id=response.id, call_id=item.wire["call_id"], name=item.wire["name"]
            )

    def _complete(self, response: Response) -> None:
        reply = response.reply
        if reply.status == "incomplete":
            self._end(response, "incomplete", {"type": "incomplete", "reason": reply.reason or "max_output_tokens"})
        else:
            self._end(response, "completed", None)
        self._line.later(
            self._line.chance.between(*RATE_LIMITS_AFTER_MS), lambda: self._send_limits(response, beta=False)
        )

    def _fail(self, response: Response) -> None:
        code = response.reply.reason or "server_error"
        message = "The server had an error while processing your request. Sorry about that!"
        error = {"type": "server_error" if code == "server_error" else code, "code": code, "message": message}
        self._end(response, "failed", {"type": "failed", "error": error})

    def _end(self, response: Response, status: str, details: Config | None) -> None:
        for appointment in response.due:
            appointment.cancelled = True
        self._running.pop(response.id, None)
        usage = self._meter.usage(response)
        self._line.send("response.done", response=response.wire(status, details, usage.wire()))
        self._line.note(
            "response_done",
            response_id=response.id,
            status=status,
            reason=(details or {}).get("reason"),
            generated_ms=response.spoken_ms,
            usage=usage.wire(),
            model=self._model,
            billed_nanos=billed_nanos(usage, self._model),
        )
        self._on_done(response)

    def _send_limits(self, response: Response, *, beta: bool) -> None:
        if beta is not self._early_limits:
            return
        used = sum(weight.tokens for weight in response.context)
        tokens = {
            "name": "tokens",
            "limit": LIMIT_TOKENS,
            "remaining": LIMIT_TOKENS - used,
            "reset_seconds": round(used / 250_000, 3),
        }
        requests = {"name": "requests", "limit": 20_000, "remaining": 19_999, "reset_seconds": 0.003}
        self._line.send("rate_limits.updated", rate_limits=[requests, tokens] if beta else [tokens])


def _overridden(config: Config, overrides: Config) -> Config:
    """The session's configuration as this one response sees it."""
    names = ("instructions", "tools", "tool_choice", "output_modalities", "max_output_tokens")
    session = {**config, **{name: overrides[name] for name in names if overrides.get(name) is not None}}
    output = (overrides.get("audio") or {}).get("output") or {}
    session["audio"] = {**config["audio"], "output": {**config["audio"]["output"], **output}}
    return session
