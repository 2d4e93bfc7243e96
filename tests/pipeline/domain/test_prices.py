"""Which price was valid for which model on which day, and what usage costs (PROTOCOL sections 5 and 6)."""

from datetime import date

import pytest

from pipeline.domain.prices import Bill, at_provider, listed_model, minute_bill, nanos, price, token_bill
from pipeline.domain.usage import TokenCounts
from tests.builders import RULES

TODAY = date(2026, 11, 22)
OPENAI, REFERENCE = RULES.billed, RULES.metered


@pytest.mark.parametrize(
    ("model", "counts", "micro_usd"),
    [
        ("gpt-realtime", TokenCounts(text_in=59, audio_in=73, audio_cached=64, text_out=41, audio_out=147), "10613.6"),
        ("gpt-realtime", TokenCounts(text_in=14, audio_in=27, text_out=13, audio_out=24), "2664"),
        ("gpt-realtime", TokenCounts(text_in=30, audio_in=54, text_out=28, audio_out=82), "7544"),
        (
            "gpt-realtime-2.1-mini",
            TokenCounts(text_in=89, audio_in=51, text_out=54, reasoning=27, audio_out=60),
            "1893",
        ),
        ("gpt-realtime-mini", TokenCounts(text_in=120, text_cached=64, text_out=7), "54.24"),
        ("gpt-realtime", TokenCounts(image_in=100, image_cached=40), "320"),
    ],
)
def test_bills_of_real_logs(model: str, counts: TokenCounts, micro_usd: str) -> None:
    assert token_bill(OPENAI, model, counts, TODAY) == Bill(usd_nanos=round(float(micro_usd) * 1000))


@pytest.mark.parametrize(
    ("model", "listed"),
    [
        ("gpt-realtime", "gpt-realtime"),
        ("GPT-Realtime", "gpt-realtime"),
        ("gpt-realtime-2025-08-28", "gpt-realtime"),
        ("gpt-realtime-mini-2025-12-15", "gpt-realtime-mini"),
        ("gpt-realtime-global-standard", "gpt-realtime"),
        ("gpt-realtime-latest", "gpt-realtime"),
        ("gpt-4o-realtime-preview-2024-10-01", "gpt-4o-realtime-preview-2024-10-01"),
        ("gpt-realtime-3", None),
        ("my-deployment", None),
        ("", None),
        (None, None),
    ],
)
def test_a_model_is_priced_by_its_name_an_alias_or_its_snapshot_and_never_by_a_prefix(
    model: str | None, listed: str | None
) -> None:
    assert listed_model(OPENAI, model) == listed


def test_the_reference_list_prices_any_model() -> None:
    assert price(REFERENCE, "who-knows", "audio_in_minute", TODAY) == 60_000_000
    assert price(REFERENCE, None, "text_out", TODAY) == 20_000


def test_a_price_holds_from_its_day_until_the_next() -> None:
    def audio_out(day: date) -> int | None:
        return price(OPENAI, "gpt-4o-realtime-preview", "audio_out", day)

    assert audio_out(date(2024, 10, 1)) == audio_out(date(2024, 12, 16)) == 200_000
    assert audio_out(date(2024, 12, 17)) == audio_out(TODAY) == 80_000
    assert audio_out(date(2020, 1, 1)) == 200_000


def test_what_can_not_be_priced_says_why() -> None:
    assert token_bill(OPENAI, "my-deployment", TokenCounts(text_in=1), TODAY).reason == "unknown_model"
    assert token_bill(OPENAI, "whisper-1", TokenCounts(text_in=1), TODAY).reason == "no_price"
    assert token_bill(OPENAI, "gpt-realtime", TokenCounts(reason="no_usage"), TODAY).reason == "no_usage"
    assert minute_bill(OPENAI, "my-deployment", "minute", 1, TODAY).reason == "unknown_model"
    assert minute_bill(OPENAI, "gpt-realtime", "minute", 1, TODAY).reason == "no_price"


def test_a_kind_without_a_price_costs_nothing_where_nothing_was_used() -> None:
    assert token_bill(OPENAI, "whisper-1", TokenCounts(), TODAY).usd_nanos == 0


def test_minutes_are_priced_to_the_nano_dollar_rounded_down() -> None:
    assert minute_bill(OPENAI, "gpt-realtime-whisper", "minute", 3_000_000_000, TODAY).usd_nanos == 850_000
    assert nanos(1, 60_000_000) == 0
    assert nanos(60_000_000_000, 17_000_000) == 17_000_000
    assert nanos(60_000_000_000, None) == 0


def test_the_legacy_list_by_tokens_is_its_price_by_the_minute() -> None:
    """PROTOCOL section 6: 600 tokens a minute in, 1200 out."""
    assert price(REFERENCE, "any", "audio_in", TODAY) == 100_000
    assert price(REFERENCE, "any", "audio_in_minute", TODAY) == 600 * 100_000
    assert price(REFERENCE, "any", "audio_out_minute", TODAY) == 1200 * 200_000


def test_azure_has_prices_of_its_own_where_they_differ() -> None:
    host = "acme.openai.azure.com:443"

    assert price(OPENAI, at_provider("gpt-4o-transcribe", host), "audio_in", TODAY) == 6_000
    assert price(OPENAI, at_provider("gpt-4o-transcribe", "api.openai.com"), "audio_in", TODAY) == 2_500
    assert price(OPENAI, at_provider("gpt-realtime-2025-08-28", host), "audio_in", TODAY) == 32_000
    assert at_provider(None, host) is None


def test_a_data_zone_costs_a_tenth_more() -> None:
    assert price(OPENAI, "gpt-realtime-data-zone-standard", "audio_cached", TODAY) == 440
    assert price(OPENAI, "gpt-realtime-global-standard", "audio_cached", TODAY) == 400
