"""What each response of a session reads and uses: the conversation as the model sees it, and the cache."""

from simulator.config import reasons
from simulator.conversation import Conversation, Item
from simulator.editing import known_item
from simulator.line import Chance
from simulator.response import Response
from simulator.usage import Usage, Weight, charge

THINKING_TOKENS = 28
"""What a model that reasons spends on it before each answer."""


class Meter:
    """One session's usage. Knows what the last response has left in the cache."""

    def __init__(self, chance: Chance, conversation: Conversation, model: str) -> None:
        self._chance = chance
        self._conversation = conversation
        self._reasons = reasons(model)
        self._cached: list[Weight] = []

    def context(self, response: Response) -> list[Weight]:
        """What the model reads: the conversation, or what an out-of-band request brings along. May be Rejected."""
        source = self._conversation
        own = response.overrides.get("input")
        if own is not None:
            source = Conversation(self._conversation.id)
            for number, wire in enumerate(own):
                source.add(self._brought(wire, number))
        return source.context(response.session.get("instructions") or "", response.session.get("tools") or [])

    def usage(self, response: Response) -> Usage:
        """The bill of a response that has ended; what it read and said is in the cache from now on."""
        if not response.items:
            return Usage(reasoning=0 if self._reasons else None)
        usage = charge(
            response.context,
            self._cached,
            text_out=response.text_tokens,
            audio_out=response.audio_tokens,
            reasoning=THINKING_TOKENS if self._reasons else None,
        )
        if response.in_conversation:
            self._cached = self._after(response)
        return usage

    def _brought(self, wire: object, number: int) -> Item:
        if isinstance(wire, dict) and wire.get("type") == "item_reference":
            return self._conversation.find(str(wire.get("id")))
        return Item(wire={**known_item(wire, self._chance), "id": f"input_{number}"})

    def _after(self, response: Response) -> list[Weight]:
        own = {item.id for item in response.items.values()}
        session = response.session
        whole = self._conversation.context(session["instructions"], session["tools"])
        return [*response.context, *(weight for weight in whole if weight.item_id in own)]
