"""The conversation of a session: its items in order, and how much of the model's context each of them takes."""

import json
from typing import Any

import msgspec

from simulator.checking import Rejected
from simulator.scenario import Trigger
from simulator.tokens import agent_audio_tokens, text_tokens, user_audio_tokens
from simulator.usage import ITEM_OVERHEAD, SESSION_OVERHEAD, Weight

Wire = dict[str, Any]
TEXT_FIELDS = {"input_text": "text", "output_text": "text", "output_audio": "transcript"}


class Item(msgspec.Struct, kw_only=True):
    """One item: what the client sees of it, and what only the server knows."""

    wire: Wire
    heard_ms: float = 0
    """Length of a user's audio."""
    spoken_ms: float = 0
    """Length of the agent's audio, as generated so far."""
    kept_ms: float | None = None
    """The same after a truncation."""
    text: str = ""
    """What its audio says, as the scenario has it."""
    voice: str = ""
    """Whose it is, if the agent's."""

    @property
    def id(self) -> str:
        item_id: str = self.wire["id"]
        return item_id

    @property
    def heard_to_ms(self) -> float:
        """How much of the agent's audio is left."""
        return self.spoken_ms if self.kept_ms is None else self.kept_ms

    @property
    def is_agents_speech(self) -> bool:
        return bool(self.voice)


class Conversation:
    """Items in order."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self.items: list[Item] = []

    @property
    def last_id(self) -> str | None:
        return self.items[-1].id if self.items else None

    def find(self, item_id: str) -> Item:
        for item in self.items:
            if item.id == item_id:
                return item
        raise Rejected(f"Error: the item with id '{item_id}' does not exist.", code="item_not_found", param="item_id")

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put an item after another (`root`: in front; none: at the end), and say which it now follows."""
        if any(other.id == item.id for other in self.items):
            raise Rejected(f"Item with id '{item.id}' already exists.", code="item_id_taken", param="item.id")
        place = len(self.items)
        if after == "root":
            place = 0
        elif after is not None:
            place = self.items.index(self.find(after)) + 1
        self.items.insert(place, item)
        return self.items[place - 1].id if place else None

    def remove(self, item_id: str) -> None:
        self.items.remove(self.find(item_id))

    def unanswered(self) -> tuple[Trigger, str]:
        """What there is to answer: what came after the agent's last word, and the words of it."""
        for item in reversed(self.items):
            wire = item.wire
            if wire["type"] == "function_call_output":
                return "tool_output", str(wire["output"])
            if wire.get("role") == "user":
                spoken = any(part["type"] == "input_audio" for part in wire["content"])
                return ("speech", item.text) if spoken else ("text", _text(wire))
            if wire.get("role") == "assistant" or wire["type"] == "function_call":
                break
        return "none", ""

    def context(self, instructions: str, tools: list[Any]) -> list[Weight]:
        """What a model reads that answers now."""
        latest = next((item.id for item in reversed(self.items) if item.is_agents_speech and item.spoken_ms), None)
        declared = text_tokens(json.dumps(tools)) if tools else 0
        session = Weight(item_id="session", text=SESSION_OVERHEAD + text_tokens(instructions) + declared)
        return [session, *(_weight(item, with_speech=item.id == latest) for item in self.items)]


def _weight(item: Item, *, with_speech: bool) -> Weight:
    """Of the agent's own speech only the latest is still there as audio."""
    return Weight(
        item_id=item.id,
        text=ITEM_OVERHEAD + text_tokens(_text(item.wire)),
        audio=user_audio_tokens(item.heard_ms) + (agent_audio_tokens(item.heard_to_ms) if with_speech else 0),
    )


def _text(wire: Wire) -> str:
    if wire["type"] == "function_call":
        return f"{wire['name']} {wire['arguments']}"
    if wire["type"] == "function_call_output":
        return str(wire["output"])
    parts = wire.get("content", ())
    return " ".join(str(part.get(TEXT_FIELDS.get(part["type"], "text")) or "") for part in parts)
