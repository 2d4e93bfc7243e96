"""The parts of a bill add up to what was booked, and each is its tokens times its price."""

import random
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from dashboard import bill
from dashboard.queries.cost import Tally
from pipeline.price_lists import default_rules

RULES = default_rules()
DAY = date(2026, 3, 1)
# As OpenAI's model page has them, dollars a million tokens; written here once more, by hand.
PAGE: dict[str, dict[str, int | Decimal]] = {
    "gpt-realtime": {
        "audio in": 32, "audio in, cached": Decimal("0.4"), "text in": 4, "text in, cached": Decimal("0.4"),
        "audio out": 64, "text out": 16,
    },
    "gpt-realtime-mini": {
        "audio in": 10, "audio in, cached": Decimal("0.3"), "text in": Decimal("0.6"),
        "text in, cached": Decimal("0.06"), "audio out": 20, "text out": Decimal("2.4"),
    },
}  # fmt: skip
NOTHING = dict.fromkeys(
    ("text_in", "text_cached", "audio_in", "audio_cached", "image_in", "image_cached", "text_out", "audio_out"), 0
)


def tally(**known: Any) -> Tally:
    given: dict[str, Any] = {
        "day": DAY, "kind": "response", "model": "gpt-realtime", "billed_reason": None, "metered_reason": None,
        "wordless": False, "things": 1, "audio_ms": 0.0, "metered_usd_nanos": 0, "billed_usd_nanos": 0,
    }  # fmt: skip
    return Tally(**(given | NOTHING | known))


def dollars_of(model: str, tokens: dict[str, int]) -> dict[str, Decimal]:
    """Each part in dollars, from the prices of the page."""
    return {part: Decimal(PAGE[model][part]) * count / 1_000_000 for part, count in tokens.items()}


def answers(chance: random.Random, model: str) -> tuple[Tally, dict[str, Decimal]]:
    """Responses with some usage, and the dollars of their parts."""
    parts = {part: chance.randint(1, 50_000) for part in PAGE[model]}
    dollars = dollars_of(model, parts)
    minutes = Decimal(chance.randint(1, 900)) / 100
    metered = (
        minutes * Decimal("0.24")
        + Decimal(parts["text in"] + parts["text in, cached"]) * 5 / 1_000_000
        + Decimal(parts["text out"]) * 20 / 1_000_000
    )
    found = tally(
        model=model,
        things=chance.randint(1, 9),
        text_in=parts["text in"] + parts["text in, cached"],
        text_cached=parts["text in, cached"],
        audio_in=parts["audio in"] + parts["audio in, cached"],
        audio_cached=parts["audio in, cached"],
        text_out=parts["text out"],
        audio_out=parts["audio out"],
        audio_ms=float(minutes * 60_000),
        billed_usd_nanos=int(sum(dollars.values()) * 10**9),
        metered_usd_nanos=int(metered * 10**9),
    )
    return found, dollars


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_are_tokens_times_the_prices_of_the_page(seed: int) -> None:
    chance = random.Random(seed)
    told = [answers(chance, model) for model in PAGE for _ in range(3)]

    found = {part.name: part for part in bill.parts([one for one, _ in told], RULES.billed, RULES.metered)}

    for name in PAGE["gpt-realtime"]:
        assert found[name].billed_usd_nanos == sum(dollars[name] for _, dollars in told) * 10**9
    assert found["audio out"].metered_usd_nanos == sum(one.audio_ms for one, _ in told) * 240_000_000 / 60_000
    assert found["text out"].metered_usd_nanos == sum(one.text_out for one, _ in told) * 20_000


def test_the_parts_add_up_to_what_was_booked_on_both_bases() -> None:
    chance = random.Random(1)
    told = [answers(chance, "gpt-realtime")[0] for _ in range(4)]
    told += [
        tally(billed_usd_nanos=77),
        tally(kind="transcription", model="whisper-1", metered_reason="not_metered", billed_usd_nanos=600_001),
        tally(kind="session_time", model="gpt-live-1", metered_reason="not_metered", billed_usd_nanos=50_000_003),
        tally(kind="input_audio", billed_reason="not_billed", audio_ms=1500.5, metered_usd_nanos=1_500_500),
        tally(kind="output_audio", billed_reason="not_billed", audio_ms=10.0, metered_usd_nanos=40_000),
        tally(billed_reason="no_usage", metered_reason="no_usage", audio_ms=100.0, metered_usd_nanos=400_000),
    ]

    found = bill.parts(told, RULES.billed, RULES.metered)

    assert sum(part.billed_usd_nanos or 0 for part in found) == sum(one.billed_usd_nanos for one in told)
    assert sum(part.metered_usd_nanos or 0 for part in found) == sum(one.metered_usd_nanos for one in told)


def test_what_another_list_was_booked_by_is_not_split() -> None:
    [part] = bill.parts(
        [tally(audio_out=10, billed_usd_nanos=1, metered_reason="no_price")], RULES.billed, RULES.metered
    )

    assert (part.name, part.billed_usd_nanos, part.tokens) == ("not split", 1, None)


def test_an_answer_at_azure_is_split_by_azures_price_where_it_has_one() -> None:
    # 1,000 audio tokens in at six dollars a million, where OpenAI takes 2.50.
    at_azure = tally(model="gpt-4o-transcribe", audio_in=1000, billed_usd_nanos=6_000_000)

    [part] = bill.parts([at_azure], RULES.billed, RULES.metered)

    assert (part.name, part.billed_usd_nanos) == ("audio in", 6_000_000)


def test_shares_are_of_the_basis() -> None:
    told = [
        tally(kind="transcription", metered_reason="not_metered", billed_usd_nanos=1),
        tally(kind="session_time", metered_reason="not_metered", billed_usd_nanos=3),
    ]

    found = bill.in_dollars(bill.parts(told, RULES.billed, RULES.metered))

    assert {line.name: line.billed_share for line in found} == {"transcription": 0.25, "per-minute model": 0.75}
    assert all(line.metered_usd is None for line in found)
