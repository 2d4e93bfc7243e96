"""The agent's side of a generated session: how a response comes out of the server, part after part, until it is cut."""

from random import Random
from typing import Any

import msgspec

from tests.truth import money, shapes
from tests.truth.call import Call
from tests.truth.parts import Mcp, Part, Reply, Ring, Say, Write
from tests.truth.recorder import Seen, sound
from tests.truth.shapes import Settings
from tests.truth.truths import Answer, Tool
from tests.truth.world import NS_PER_MS, Process


class Generation:
    """One response while it comes out."""

    def __init__(self, call: Call, settings: Settings, answer: Answer, reply: Reply) -> None:
        self.call = call
        self.settings = settings
        self.answer = answer
        self.reply = reply
        self.chance: Random = call.chance
        self.over = False
        self.generated_ms = 0.0
        self._closings: list[dict[str, Any]] = []
        """Items begun and not finished."""
        self._sizes: dict[str, int] = {}
        self._index = 0

    def run(self) -> Process:
        """Until it is all said, or `over`."""
        yield self.reply.think_ms
        for part in self.reply.parts:
            if self.over:
                return
            yield from self._part(part)

    def _part(self, part: Part) -> Process:
        match part:
            case Say():
                yield from self._say(part)
            case Write():
                yield from self._write(part)
            case Ring():
                item = self._tool_begins(part.name)
                yield self.chance.uniform(5, 60)
                if not self.over:
                    self._arguments_done(*item)
                    self._item_done(item[1].item_id, "function_call")
            case Mcp():
                yield from self._mcp(part)

    # --- speech

    def _say(self, part: Say) -> Process:
        item_id = self._message_begins("audio")
        index = self._index
        rings = [self._tool_begins(name) for name in part.calls]
        self._says("response.output_audio_transcript.delta", item_id=item_id, delta=part.text[:5])
        yield self.chance.uniform(20, 130)
        left = part.ms
        while left > 0 and not self.over:
            length = min(left, self.chance.choice([20, 60, 100, 150, 250, 600]))
            left -= length
            self._delta(item_id, index, length)
            if rings:
                self._arguments_done(*rings.pop())
            yield length / part.pace + self.chance.random()
        if self.over:
            return
        for tool in rings:
            self._arguments_done(*tool)
        self._speech_done(item_id, part.text)
        self._item_done(item_id, "message", part.text)
        for name in [item["id"] for item in self._closings]:
            self._item_done(name, "function_call")

    def _delta(self, item_id: str, index: int, length_ms: float) -> None:
        per_ms = self.settings.output.bytes_per_ms
        size = int(length_ms * per_ms)
        if self.call.plan.odd_sizes:
            size += self.chance.randrange(0, 40)
        before = self._sizes.get(item_id, 0)
        after = self._sizes[item_id] = before + size
        length_ns = after * NS_PER_MS // per_ms - before * NS_PER_MS // per_ms
        self.generated_ms += length_ns / NS_PER_MS
        self._says(
            "response.output_audio.delta",
            lambda seen: self.call.witness.delta(seen, self.answer, item_id, size, per_ms),
            own=(self.answer, length_ns),
            item_id=item_id,
            output_index=index,
            content_index=0,
            delta=sound(size),
        )

    def _speech_done(self, item_id: str, text: str) -> None:
        witness, answer = self.call.witness, self.answer
        self._says("response.output_audio.done", lambda seen: witness.spoke(seen, answer), item_id=item_id)
        self._says(
            "response.output_audio_transcript.done",
            lambda seen: witness.said(seen, answer, item_id, "audio", text),
            item_id=item_id,
            content_index=0,
            transcript=text,
        )
        self._says("response.content_part.done", item_id=item_id, content_index=0, part={"type": "audio"})

    def _write(self, part: Write) -> Process:
        item_id = self._message_begins("text")
        for word in part.text.split():
            if self.over:
                return
            note = lambda seen: self.call.witness.wrote(seen, self.answer)  # noqa: E731
            self._says("response.output_text.delta", note, item_id=item_id, delta=word)
            yield self.chance.uniform(3, 40)
        if self.over:
            return
        self._says(
            "response.output_text.done",
            lambda seen: self.call.witness.said(seen, self.answer, item_id, "text", part.text),
            item_id=item_id,
            content_index=0,
            text=part.text,
        )
        self._item_done(item_id, "message")

    # --- tools

    def _tool_begins(self, name: str) -> tuple[Answer, Tool]:
        item_id, call_id = self.call.id("item"), self.call.id("call")
        tool = Tool(call_id, "function", name, '{"city":"Ulm"}', item_id, Seen(0, 0, 0))
        wire = {"type": "function_call", "name": name, "call_id": call_id, "arguments": ""}
        note = lambda seen: self.call.witness.tool_called(seen, self.answer, tool)  # noqa: E731
        self._item_begins(item_id, wire, note)
        self._says("response.function_call_arguments.delta", item_id=item_id, call_id=call_id, delta="{")
        return self.answer, tool

    def _arguments_done(self, answer: Answer, tool: Tool) -> None:
        def note(seen: Seen) -> None:
            tool.arguments_done_ns = seen.ns

        ids = {"item_id": tool.item_id, "call_id": tool.call_id}
        fields = {"name": tool.name, "arguments": tool.arguments}
        self._says("response.function_call_arguments.done", note, own=(answer, tool), **ids, **fields)

    def _mcp(self, part: Mcp) -> Process:
        item_id = self.call.id("mcp")
        tool = Tool(item_id, "mcp", part.name, '{"q":"fog"}', item_id, Seen(0, 0, 0))
        wire: dict[str, Any] = {"type": "mcp_call", "name": part.name, "server_label": "docs", "arguments": ""}
        self._item_begins(item_id, wire, lambda seen: self.call.witness.tool_called(seen, self.answer, tool))
        yield self.chance.uniform(5, 40)
        if self.over:
            return

        def arguments(seen: Seen) -> None:
            tool.arguments_done_ns = seen.ns

        self._says("response.mcp_call_arguments.done", arguments, item_id=item_id, arguments=tool.arguments)
        self.call.server_says("response.mcp_call.in_progress", item_id=item_id, output_index=self._index)
        yield part.takes_ms
        if self.over:
            return
        status, output = ("failed", None) if part.fails else ("answered", "it is foggy")

        def answered(seen: Seen) -> None:
            self.call.witness.tool_answered(seen, tool, output, status)

        outcome = "failed" if part.fails else "completed"
        self.call.server_says(f"response.mcp_call.{outcome}", answered, item_id=item_id, output_index=self._index)
        error = {"type": "tool_execution_error", "message": "no"} if part.fails else None
        self._closings = [item for item in self._closings if item["id"] != item_id]
        wire |= {"id": item_id, "arguments": tool.arguments, "output": output, "error": error}
        self._says("response.output_item.done", item=wire, output_index=self._index)
        yield self.chance.uniform(50, 300)

    # --- items

    def _message_begins(self, part: str) -> str:
        item_id = self.call.id("item")
        wire = {"type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self._item_begins(item_id, wire, lambda _: self.call.witness.item(self.answer, item_id))
        self._says("response.content_part.added", item_id=item_id, content_index=0, part={"type": part})
        return item_id

    def _item_begins(self, item_id: str, wire: dict[str, Any], note: Any) -> None:
        self._index += 1
        item = {"id": item_id, **wire}
        self._closings.append(item)
        self._says("response.output_item.added", note, item=item, output_index=self._index)
        if not self.answer.out_of_band:
            self.call.server_says("conversation.item.added", item=item, previous_item_id=None)

    def _item_done(self, item_id: str, type_: str, transcript: str | None = None, status: str = "completed") -> None:
        [item] = [item for item in self._closings if item["id"] == item_id]
        self._closings.remove(item)
        content = [{"type": "output_audio", "transcript": transcript}] if transcript else []
        done = {**item, "status": status} | ({"content": content} if type_ == "message" else {})
        if not self.answer.out_of_band:
            self.call.server_says("conversation.item.done", item=done, previous_item_id=None)
        self._says("response.output_item.done", item=done)

    # --- its end

    def cut_short(self, status: str, reason: str) -> None:
        """Close what is open, as the server does when a response ends before its time."""
        if self.over:
            return
        self.over = True
        for item in list(self._closings):
            if item["type"] == "message" and item["id"] in self._sizes:
                self._speech_done(item["id"], "well")
            self._item_done(item["id"], item["type"], status="incomplete")
        self.finish(status, reason)

    def finish(self, status: str, reason: str | None, error: dict[str, Any] | None = None) -> None:
        self.over = True
        reasons = self.settings.model.startswith("gpt-realtime-2")
        usage = money.invented(self.chance, audio_ms=self.generated_ms, reasons=reasons, told=self.call.plan.usage_told)
        usage = usage if self._index else money.Usage()
        if "image" not in self.settings.instructions:
            usage = msgspec.structs.replace(usage, image_in=0, image_cached=0)
        if status == "failed":
            usage = msgspec.structs.replace(usage, told="nothing")
        details = None if status == "completed" else {"type": status, "reason": reason, "error": error}
        done = shapes.response(
            self.settings,
            self.answer.id,
            status,
            beta=self.call.plan.beta,
            conversation=None if self.answer.out_of_band else "conv_1",
            status_details=details,
            usage=money.wire(usage),
        )
        self.call.server_says(
            "response.done",
            lambda seen: self._note_done(seen, status, reason, usage, error),
            own=self.answer,
            response=done,
        )

    def _note_done(
        self, seen: Seen, status: str, reason: str | None, usage: money.Usage, error: dict[str, Any] | None
    ) -> None:
        self.call.witness.done(seen, self.answer, status, reason, usage)
        if error is not None:
            self.answer.error_code = error["code"]
            said = {"code": error["code"], "error_type": error["type"], "message": error["message"]}
            self.call.witness.failed(seen, "response_failed", response_id=self.answer.id, **said)

    def _says(self, type_: str, note: Any = None, own: Any = None, **fields: Any) -> None:
        self.call.server_says(type_, note, own, response_id=self.answer.id, **fields)


def answer_to(call: Call, *, out_of_band: bool) -> Answer:
    return Answer(call.id("resp"), Seen(0, 0, 0), out_of_band, None)
