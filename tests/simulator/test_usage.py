"""Usage and prices; the numbers are those of real sessions (PROTOCOL 5.3 and 5.5)."""

import pytest

from simulator.usage import Usage, Weight, billed_nanos, charge
from tests.simulator.driven import Driven, spoken

TURN = spoken("ten_of_clubs", before_ms=300, after_ms=800)


def weights(*counts: tuple[int, int]) -> list[Weight]:
    return [Weight(item_id=str(place), text=text, audio=audio) for place, (text, audio) in enumerate(counts)]


def test_the_second_turn_finds_the_first_in_the_cache() -> None:
    before = weights((10, 0), (5, 27), (23, 42))

    usage = charge([*before, *weights(*[(5, 27)] * 4)[3:]], before, text_out=18, audio_out=43, reasoning=None)

    assert (usage.text_in, usage.audio_in) == (43, 96)
    assert (usage.text_cached, usage.audio_cached) == (0, 64)


def test_what_has_changed_and_all_after_it_is_not_cached() -> None:
    before = weights((10, 0), (5, 27), (23, 42))
    now = weights((10, 0), (5, 27), (23, 0), (5, 27), (23, 43), (5, 27))

    usage = charge(now, before, text_out=17, audio_out=98, reasoning=None)

    assert (usage.text_cached, usage.audio_cached) == (0, 0)
    assert usage.audio_in == 124


def test_written_context_is_cached_as_text_in_whole_blocks() -> None:
    usage = charge(weights((100, 0), (2, 0)), weights((100, 0)), text_out=13, audio_out=0, reasoning=None)

    assert (usage.text_cached, usage.audio_cached) == (64, 0)


@pytest.mark.parametrize(
    ("model", "usage", "micro_dollars"),
    [
        ("gpt-realtime", Usage(text_in=59, audio_in=73, audio_cached=64, text_out=41, audio_out=147), 10613.6),
        ("gpt-realtime", Usage(text_in=14, audio_in=27, text_out=13, audio_out=24), 2664),
        ("gpt-realtime", Usage(text_in=30, audio_in=54, text_out=28, audio_out=82), 7544),
        ("gpt-realtime-2.1-mini", Usage(text_in=89, audio_in=51, text_out=54, audio_out=60), 1893),
        ("gpt-realtime-mini", Usage(text_in=120, text_cached=64, text_out=7), 54.24),
        ("gpt-realtime-2025-08-28", Usage(text_out=1_000_000), 16e6),
    ],
)
def test_prices_of_real_responses(model: str, usage: Usage, micro_dollars: float) -> None:
    assert billed_nanos(usage, model) == pytest.approx(micro_dollars * 1000, abs=1001 if "2.1" in model else 0)


def test_a_model_without_a_price_is_not_free() -> None:
    assert billed_nanos(Usage(text_in=1), "somebody-elses-model") is None


def test_usage_adds_up_and_cached_is_part_of_input() -> None:
    driven = Driven()
    for _ in range(4):
        driven.hear(TURN)
        driven.wait(4000)
    wires = [event["response"]["usage"] for event in driven.all("response.done")]

    for wire in wires:
        details, output = wire["input_token_details"], wire["output_token_details"]
        assert wire["input_tokens"] == details["text_tokens"] + details["audio_tokens"]
        assert wire["output_tokens"] == output["text_tokens"] + output["audio_tokens"]
        assert wire["total_tokens"] == wire["input_tokens"] + wire["output_tokens"]
        cached = details["cached_tokens_details"]
        assert details["cached_tokens"] == cached["text_tokens"] + cached["audio_tokens"]
        assert cached["audio_tokens"] <= details["audio_tokens"]
        assert cached["text_tokens"] <= details["text_tokens"]
    assert [wire["input_tokens"] for wire in wires] == sorted(wire["input_tokens"] for wire in wires)
    assert any(wire["input_token_details"]["cached_tokens"] for wire in wires)


def test_audio_is_counted_by_its_length() -> None:
    driven = Driven()
    driven.hear(TURN)
    driven.wait(4000)
    start = driven.one("input_audio_buffer.speech_started")["audio_start_ms"]
    end = driven.one("input_audio_buffer.speech_stopped")["audio_end_ms"]
    usage = driven.one("response.done")["response"]["usage"]

    assert usage["input_token_details"]["audio_tokens"] == (end - start) // 100
    assert usage["output_token_details"]["audio_tokens"] == driven.noted("response_done")[0]["generated_ms"] // 50


def test_a_truncated_answer_counts_in_the_next_at_the_length_that_was_kept() -> None:
    def audio_in(truncate: bool) -> int:
        driven = Driven()
        driven.send("response.create")
        driven.wait(3000)
        if truncate:
            item_id = driven.one("response.done")["response"]["output"][0]["id"]
            driven.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
        driven.type("hello")
        driven.wait(3000)
        tokens: int = driven.all("response.done")[1]["response"]["usage"]["input_token_details"]["audio_tokens"]
        return tokens

    assert audio_in(truncate=False) > 0
    assert audio_in(truncate=True) == 0


def test_of_the_agents_own_speech_only_the_latest_is_read_again() -> None:
    driven = Driven()
    for _ in range(3):
        driven.hear(TURN)
        driven.wait(4000)
    usages = [event["response"]["usage"] for event in driven.all("response.done")]
    user, agent = usages[0]["input_token_details"]["audio_tokens"], usages[0]["output_token_details"]["audio_tokens"]
    counted = [usage["input_token_details"]["audio_tokens"] for usage in usages]

    # As in the recorded session of three turns: 27, 27 + 42 + 27, 3 * 27 + 43.
    assert counted[1] == pytest.approx(2 * user + agent, abs=1)
    assert counted[2] == pytest.approx(3 * user + agent, abs=2)
