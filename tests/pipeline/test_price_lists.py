"""The lists that come with the package, and what a list must be."""

from datetime import date
from pathlib import Path

import pytest

from pipeline.domain.interruptions import is_backchannel
from pipeline.domain.prices import price
from pipeline.price_lists import PriceListUnreadable, default_rules, named_list, read_price_list, rules_of
from pipeline.rule_settings import RuleSettings

TODAY = date(2026, 11, 22)


def written(directory: Path, price: str, component: str = "audio_in") -> Path:
    path = directory / "list.toml"
    path.write_text(
        f'name = "mine"\nsource = "me"\n[[models]]\nnames = ["a", "b"]\nvalid_from = 2026-01-01\n{component} = {price}\n'
        f'[[models]]\nnames = ["a"]\nvalid_from = 2026-02-01\n{component} = "1"\n'
    )
    return path


def test_a_list_is_rows_by_model_component_and_day_the_latest_first(tmp_path: Path) -> None:
    found = read_price_list(written(tmp_path, '"0.40"'))

    assert [(row.usd_nanos, row.valid_from, row.source) for row in found.prices["a"]["audio_in"]] == [
        (1000, date(2026, 2, 1), "me"),
        (400, date(2026, 1, 1), "me"),
    ]
    assert found.prices["b"]["audio_in"][0].unit == "token"


def test_minutes_are_priced_by_the_minute(tmp_path: Path) -> None:
    [_, row] = read_price_list(written(tmp_path, '"0.0045"', "minute")).prices["a"]["minute"]

    assert (row.unit, row.usd_nanos) == ("minute", 4_500_000)


@pytest.mark.parametrize("price", ['"0.0000004"', '"-1"', '"cheap"', "true", "1979-05-27"])
def test_a_price_that_is_no_whole_number_of_nano_dollars_is_refused_with_the_files_name(
    tmp_path: Path, price: str
) -> None:
    with pytest.raises(PriceListUnreadable, match=r"list\.toml: not a price list"):
        read_price_list(written(tmp_path, price))


def test_a_list_that_is_missing_or_lacks_its_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nameless.toml").write_text("models = []")

    for path in (tmp_path / "nowhere.toml", tmp_path / "nameless.toml"):
        with pytest.raises(PriceListUnreadable):
            read_price_list(path)


def test_the_package_brings_lists_and_words_in_eight_languages() -> None:
    rules = default_rules()

    assert rules.metered.name == "legacy-2024-10"
    assert "gpt-realtime" in rules.billed.prices
    assert rules.backchannels.keys() == {"en", "es", "de", "fr", "pt", "it", "ja", "zh"}
    assert all(is_backchannel(word.split(), rules) for words in rules.backchannels.values() for word in words)


def test_prices_of_ones_own_stand_over_those_of_the_list(tmp_path: Path) -> None:
    mine = tmp_path / "acme.toml"
    mine.write_text(
        'name = "acme"\n[aliases]\n"my-deployment" = "gpt-realtime"\n'
        '[[models]]\nnames = ["gpt-realtime"]\nvalid_from = 2026-01-01\naudio_out = "50"\n'
        '[[models]]\nnames = ["our-model"]\nvalid_from = 2026-01-01\ntext_in = "1"\n'
    )

    billed = rules_of(RuleSettings(price_overrides=mine, speech_min_ms=700)).billed

    assert billed.name == "openai-2026-11-22+acme"
    assert price(billed, "my-deployment", "audio_out", TODAY) == 50_000
    assert price(billed, "gpt-realtime", "audio_in", TODAY) == 32_000
    assert price(billed, "our-model", "text_in", TODAY) == 1_000
    assert billed.prices["our-model"]["text_in"][0].source == str(mine)


def test_a_list_is_named_or_a_file(tmp_path: Path) -> None:
    assert named_list("legacy-2024-10").name == "legacy-2024-10"
    assert named_list(str(written(tmp_path, '"1"'))).name == "mine"
    with pytest.raises(PriceListUnreadable, match="nope: no such price list; there is legacy-2024-10, openai-2026"):
        named_list("nope")


def test_the_windows_of_the_settings_are_those_of_the_fold() -> None:
    rules = rules_of(RuleSettings(yield_window_ms=1500, speech_min_ms=700, transcript_wait_ms=5000))

    assert (rules.yield_window_ms, rules.speech_min_ms, rules.transcript_wait_ms) == (1500, 700, 5000)
