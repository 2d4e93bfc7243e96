"""Usage as an API would report it, and what it costs by prices written down here by hand, from the price pages.

Nothing of the pipeline's price lists is read: a wrong number there must show.
"""

from fractions import Fraction
from random import Random
from typing import Any

import msgspec

# USD per million tokens: text in, cached, out; audio in, cached, out; image in, cached.
_FULL = ("4", "0.40", "16", "32", "0.40", "64", "5", "0.50")
_REASONING = ("4", "0.40", "24", "32", "0.40", "64", "5", "0.50")
_MINI = ("0.60", "0.06", "2.40", "10", "0.30", "20", "0.80", "0.08")
TOKEN_PRICES = {
    "gpt-realtime": _FULL,
    "gpt-realtime-2025-08-28": _FULL,
    "gpt-realtime-1.5": _FULL,
    "gpt-realtime-2.1": _REASONING,
    "gpt-realtime-2": _REASONING,
    "gpt-realtime-2.1-mini": _MINI,
    "gpt-realtime-mini": _MINI,
    "gpt-realtime-mini-2025-12-15": _MINI,
    "gpt-4o-mini-realtime-preview-2024-12-17": ("0.60", "0.30", "2.40", "10", "0.30", "20", None, None),
    "gpt-4o-realtime-preview-2024-12-17": ("5", "2.50", "20", "40", "2.50", "80", None, None),
    "gpt-4o-realtime-preview-2024-10-01": ("5", "2.50", "20", "100", "20", "200", None, None),
}
UNKNOWN_MODEL = "house-voice-7b"
# USD per million tokens: text in, audio in, text out.
TRANSCRIPTION_TOKENS = {
    "gpt-4o-transcribe": ("2.50", "2.50", "10"),
    "gpt-4o-mini-transcribe": ("1.25", "1.25", "5"),
}
# USD per minute of what was transcribed.
TRANSCRIPTION_MINUTES = {"whisper-1": "0.006", "gpt-realtime-whisper": "0.017", "gpt-transcribe": "0.0045"}
TRANSLATION_MODEL, TRANSLATION_MINUTE = "gpt-realtime-translate", "0.034"
"""Of audio sent."""

AUDIO_IN_MINUTE, AUDIO_OUT_MINUTE, TEXT_IN_MILLION, TEXT_OUT_MILLION = "0.06", "0.24", "5", "20"
"""The reference list: what is metered, whatever the model."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a response used."""

    text_in: int = 0
    audio_in: int = 0
    image_in: int = 0
    text_cached: int = 0
    audio_cached: int = 0
    image_cached: int = 0
    text_out: int = 0
    audio_out: int = 0
    reasoning: int | None = None
    told: str = "whole"
    """How much of it the server tells: whole, no_split (of what was cached), sums (no kinds), zeros, nothing."""

    @property
    def input(self) -> int:
        return self.text_in + self.audio_in + self.image_in

    @property
    def output(self) -> int:
        return self.text_out + self.audio_out

    @property
    def cached(self) -> int:
        return self.text_cached + self.audio_cached + self.image_cached


