"""What the client does to the items of the conversation: create, retrieve, truncate, delete (PROTOCOL 1.1 and 1.3)."""

from typing import Any

import pybase64

from simulator import voice
from simulator.audio import Format, encode
from simulator.checking import Config, Rejected
from simulator.conversation import Conversation, Item
from simulator.line import Chance, Event, Line


class Editor:
    """Handles one session's `conversation.item.*` events. Rejected where an event can't be followed."""

    def __init__(self, line: Line, conversation: Conversation) -> None:
        self._line = line
        self._conversation = conversation

    def create(self, event: Event) -> None:
        wire = known_item(event.get("item"), self._line.chance)
        previous = self._conversation.add(Item(wire=wire), _id_or_none(event.get("previous_item_id")))
        self._line.send("conversation.item.added", previous_item_id=previous, item=wire)
        self._line.send("conversation.item.done", previous_item_id=previous, item=wire)
        if wire["type"] == "function_call_output":
            self._line.note("tool_output", call_id=wire["call_id"])

    def retrieve(self, event: Event) -> None:
        """Send an item with its audio; the user's audio isn't kept here, so only the agent's."""
        item = self._conversation.find(str(event.get("item_id")))
        self._line.send("conversation.item.retrieved", item=_with_audio(item) if item.spoken_ms else item.wire)

    def delete(self, event: Event) -> None:
        item_id = str(event.get("item_id"))
        self._conversation.remove(item_id)
        self._line.send("conversation.item.deleted", item_id=item_id)

    def truncate(self, event: Event) -> None:
        item = self._conversation.find(str(event.get("item_id")))
        end_ms = event.get("audio_end_ms")
        if type(end_ms) is not int or end_ms < 0:
            raise Rejected(
                f"Invalid 'audio_end_ms': expected an integer >= 0, but got {end_ms!r} instead.",
                code="integer_below_min_value",
                param="audio_end_ms",
            )
        if not item.is_agents_speech and not item.spoken_ms:
            raise Rejected("Only model output audio messages can be truncated.", param="item_id")
        if end_ms > item.spoken_ms:
            raise Rejected(
                f"Audio content of {int(item.spoken_ms)}ms is already shorter than {end_ms}ms", param="audio_end_ms"
            )
        item.kept_ms = end_ms
        where = {"item_id": item.id, "content_index": event.get("content_index", 0), "audio_end_ms": end_ms}
        self._line.send("conversation.item.truncated", **where)
        self._line.note("truncated", item_id=item.id, audio_end_ms=end_ms, generated_ms=item.spoken_ms)


def _id_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def _with_audio(item: Item) -> Config:
    samples = voice.speak(item.text, item.voice)[: int(item.heard_to_ms * voice.RATE // 1000)]
    sound = pybase64.b64encode(encode(samples, Format.PCM)).decode()
    return {**item.wire, "content": [{**part, "audio": sound} for part in item.wire["content"]]}


ITEM_TYPES = ("message", "function_call", "function_call_output", "mcp_approval_response")
REQUIRED = {
    "message": ("role",),
    "function_call": ("name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "mcp_approval_response": ("approval_request_id",),
}


def known_item(item: Any, chance: Chance) -> Config:
    """A client's item as the server lists it, or Rejected."""
    kind = item.get("type") if isinstance(item, dict) else None
    if kind not in ITEM_TYPES:
        allowed = ", ".join(f"'{name}'" for name in ITEM_TYPES)
        raise Rejected(f"Invalid value for 'item.type'. Supported values are: {allowed}.", param="item.type")
    for name in REQUIRED[kind]:
        if not isinstance(item.get(name), str):
            raise Rejected(
                f"Missing required parameter: 'item.{name}'.", code="missing_required_parameter", param=f"item.{name}"
            )
    head = {"id": str(item.get("id") or chance.id("item")), "type": kind}
    if kind == "message":
        return {**head, "status": "completed", "role": item["role"], "content": _known_parts(item.get("content"))}
    status = {"status": "completed"} if kind == "function_call" else {}
    rest = {key: value for key, value in item.items() if key not in {"id", "type", "status", "object"}}
    return {**head, **status, **rest}


def _known_parts(content: Any) -> list[Config]:
    parts = content if isinstance(content, list) else []
    if not all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in parts):
        raise Rejected("Invalid 'item.content'.", param="item.content")
    # Audio is not sent back to who sent it.
    return [
        {"type": "input_audio", "transcript": part.get("transcript")} if part["type"] == "input_audio" else dict(part)
        for part in parts
    ]
