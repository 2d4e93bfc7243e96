"""What a `usage` says, in counts that can be priced (PROTOCOL sections 5.1 and 5.2)."""

import msgspec

from pipeline.domain.messages import CachedDetails, InputDetails, Usage


class TokenCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of a response or a transcription. Cached ones are part of the input; reasoning is part of the text out."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    text_in: int | None = None
    audio_in: int | None = None
    image_in: int | None = None
    text_cached: int | None = None
    audio_cached: int | None = None
    image_cached: int | None = None
    text_out: int | None = None
    audio_out: int | None = None
    reasoning: int | None = None
    estimated: bool = False
    """The cached part was not split by kind and is taken as text as far as it goes."""
    reason: str | None = None
    """Why this can't be priced: no_usage, no_details (tokens not split by kind), zero_usage (though it did work)."""


def response_tokens(usage: Usage | None, *, did_work: bool) -> TokenCounts:
    """The counts of a response. Servers that imitate the API report zeros for work that was done: no price then."""
    if usage is None:
        return TokenCounts(reason="no_usage")
    counts = _input_side(usage) | _output_side(usage)
    return TokenCounts(**counts, reason=_reason(counts, did_work=did_work))  # type: ignore[arg-type]


def transcription_tokens(usage: Usage) -> TokenCounts:
    """The counts of a transcription billed by tokens: audio in, text out."""
    counts = _input_side(usage) | {"text_out": usage.output_tokens, "output": usage.output_tokens}
    return TokenCounts(**counts, reason=_reason(counts, did_work=False))  # type: ignore[arg-type]


def _reason(counts: dict[str, int | None], *, did_work: bool) -> str | None:
    if counts["input"] is None and counts["output"] is None:
        return "no_usage"
    if counts["text_in"] is None or counts["text_out"] is None:
        return "no_details"
    if did_work and not counts["input"] and not counts["output"]:
        return "zero_usage"
    return None


def _input_side(usage: Usage) -> dict[str, int | None]:
    details = usage.input_token_details or InputDetails()
    image = details.image_tokens or 0
    text, audio = _split(usage.input_tokens, details.text_tokens, details.audio_tokens, image)
    if text is None or audio is None:
        return {"text_in": None, "audio_in": None, "input": usage.input_tokens, "cached": details.cached_tokens}
    total = usage.input_tokens if usage.input_tokens is not None else text + audio + image
    counts = {"text_in": text, "audio_in": audio, "image_in": image, "input": total}
    return counts | _cached_side(details, text, audio, image)


def _output_side(usage: Usage) -> dict[str, int | None]:
    details = usage.output_token_details
    text, audio = _split(
        usage.output_tokens, details.text_tokens if details else None, details.audio_tokens if details else None, None
    )
    total = usage.output_tokens if usage.output_tokens is not None else _sum(text, audio)
    return {
        "text_out": text,
        "audio_out": audio,
        "output": total,
        "reasoning": details.reasoning_tokens if details else None,
    }


def _split(total: int | None, text: int | None, audio: int | None, image: int | None) -> tuple[int | None, int | None]:
    """Text and audio tokens. One that is not given counts as zero only where the sum says so, or nothing was used."""
    if text is not None and audio is not None:
        return text, audio
    known = (text or 0) + (audio or 0) + (image or 0)
    if total == known or (total is None and known > 0):
        return text or 0, audio or 0
    return None, None


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _cached_side(details: InputDetails, text: int, audio: int, image: int) -> dict[str, int | None]:
    """Never more cached than there was: a server's slip must not make a negative price."""
    split = details.cached_tokens_details
    estimated = split is None and bool(details.cached_tokens)
    if split is None:
        rest = details.cached_tokens or 0
        split = CachedDetails(text_tokens=min(rest, text), audio_tokens=max(0, rest - text))
    cached = {
        "text_cached": min(split.text_tokens or 0, text),
        "audio_cached": min(split.audio_tokens or 0, audio),
        "image_cached": min(split.image_tokens or 0, image),
    }
    total = details.cached_tokens if details.cached_tokens is not None else sum(cached.values())
    return {**cached, "cached": total, "estimated": estimated}
