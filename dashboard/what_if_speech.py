"""What shorter waits for silence would have saved, and what the audio was worth that nobody heard. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dashboard import bill
from dashboard.queries.cost import Tally
from dashboard.queries.what_if import MS_PER_TOKEN, Silence, Unheard
from dashboard.what_if import Compared, Step, Use, Waits, WhatIf, billed, by_price, metered
from dashboard.wording import count
from pipeline.domain import prices
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.prices import PriceList, price

SILENCE_MIN_MS: Final = 100
"""Shorter waits are not reckoned with: words have pauses of that length inside them."""
BY: Final = {
    "semantic_vad": "a semantic VAD ended them, whose wait is not fixed",
    "client": "the client ended them (push to talk)",
    "server_vad": "the silence in force is not known",
}


def shorter_silence(
    tallies: Sequence[Tally], silences: Sequence[Silence], by_minute: PriceList, less_ms: int
) -> WhatIf:
    """Every server VAD's wait for silence shorter by `less_ms`, but none shorter than `SILENCE_MIN_MS`."""
    cut = [(one, _less(one.silence_ms, less_ms)) for one in silences if one.silence_ms is not None]
    day = max((one.day for one in tallies), default=None)
    minute = price(by_minute, None, "audio_in_minute", day) if day else None
    steps = tuple(
        Step(
            label=f"audio in: {count(one.turns, 'turn')} that waited {one.silence_ms:,} ms",
            formula=f"{one.turns:,} x {less:,} ms x {minute:,} a minute / 60,000, rounded down",
            usd_nanos=prices.nanos(one.turns * less * NS_PER_MS, minute),
        )
        for one, less in cut
        if one.metered and less and minute is not None
    )
    turns = sum(one.turns for one, less in cut if less)
    return WhatIf(
        compared=(
            Compared(
                basis="metered", now_usd_nanos=metered(tallies), saved=steps, impossible="" if steps else _no_turn(cut),
            ),
        ),
        waits=Waits(
            turns=turns,
            less_ms=sum(one.turns * less for one, less in cut),
            formula=" + ".join(f"{one.turns:,} x {less:,} ms" for one, less in cut if less) or "0 ms",
        ),
        assumed=(
            f"no wait is cut below {SILENCE_MIN_MS} ms",
            ("nobody pauses inside a sentence for longer than the shorter wait: whoever does is cut off, and the log "
            "can't say how many would be, since pauses within speech leave no event"),
            "the client appends audio all the time, so that a call is shorter by what its turns wait less",
        ),
        left_out=(
            *(f"{count(one.turns, 'turn')}: {BY.get(one.ended_by, 'how they were ended is not known')}"
              for one in silences if one.silence_ms is None),
            "what is billed: the input has one token less for each 100 ms, and usage does not tell silence from speech",
        ),
    )  # fmt: skip


def _less(silence_ms: int | None, less_ms: int) -> int:
    return min(less_ms, max(0, (silence_ms or 0) - SILENCE_MIN_MS))


def _no_turn(cut: Sequence[tuple[Silence, int]]) -> str:
    if not cut:
        return "no turn of these calls waited for a silence of known length"
    return "no turn with metered audio waited long enough to be shortened"


def unheard_truncated(tallies: Sequence[Tally], unheard: Sequence[Unheard], listed: PriceList) -> WhatIf:
    """Nothing generated that was cut off before it was heard, and nothing of it left in the conversation."""
    generated = by_price(_uses(unheard, listed, "audio_out", "cut off"))
    again = by_price(_uses((one for one in unheard if not one.truncated), listed, "audio_cached", "read again"))
    at_most = by_price(_uses((one for one in unheard if not one.truncated), listed, "audio_in", "read again"))
    nothing = "" if unheard else "nothing of these calls was cut off unheard"
    nothing_billed = "" if generated else nothing or "no answer that was cut off has both usage and a price"
    return WhatIf(
        compared=(
            Compared(basis="metered", now_usd_nanos=metered(tallies), saved=_metered(unheard), impossible=nothing),
            Compared(
                basis="billed", now_usd_nanos=billed(tallies), saved=(*generated, *again), impossible=nothing_billed
            ),
        ),
        assumed=(
            "of an answer that was cut off, as large a part of its audio tokens was for nobody as of its audio",
            *_reread(again, at_most),
        ),
        left_out=(*_without(unheard, listed), "the text of what was not heard: usage does not part it by time"),
    )


def _metered(unheard: Sequence[Unheard]) -> tuple[Step, ...]:
    length_ms = sum(one.unheard_ms for one in unheard)
    label = f"{bill.AUDIO_OUT}: {count(sum(one.answers for one in unheard), 'answer')} cut off"
    nanos = sum(one.metered_usd_nanos for one in unheard)
    return (Step(label=label, formula=f"{length_ms:,.0f} ms unheard, as booked", usd_nanos=nanos),) if unheard else ()


def _uses(unheard: Iterable[Unheard], listed: PriceList, component: str, what: str) -> Iterator[Use]:
    for one in unheard:
        found = price(listed, one.model, component, one.day)
        if found is not None:
            tokens = one.tokens if component == "audio_out" else one.read_again
            yield Use(label=f"{bill.NAMES[component]}, {one.model}: {what}", tokens=tokens, usd_nanos=found)


def _reread(again: Sequence[Step], at_most: Sequence[Step]) -> tuple[str, ...]:
    if not again:
        return (
            "what was not heard was not read again: clients said what had been heard (truncate), or no turn followed",
        )
    most = sum(step.usd_nanos for step in at_most)
    return (
        (
            f"what was not heard stays in the conversation where the client did not truncate it ({MS_PER_TOKEN} ms a "
            f"token), and each later answer reads it again from the cache; were it never cached, {most:,} nano-dollars"
        ),
    )


def _without(unheard: Sequence[Unheard], listed: PriceList) -> tuple[str, ...]:
    silent = sum(one.answers for one in unheard if not one.known)
    dear = sum(one.answers for one in unheard if one.known and price(listed, one.model, "audio_out", one.day) is None)
    return (
        *(
            (f"{count(silent, 'answer')} in {count(unheard[0].calls_without_usage, 'call')}: the usage is not known",)
            if silent
            else ()
        ),
        *((f"{count(dear, 'answer')}: {listed.name} does not know the model",) if dear else ()),
    )
