"""Every what-if against a computation of its own: in dollars, from the price page, by another road."""

import random
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from dashboard import what_if_prices, what_if_speech
from dashboard.queries.cost import LeftOut
from dashboard.queries.what_if import Silence, Unheard
from dashboard.what_if import Compared, Step, WhatIf
from pipeline.price_lists import default_rules
from tests.dashboard.test_bill import DAY, answers, dollars_of, tally

RULES = default_rules()
NANOS = 10**9


def only(answer: WhatIf, basis: str) -> Compared:
    [found] = [one for one in answer.compared if one.basis == basis]
    return found


def computed(step: Step) -> int:
    """What the formula on the page comes to, read back from its text."""
    return int(eval(step.formula.replace(",", "").replace(" tokens", "").replace("x", "*")))


def test_a_sum_is_now_less_what_is_saved_or_what_it_would_cost() -> None:
    step = Step(label="", formula="", usd_nanos=3)

    assert Compared(basis="billed", now_usd_nanos=10, saved=(step, step)).then_usd_nanos == 4
    assert Compared(basis="billed", now_usd_nanos=10, costs=(step, step)).then_usd_nanos == 6
    assert Compared(basis="billed", now_usd_nanos=10, saved=(step,), impossible="so").then_usd_nanos is None


# --- another model


@pytest.mark.parametrize("seed", range(5))
def test_another_models_prices_are_those_of_its_page_for_the_same_tokens(seed: int) -> None:
    told = [answers(random.Random(seed + place), "gpt-realtime")[0] for place in range(4)]
    heard = tally(kind="transcription", metered_reason="not_metered", billed_usd_nanos=123_457)

    answer = what_if_prices.another_model([*told, heard], [], RULES.billed, "gpt-realtime-mini", DAY)

    dollars = dollars_of(
        "gpt-realtime-mini",
        {
            "audio in": sum(one.audio_in - one.audio_cached for one in told),
            "audio in, cached": sum(one.audio_cached for one in told),
            "text in": sum(one.text_in - one.text_cached for one in told),
            "text in, cached": sum(one.text_cached for one in told),
            "audio out": sum(one.audio_out for one in told),
            "text out": sum(one.text_out for one in told),
        },
    )
    found = only(answer, "billed")
    assert found.then_usd_nanos == sum(dollars.values()) * NANOS + 123_457
    assert found.now_usd_nanos == sum(one.billed_usd_nanos for one in told) + 123_457
    assert [computed(step) for step in found.costs[:-1]] == [step.usd_nanos for step in found.costs[:-1]]


def test_the_same_model_costs_what_it_costs() -> None:
    told = [answers(random.Random(place), "gpt-realtime")[0] for place in range(4)]

    found = only(what_if_prices.another_model(told, [], RULES.billed, "gpt-realtime", DAY), "billed")

    assert found.then_usd_nanos == found.now_usd_nanos


def test_a_model_by_the_minute_takes_the_audio_of_calls_that_answer() -> None:
    told = [
        answers(random.Random(1), "gpt-realtime")[0],
        tally(kind="input_audio", billed_reason="not_billed", audio_ms=90_000.5),
        tally(kind="input_audio", billed_reason="not_billed", audio_ms=60_000.0, model="gpt-realtime-whisper"),
    ]

    found = only(what_if_prices.another_model(told, [], RULES.billed, "gpt-live-1", DAY), "billed")

    assert found.then_usd_nanos == int(Decimal("90000.5") / 60_000 * Decimal("0.05") * NANOS)


def test_a_model_without_a_price_for_what_was_used_is_not_computed() -> None:
    told = [answers(random.Random(1), "gpt-realtime")[0]]

    found = only(what_if_prices.another_model(told, [], RULES.billed, "gpt-audio", DAY), "billed")

    assert found.then_usd_nanos is None
    assert "no price of gpt-audio for text in, cached and audio in, cached" in found.impossible


def test_without_usage_nothing_is_computed_and_the_calls_are_counted() -> None:
    told = [tally(billed_reason="no_usage", metered_reason="no_usage", things=3)]
    lacking = [LeftOut(reason="no_usage", answers=3, calls=2)]

    answer = what_if_prices.another_model(told, lacking, RULES.billed, "gpt-realtime-mini", DAY)

    assert only(answer, "billed").then_usd_nanos is None
    assert "3 answers in 2 calls: the API reported no usage" in answer.left_out


def test_models_are_offered_that_speak_the_newest_first() -> None:
    found = what_if_prices.models(RULES.billed)

    assert found[:2] == ["gpt-realtime-2", "gpt-realtime-2.1"]
    assert found.index("gpt-4o-realtime-preview-2024-10-01") < found.index("gpt-live-1")
    assert not {"whisper-1", "gpt-4o-transcribe"} & set(found)


# --- text for speech


