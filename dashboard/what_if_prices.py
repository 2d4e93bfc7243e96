"""What calls would have cost with another model's prices, and with answers in text instead of speech. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import msgspec

from dashboard import bill
from dashboard.queries.cost import LeftOut, Tally
from dashboard.what_if import Compared, Step, Use, WhatIf, billed, by_price, metered, without_usage
from dashboard.wording import count
from pipeline.domain import prices
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.prices import Line, PriceList
from pipeline.domain.usage import TokenCounts

SPEAKS: Final = {"audio_in", "audio_out", "text_in", "text_out"}
BY_MINUTE: Final = "session_minute"
Priced = tuple[tuple[Step, ...], str]
"""What it would cost, and why that can't be told; one of the two is empty."""


def models(listed: PriceList) -> list[str]:
    """The models of a list that speak: those priced by token before those by minute of session, the newest first."""
    speaking = [name for name, priced in listed.prices.items() if priced.keys() >= SPEAKS or BY_MINUTE in priced]
    return sorted(speaking, key=lambda name: (BY_MINUTE in listed.prices[name], _age(listed, name), name))


def _age(listed: PriceList, model: str) -> int:
    """The older the price in force, the higher."""
    return -max(price.valid_from.toordinal() for found in listed.prices[model].values() for price in found)


def another_model(
    tallies: Sequence[Tally], lacking: Iterable[LeftOut], listed: PriceList, model: str, day: date
) -> WhatIf:
    """The same use at the prices that hold for `model` on `day`."""
    answers = [one for one in tallies if one.kind == "response" and one.billed_reason is None]
    kept = billed(one for one in tallies if one.kind != "response")
    if BY_MINUTE in listed.prices.get(model, {}):
        found, missing = _by_minute(tallies, answers, listed, model, day)
    else:
        found, missing = _by_token(answers, listed, model, day)
    if kept:
        found = (*found, Step(label="transcription and per-minute models", formula="as booked", usd_nanos=kept))
    return WhatIf(
        compared=(Compared(basis="billed", now_usd_nanos=billed(tallies), costs=found, impossible=missing),),
        assumed=(
            f"the prices of {listed.name} for {model} that hold on {day}, for all of these calls",
            "as many tokens, and as much of the input cached: no other tokenizer, no other words",
        ),
        left_out=(
            *without_usage(lacking),
            "the metered basis: its prices are the same whatever model speaks",
        ),
    )


def _by_token(answers: Iterable[Tally], listed: PriceList, model: str, day: date) -> Priced:
    found = prices.token_lines(listed, model, _together(answers), day)
    missing = [bill.NAMES[line.component] for line in found if line.price is None]
    if not found:
        return (), "no answer of these calls has both usage and a price"
    if missing:
        return (), f"{listed.name} has no price of {model} for {' and '.join(missing)}"
    return tuple(_step(line) for line in found), ""


def _by_minute(tallies: Iterable[Tally], answers: Iterable[Tally], listed: PriceList, model: str, day: date) -> Priced:
    """By the audio appended in calls whose model answers, as such models are billed (PROTOCOL section 6)."""
    talking = {one.model for one in answers}
    length_ms = sum(one.audio_ms for one in tallies if one.kind == "input_audio" and one.model in talking)
    price = prices.price(listed, model, BY_MINUTE, day)
    if not length_ms or price is None:
        return (), "no audio of these calls passed the recorder, so their minutes are not known"
    step = Step(
        label="audio appended",
        formula=f"{length_ms:,.0f} ms x {price:,} a minute / 60,000, rounded down",
        usd_nanos=prices.nanos(round(length_ms * NS_PER_MS), price),
    )
    return (step,), ""


def _together(answers: Iterable[Tally]) -> TokenCounts:
    sums = Counter[str]()
    for one in answers:
        sums.update({name: getattr(one, name) for name in bill.NAMES})
    return msgspec.convert(sums, TokenCounts)


def _step(line: Line) -> Step:
    price = line.price.usd_nanos if line.price else 0
    return Step(
        label=bill.NAMES[line.component], formula=f"{line.tokens:,} tokens x {price:,}", usd_nanos=line.usd_nanos
    )


def text_for_speech(
    tallies: Sequence[Tally], lacking: Iterable[LeftOut], listed: PriceList, by_minute: PriceList
) -> WhatIf:
    """Answers written instead of spoken: their audio is saved, and their text stays what it is."""
    answers = [one for one in tallies if one.kind == "response" and not one.wordless]
    saved, unsplit = _audio_out(answers, listed)
    heard = _audio_metered(answers, by_minute)
    written = sum(one.text_out for one in answers if one.billed_reason is None and one.audio_out)
    nothing = "no answer of these calls has audio, text and a price"
    return WhatIf(
        compared=(
            Compared(basis="metered", now_usd_nanos=metered(tallies), saved=heard, impossible="" if heard else nothing),
            Compared(basis="billed", now_usd_nanos=billed(tallies), saved=saved, impossible="" if saved else nothing),
        ),
        assumed=(
            (
                f"an answer takes as many text tokens as the transcript that came with its audio ({written:,} in all): "
                "they are charged now, and still are"
            ),
        ),
        left_out=(
            *without_usage(lacking, text_too=True),
            *((f"{count(unsplit, 'answer')}: priced by another list than {listed.name}",) if unsplit else ()),
            "what the agent said, in the input of later turns: it would be text there, so more is saved than this",
            "whatever reads the text out, if anything does: a speech synthesis has its own price",
        ),
    )


def _audio_metered(answers: Iterable[Tally], by_minute: PriceList) -> tuple[Step, ...]:
    """What was metered for the answers' audio, where their text is known as well."""
    spoken = [one for one in answers if one.metered_reason is None and one.audio_ms]
    text = sum(line.usd_nanos for one in spoken for line in bill.metered_text(one, by_minute))
    length_ms = sum(one.audio_ms for one in spoken)
    step = Step(label=bill.AUDIO_OUT, formula=f"{length_ms:,.0f} ms of it, as booked", usd_nanos=metered(spoken) - text)
    return (step,) if spoken else ()


def _audio_out(answers: Iterable[Tally], listed: PriceList) -> tuple[tuple[Step, ...], int]:
    """What the answers' audio was billed at, by model; and how many answers this list does not come to."""
    uses, unsplit = list[Use](), 0
    for one in answers:
        found = bill.lines(one, listed) if one.billed_reason is None else ()
        unsplit += one.things if found is None else 0
        uses += [
            Use(label=f"{bill.AUDIO_OUT}, {one.model or 'unknown'}", tokens=line.tokens, usd_nanos=line.price.usd_nanos)
            for line in found or ()
            if line.component == "audio_out" and line.price is not None
        ]
    return by_price(uses), unsplit