def invented(chance: Random, *, audio_ms: float, reasons: bool, told: str) -> Usage:
    """A usage that could be: cached is part of the input, reasoning of the text; 1 token is 50 ms of agent audio."""
    text, audio, image = chance.randrange(20, 900), chance.randrange(0, 1200), chance.choice([0, 0, 0, 765])
    thought = chance.randrange(0, 40) if reasons else None
    return Usage(
        text_in=text,
        audio_in=audio,
        image_in=image,
        text_cached=chance.choice([0, chance.randrange(0, text + 1)]),
        audio_cached=chance.choice([0, chance.randrange(0, audio + 1)]),
        image_cached=chance.choice([0, image]),
        text_out=chance.randrange(2, 120) + (thought or 0),
        audio_out=-int(-audio_ms // 50),
        reasoning=thought,
        told=told,
    )


def wire(usage: Usage) -> dict[str, Any] | None:
    """As `response.done` carries it."""
    if usage.told == "nothing":
        return None
    if usage.told == "zeros":
        usage = Usage(reasoning=usage.reasoning if usage.reasoning is None else 0)
    sums = {
        "total_tokens": usage.input + usage.output,
        "input_tokens": usage.input,
        "output_tokens": usage.output,
    }
    if usage.told == "sums":
        return sums
    input_: dict[str, Any] = {
        "text_tokens": usage.text_in,
        "audio_tokens": usage.audio_in,
        "image_tokens": usage.image_in,
        "cached_tokens": usage.cached,
    }
    if usage.told != "no_split":
        cached = (usage.text_cached, usage.audio_cached, usage.image_cached)
        input_["cached_tokens_details"] = dict(
            zip(("text_tokens", "audio_tokens", "image_tokens"), cached, strict=True)
        )
    output: dict[str, Any] = {"text_tokens": usage.text_out, "audio_tokens": usage.audio_out}
    if usage.reasoning is not None:
        output["reasoning_tokens"] = usage.reasoning
    return {**sums, "input_token_details": input_, "output_token_details": output}


class Bill(msgspec.Struct, frozen=True):
    nanos: int | None = None
    reason: str | None = None


def billed(usage: Usage | None, model: str, *, did_work: bool) -> Bill:
    """What the provider charges; unknown where the server did not say enough."""
    reason = untold(usage, did_work=did_work)
    if reason is not None:
        return Bill(reason=reason)
    assert usage is not None
    if model not in TOKEN_PRICES:
        return Bill(reason="unknown_model")
    counts = _priced_counts(usage)
    nanos = sum(count * _nanos(price) for count, price in zip(counts, TOKEN_PRICES[model], strict=True) if count)
    return Bill(nanos)


def untold(usage: Usage | None, *, did_work: bool) -> str | None:
    """Why a usage can't be priced."""
    if usage is None or usage.told == "nothing":
        return "no_usage"
    if usage.told == "sums":
        return "no_details"
    told_zero = usage.told == "zeros" or usage.input + usage.output == 0
    return "zero_usage" if told_zero and did_work else None


def as_told(usage: Usage) -> Usage:
    """With the cached part as far as the server told it: without a split it is taken for text, as far as text goes."""
    if usage.told == "zeros":
        return Usage(reasoning=None if usage.reasoning is None else 0, told="zeros")
    if usage.told != "no_split":
        return usage
    text = min(usage.cached, usage.text_in)
    audio = min(usage.cached - text, usage.audio_in)
    return msgspec.structs.replace(usage, text_cached=text, audio_cached=audio, image_cached=0)


def metered_text(usage: Usage | None, *, did_work: bool) -> int | None:
    """Text at the reference list; None where its tokens are unknown."""
    if usage is None or untold(usage, did_work=did_work) is not None:
        return None
    told = as_told(usage)
    return told.text_in * _nanos(TEXT_IN_MILLION) + told.text_out * _nanos(TEXT_OUT_MILLION)


def metered_audio(length_ns: int, per_minute: str) -> int:
    return int(Fraction(per_minute) * 10**9 * length_ns // (60 * 10**9))


def minutes(seconds: float, per_minute: str) -> int:
    """A length of transcribed audio, rounded down to the nano-dollar."""
    return int(Fraction(per_minute) * 10**9 * Fraction(seconds) // 60)


def tokens(counts: tuple[int, int, int], prices: tuple[str, str, str]) -> int:
    return sum(count * _nanos(price) for count, price in zip(counts, prices, strict=True))


def _priced_counts(usage: Usage) -> tuple[int, ...]:
    told = as_told(usage)
    return (
        told.text_in - told.text_cached,
        told.text_cached,
        told.text_out,
        told.audio_in - told.audio_cached,
        told.audio_cached,
        told.audio_out,
        told.image_in - told.image_cached,
        told.image_cached,
    )


def _nanos(usd_per_million: str | None) -> int:
    assert usd_per_million is not None, "a model without a price for images is shown none"
    exact = Fraction(usd_per_million) * 1000
    assert exact.denominator == 1
    return int(exact)
