"""The user's program: a microphone, a loudspeaker, and the habits of a client."""

from collections.abc import Callable
from typing import Any

from tests.truth.call import Call
from tests.truth.player import Piece, Player
from tests.truth.recorder import Seen, sound
from tests.truth.shapes import Settings, Sound
from tests.truth.truths import Answer, Input, Text, Tool, Utterance
from tests.truth.world import NS_PER_MS, Process

_LEAD_MS = 120
"""Of room noise before a word."""


class Client:
    def __init__(self, call: Call) -> None:
        self.call = call
        self.player = Player()
        self.pressed = False
        """Push-to-talk: the microphone is on."""
        self.hung_up = False
        self.position_ns = 0
        """Audio sent so far."""
        self.handle_tool: Callable[[Answer, Tool], None] = lambda *_: None
        self.handle_done: Callable[[Answer], None] = lambda *_: None
        self.handle_reply: Callable[[], None] = lambda: None
        self._format: Sound = call.plan.begins_as.input
        self._base_ns = 0
        self._size = 0
        self._answers: dict[str, Answer] = {}
        self._open_answer: str | None = None
        self._told: set[str] = set()
        """Items of which it told how much was heard."""
        call.deliver_to_client = self._takes

    # --- the microphone

    def listen(self) -> Process:
        """Send what the microphone hears, piece by piece, as long as there is something to send."""
        plan = self.call.plan
        while not self.hung_up:
            if not self._sends():
                yield 13.0
                continue
            length_ms = plan.chunk_ms if not plan.odd_sizes else plan.chunk_ms * self.call.chance.uniform(0.4, 1.6)
            self._append(length_ms)
            yield length_ms / plan.hurry

    def _sends(self) -> bool:
        if self.call.plan.settings.vad is None or self.pressed:
            return self.pressed
        return self.call.plan.hurry == 1.0 or self._has_something()

    def _has_something(self) -> bool:
        """A client that reads from a file sends what was said, and silence until the server has had enough."""
        return any(not (one.stopped or one.forgotten) for one in self.call.truth.utterances)

    def _append(self, length_ms: float) -> None:
        per_ms = self._format.bytes_per_ms
        size = max(2, int(length_ms * per_ms) // 2 * 2)
        self._size += size
        before = self.position_ns
        after = self.position_ns = self._base_ns + self._size * NS_PER_MS // per_ms
        self.call.client_says(
            "session.input_audio_buffer.append"
            if self.call.plan.settings.kind == "translation"
            else "input_audio_buffer.append",
            lambda seen: self.call.witness.appended(seen, before, after, size, per_ms),
            own=after / NS_PER_MS,
            audio="" if self.call.plan.sideband else sound(size),
        )

    def speak(self, length_ms: float, *, words: str | None, meant: str = "speech") -> Utterance:
        """The user says something, from the next moment on."""
        onset = round(self.position_ns / NS_PER_MS + _LEAD_MS)
        spoken = Utterance(onset_ms=onset, end_ms=onset + round(length_ms), words=words, meant=meant)
        spoken.item_id = self.call.id("item")
        self.call.truth.utterances.append(spoken)
        return spoken

    def commit(self, spoken: Input) -> None:
        fields = {"event_id": self.call.id("mine")} if self.call.plan.gives_event_ids else {}
        note = lambda seen: self.call.witness.commit_asked(seen, spoken)  # noqa: E731
        self.call.client_says("input_audio_buffer.commit", note, own=spoken, **fields)

    def clear(self, spoken: Utterance | None) -> None:
        if spoken is not None:
            spoken.forgotten = True
        self.call.client_says("input_audio_buffer.clear", own=spoken)

    # --- what it asks for

    def update(self, settings: Settings, wanted: dict[str, Any]) -> None:
        """Change the configuration. The audio that follows is in the new format: the server reads in order."""

        def note(seen: Seen) -> None:
            if not self.call.truth.reports:
                self.call.truth.early_requests.append(seen)
            if settings.input.bytes_per_ms != before.bytes_per_ms:
                self.call.witness.stretch_over()

        before = self._format
        self.call.client_says("session.update", note, own=settings, session=wanted)
        self._format = settings.input
        if settings.input.bytes_per_ms != before.bytes_per_ms:
            self._base_ns, self._size = self.position_ns, 0

    def write(self, text: Text) -> None:
        """The user types."""
        text.item_id = self.call.id("typed") if self.call.plan.names_items else None
        content = [{"type": "input_text", "text": text.text}]
        item: dict[str, Any] = {"type": "message", "role": "user", "content": content}
        item |= {"id": text.item_id} if text.item_id else {}

        def note(seen: Seen) -> None:
            text.written = seen

        self.call.client_says("conversation.item.create", note, own=text, item=item)

    def ask(self, to: Input | None, note: Callable[[Seen], None] | None = None, **overrides: Any) -> None:
        """Request a response."""
        fields: dict[str, Any] = {"event_id": self.call.id("mine")} if self.call.plan.gives_event_ids else {}
        if overrides:
            fields["response"] = overrides
        self.call.client_says("response.create", note, own=(to, fields.get("event_id"), overrides), **fields)

    def cancel(self) -> None:
        self.call.client_says("response.cancel")

    def answer_tool(self, tool: Tool, output: str) -> None:
        item = {"type": "function_call_output", "call_id": tool.call_id, "output": output}
        note = lambda seen: self.call.witness.tool_answered(seen, tool, output)  # noqa: E731
        self.call.client_says("conversation.item.create", note, own=(tool, output), item=item)

    # --- what it takes in

    def _takes(self, type_: str, fields: dict[str, Any], own: Any) -> None:
        match type_:
            case "error":
                self.handle_reply()
            case "response.created":
                self.handle_reply()
                self._answers[own.id] = own
                self._open_answer = own.id
            case "response.done":
                self._open_answer = None if self._open_answer == own.id else self._open_answer
                self.handle_done(own)
            case "response.output_audio.delta":
                answer, length_ns = own
                lane = answer.id if answer.out_of_band else ""
                piece = Piece(answer.id, fields["item_id"], length_ns, 0, lane=lane)
                self.player.feed(piece, self.call.world.now_ns)
            case "response.function_call_arguments.done":
                self.handle_tool(*own)
            case "input_audio_buffer.speech_started" if not self.call.plan.sideband:
                self.call.world.after(self.call.chance.uniform(1, 30), self._falls_silent)

    def _falls_silent(self) -> None:
        """The user cut in."""
        if not self.call.plan.settings.interrupt:
            return
        if self.call.plan.cancels and self._open_answer is not None:
            self.cancel()
        now_ns = self.call.world.now_ns
        if self.call.plan.truncates:
            for piece in self.player.pieces:
                if piece.starts_ns is not None and piece.ends_ns > now_ns and not piece.lane:
                    self._truncate(self._answers[piece.response_id], piece.item_id)
        self.player.stop_all(now_ns)

    def _truncate(self, answer: Answer, item_id: str) -> None:
        if item_id in self._told:
            return
        self._told.add(item_id)
        heard_ms = self.player.played_ns(answer.id, item_id, self.call.world.now_ns) // NS_PER_MS
        self.call.client_says(
            "conversation.item.truncate",
            lambda seen: self.call.witness.truncated(seen, answer, item_id, heard_ms),
            own=(answer, heard_ms),
            item_id=item_id,
            content_index=0,
            audio_end_ms=heard_ms,
        )
