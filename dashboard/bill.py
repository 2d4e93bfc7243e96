"""What a bill is made up of, on both bases: audio in and out, text, cached input, transcription, minutes. Pure.

The tables hold what each thing cost in all. Its parts are computed again from its tokens and the price list, and
stand only where they come to exactly what was booked; otherwise the whole is told as `not split`. So the parts always
add up to the sum of the costs, to the nano-dollar.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from dashboard.queries.cost import Tally
from pipeline.domain import prices
from pipeline.domain.prices import Line, PriceList

N = TypeVar("N", int, float)

NANOS: Final = 1_000_000_000
MS_PER_MINUTE: Final = 60_000
AUDIO_IN: Final = "audio in"
AUDIO_OUT: Final = "audio out"
NOT_SPLIT: Final = "not split"
NAMES: Final = {
    "audio_in": AUDIO_IN,
    "audio_cached": "audio in, cached",
    "text_in": "text in",
    "text_cached": "text in, cached",
    "image_in": "image in",
    "image_cached": "image in, cached",
    "audio_out": AUDIO_OUT,
    "text_out": "text out",
}
"""What each component of a price list is called on the pages, in the order in which they are told."""
WHOLE: Final = {"transcription": "transcription", "session_time": "per-minute model"}
"""Kinds of things that are one part as they are."""
ORDER: Final = (*NAMES.values(), *WHOLE.values(), NOT_SPLIT)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of what was paid for. None: this basis doesn't charge for it."""

    name: str
    tokens: int | None = None
    """Of what was billed; None where it is not billed by tokens."""
    minutes: float | None = None
    """Of audio that was metered; None where it is not metered by minutes."""
    metered_usd_nanos: int | None = None
    billed_usd_nanos: int | None = None


class PartLine(msgspec.Struct, frozen=True, kw_only=True):
    """A part in dollars, and what share of its basis it is; None where the basis doesn't charge for it."""

    name: str
    tokens: int | None
    minutes: float | None
    metered_usd: float | None
    metered_share: float | None
    billed_usd: float | None
    billed_share: float | None


def in_dollars(found: Sequence[Part]) -> list[PartLine]:
    """The parts as they are shown."""
    metered = sum(part.metered_usd_nanos or 0 for part in found)
    billed = sum(part.billed_usd_nanos or 0 for part in found)
    return [
        PartLine(
            name=part.name,
            tokens=part.tokens,
            minutes=part.minutes,
            metered_usd=None if part.metered_usd_nanos is None else part.metered_usd_nanos / NANOS,
            metered_share=None if part.metered_usd_nanos is None else part.metered_usd_nanos / (metered or 1),
            billed_usd=None if part.billed_usd_nanos is None else part.billed_usd_nanos / NANOS,
            billed_share=None if part.billed_usd_nanos is None else part.billed_usd_nanos / (billed or 1),
        )
        for part in found
    ]


def parts(tallies: Iterable[Tally], billed: PriceList, metered: PriceList) -> list[Part]:
    """The parts of all that the tallies hold; parts that were not used are left out."""
    known: dict[str, Part] = {}
    for tally in tallies:
        for piece in (*_billed(tally, billed), *_metered(tally, metered)):
            known[piece.name] = _sum(known[piece.name], piece) if piece.name in known else piece
    return [known[name] for name in ORDER if name in known]


def lines(tally: Tally, listed: PriceList) -> tuple[Line, ...] | None:
    """The bill of responses token by token; None where the list does not come to what was booked.

    A response at Azure is priced under the provider's name where the list has a price there, which the tally doesn't
    say: whichever of the two comes to the booked sum is the one.
    """
    for model in (tally.model, f"azure/{tally.model}"):
        found = prices.token_lines(listed, model, tally.counts, tally.day)
        if sum(line.usd_nanos for line in found) == tally.billed_usd_nanos and all(line.price for line in found):
            return found
    return None


def _billed(tally: Tally, listed: PriceList) -> Iterator[Part]:
    if tally.billed_reason is not None:
        return
    found = lines(tally, listed) if tally.kind == "response" else None
    if found is None:
        yield Part(name=WHOLE.get(tally.kind, NOT_SPLIT), billed_usd_nanos=tally.billed_usd_nanos)
        return
    for line in found:
        yield Part(name=NAMES[line.component], tokens=line.tokens, billed_usd_nanos=line.usd_nanos)


def _metered(tally: Tally, listed: PriceList) -> Iterator[Part]:
    """Audio at what was booked for it; text at the list's price for its tokens, which is booked with the audio."""
    if tally.metered_reason == "not_metered":
        return
    text = metered_text(tally, listed)
    audio = tally.metered_usd_nanos - sum(line.usd_nanos for line in text)
    if audio < 0:
        yield Part(name=NOT_SPLIT, metered_usd_nanos=tally.metered_usd_nanos)
        return
    if tally.audio_ms or audio:
        side = AUDIO_IN if tally.kind == "input_audio" else AUDIO_OUT
        yield Part(name=side, minutes=tally.audio_ms / MS_PER_MINUTE, metered_usd_nanos=audio)
    for line in text:
        yield Part(name=NAMES[line.component], metered_usd_nanos=line.usd_nanos)


def _sum(one: Part, other: Part) -> Part:
    return Part(
        name=one.name,
        tokens=_both(one.tokens, other.tokens),
        minutes=_both(one.minutes, other.minutes),
        metered_usd_nanos=_both(one.metered_usd_nanos, other.metered_usd_nanos),
        billed_usd_nanos=_both(one.billed_usd_nanos, other.billed_usd_nanos),
    )


def _both(one: N | None, other: N | None) -> N | None:
    """What is not known of one of them is nothing to add; not known of both stays so."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


def metered_text(tally: Tally, listed: PriceList) -> tuple[Line, ...]:
    """What of a metered response is for text; nothing where only its audio was metered."""
    if tally.kind != "response" or tally.metered_reason is not None:
        return ()
    counts = msgspec.structs.replace(
        tally.counts, text_cached=0, audio_in=0, audio_cached=0, image_in=0, image_cached=0, audio_out=0
    )
    return prices.token_lines(listed, None, counts, tally.day)