@pytest.mark.parametrize("seed", range(5))
def test_text_for_speech_saves_the_audio_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    told = [answers(chance, model)[0] for model in ("gpt-realtime", "gpt-realtime-mini") for _ in range(3)]

    answer = what_if_prices.text_for_speech(told, [], RULES.billed, RULES.metered)

    at = {"gpt-realtime": 64, "gpt-realtime-mini": 20}
    audio = sum(Decimal(one.audio_out) * at[one.model or ""] for one in told) / 1_000_000
    billed, metered = only(answer, "billed"), only(answer, "metered")
    assert billed.now_usd_nanos - (billed.then_usd_nanos or 0) == audio * NANOS
    assert [computed(step) for step in billed.saved] == [step.usd_nanos for step in billed.saved]
    minutes = sum(Fraction(one.audio_ms) for one in told) / 60_000
    assert metered.now_usd_nanos - (metered.then_usd_nanos or 0) == minutes * 240_000_000
    assert f"({sum(one.text_out for one in told):,} in all)" in answer.assumed[0]


def test_answers_without_text_in_their_usage_are_left_as_they_are() -> None:
    whole = answers(random.Random(3), "gpt-realtime")[0]
    mute = tally(
        wordless=True, audio_out=100, audio_ms=5000.0, billed_usd_nanos=6_400_000, metered_usd_nanos=20_000_000
    )
    lacking = [LeftOut(reason="no_text_tokens", answers=1, calls=1)]

    both = what_if_prices.text_for_speech([whole, mute], lacking, RULES.billed, RULES.metered)
    alone = what_if_prices.text_for_speech([mute], lacking, RULES.billed, RULES.metered)

    assert only(both, "billed").then_usd_nanos == whole.billed_usd_nanos - whole.audio_out * 64_000 + 6_400_000
    assert only(alone, "billed").then_usd_nanos is None
    assert "1 answer in 1 call: the usage has audio and no text beside it" in both.left_out


# --- shorter silence


def test_a_shorter_silence_saves_its_time_and_its_minutes() -> None:
    told = [tally(kind="input_audio", billed_reason="not_billed", audio_ms=600_000.0, metered_usd_nanos=600_000_000)]
    silences = [
        Silence(ended_by="server_vad", silence_ms=500, metered=True, turns=40),
        Silence(ended_by="server_vad", silence_ms=200, metered=True, turns=7),
        Silence(ended_by="server_vad", silence_ms=500, metered=False, turns=3),
        Silence(ended_by="server_vad", silence_ms=80, metered=True, turns=5),
        Silence(ended_by="semantic_vad", silence_ms=None, metered=True, turns=11),
    ]

    answer = what_if_speech.shorter_silence(told, silences, RULES.metered, 300)

    waits = answer.waits
    assert waits is not None
    assert (waits.turns, waits.less_ms) == (50, 40 * 300 + 7 * 100 + 3 * 300)
    assert waits.mean_ms == pytest.approx(272)
    found = only(answer, "metered")
    saved = Decimal(40 * 300 + 7 * 100) / 60_000 * Decimal("0.06")
    assert found.now_usd_nanos - (found.then_usd_nanos or 0) == saved * NANOS
    assert any("11 turns: a semantic VAD ended them" in one for one in answer.left_out)


def test_where_no_wait_is_known_no_saving_is_told() -> None:
    silences = [Silence(ended_by="client", silence_ms=None, metered=True, turns=2)]

    answer = what_if_speech.shorter_silence([tally()], silences, RULES.metered, 300)

    assert only(answer, "metered").then_usd_nanos is None
    assert answer.waits is not None
    assert answer.waits.mean_ms is None


# --- unheard truncated


def cut(**known: object) -> Unheard:
    given: dict[str, object] = {
        "day": DAY, "model": "gpt-realtime", "truncated": True, "known": True, "answers": 1, "unheard_ms": 3000.0,
        "metered_usd_nanos": 12_000_000, "tokens": 60, "read_again": 0, "calls_without_usage": 0,
    }  # fmt: skip
    return Unheard(**(given | known))  # type: ignore[arg-type]


def test_what_was_not_heard_is_saved_and_where_it_stayed_its_reading_again() -> None:
    told = [answers(random.Random(2), "gpt-realtime")[0]]
    unheard = [
        cut(calls_without_usage=1),
        cut(truncated=False, read_again=240, day=date(2026, 3, 2)),
        cut(model="gpt-realtime-mini", tokens=10),
        cut(known=False, tokens=0, calls_without_usage=1),
        cut(model="no such model", tokens=7),
    ]

    answer = what_if_speech.unheard_truncated(told, unheard, RULES.billed)

    billed, metered = only(answer, "billed"), only(answer, "metered")
    dollars = Decimal(120 * 64 + 10 * 20) / 1_000_000 + Decimal(240) * Decimal("0.4") / 1_000_000
    assert billed.now_usd_nanos - (billed.then_usd_nanos or 0) == dollars * NANOS
    assert [computed(step) for step in billed.saved] == [step.usd_nanos for step in billed.saved]
    assert metered.now_usd_nanos - (metered.then_usd_nanos or 0) == 5 * 12_000_000
    assert f"were it never cached, {240 * 32_000:,} nano-dollars" in " ".join(answer.assumed)
    assert "1 answer in 1 call: the usage is not known" in answer.left_out
    assert f"1 answer: {RULES.billed.name} does not know the model" in answer.left_out


def test_where_all_was_heard_there_is_nothing_to_save() -> None:
    answer = what_if_speech.unheard_truncated([tally()], [], RULES.billed)

    assert {one.impossible for one in answer.compared} == {"nothing of these calls was cut off unheard"}
