"""What a response is said to have used, and what that would cost (PROTOCOL 5 and 6). Pure.

The model of the context is the simplest one that gives the numbers of the recorded three-turn session: spoken user
items count as audio, of the agent's own speech only the latest answer is kept as audio (older ones count as text),
and what is cached is the common beginning of this context and the last, in whole blocks of 64 tokens, audio first.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

BLOCK = 64
ITEM_OVERHEAD = 5
SESSION_OVERHEAD = 3


class Weight(msgspec.Struct, frozen=True, kw_only=True):
    """What one item of the context counts."""

    item_id: str
    text: int = 0
    audio: int = 0

    @property
    def tokens(self) -> int:
        return self.text + self.audio


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts of one response."""

    text_in: int = 0
    audio_in: int = 0
    text_cached: int = 0
    audio_cached: int = 0
    text_out: int = 0
    audio_out: int = 0
    reasoning: int | None = None
    """Part of `text_out`; None for models that don't reason."""

    def wire(self) -> dict[str, Any]:
        """As `response.done` carries it."""
        cached = self.text_cached + self.audio_cached
        output: dict[str, int] = {"text_tokens": self.text_out, "audio_tokens": self.audio_out}
        if self.reasoning is not None:
            output["reasoning_tokens"] = self.reasoning
        return {
            "total_tokens": self.text_in + self.audio_in + self.text_out + self.audio_out,
            "input_tokens": self.text_in + self.audio_in,
            "output_tokens": self.text_out + self.audio_out,
            "input_token_details": {
                "text_tokens": self.text_in,
                "audio_tokens": self.audio_in,
                "image_tokens": 0,
                "cached_tokens": cached,
                "cached_tokens_details": {
                    "text_tokens": self.text_cached,
                    "audio_tokens": self.audio_cached,
                    "image_tokens": 0,
                },
            },
            "output_token_details": output,
        }


def charge(
    context: Sequence[Weight], before: Sequence[Weight], *, text_out: int, audio_out: int, reasoning: int | None
) -> Usage:
    """The usage of a response to `context`, where the response before it saw (and added to) `before`."""
    text_in = sum(weight.text for weight in context)
    audio_in = sum(weight.audio for weight in context)
    cached = _common_tokens(context, before) // BLOCK * BLOCK
    audio_cached = min(cached, audio_in // BLOCK * BLOCK)
    return Usage(
        text_in=text_in,
        audio_in=audio_in,
        text_cached=min(cached - audio_cached, text_in),
        audio_cached=audio_cached,
        text_out=text_out + (reasoning or 0),
        audio_out=audio_out,
        reasoning=reasoning,
    )


def _common_tokens(context: Sequence[Weight], before: Sequence[Weight]) -> int:
    tokens = 0
    for ours, theirs in zip(context, before, strict=False):
        if ours != theirs:
            break
        tokens += ours.tokens
    return tokens


class Price(msgspec.Struct, frozen=True):
    """Dollars per million tokens."""

    text_in: Decimal
    text_cached: Decimal
    text_out: Decimal
    audio_in: Decimal
    audio_cached: Decimal
    audio_out: Decimal


def _price(*dollars: str) -> Price:
    return Price(*map(Decimal, dollars))


# PROTOCOL section 6, as of November 2026. The longest name that a model starts with counts.
PRICES = {
    "gpt-realtime": _price("4", "0.40", "16", "32", "0.40", "64"),
    "gpt-realtime-2": _price("4", "0.40", "24", "32", "0.40", "64"),
    "gpt-realtime-2025": _price("4", "0.40", "16", "32", "0.40", "64"),
    "gpt-realtime-2.1-mini": _price("0.60", "0.06", "2.40", "10", "0.30", "20"),
    "gpt-realtime-mini": _price("0.60", "0.06", "2.40", "10", "0.30", "20"),
}


def billed_nanos(usage: Usage, model: str) -> int | None:
    """Nano-dollars that the API would bill; None where the price is not known here."""
    names = [name for name in PRICES if model.startswith(name)]
    if not names:
        return None
    price = PRICES[max(names, key=len)]
    dollars = (
        (usage.text_in - usage.text_cached) * price.text_in
        + usage.text_cached * price.text_cached
        + usage.text_out * price.text_out
        + (usage.audio_in - usage.audio_cached) * price.audio_in
        + usage.audio_cached * price.audio_cached
        + usage.audio_out * price.audio_out
    )
    return int(dollars * 1000)
