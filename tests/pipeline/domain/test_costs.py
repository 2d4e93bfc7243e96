"""What is booked where, on both bases (METRICS section 5)."""

from typing import Any

import msgspec
import pytest

from pipeline.domain.prices import PriceList
from tests.builders import RULES, Rows, Story, columns, only, usage
from tests.pipeline.domain.laws import told

BOTH = "metered_usd_nanos metered_reason billed_usd_nanos billed_reason"


def costs(found: Rows, kind: str) -> list[object]:
    return [row for row in found["costs"].values() if row.kind == kind]


def test_a_response_is_metered_by_its_audio_and_text_and_billed_by_its_usage() -> None:
    story = Story().opened().configured().at(900).created("r1").at(1000).speaks("r1", 1600)
    story.done("r1", usage=usage(text_in=59, audio_in=73, cached_audio=64, text_out=41, audio_out=32))

    [row] = costs(told(story), "response")

    metered = 1600 * 240_000_000 // 60_000 + 59 * 5_000 + 41 * 20_000
    billed = 59 * 4_000 + 9 * 32_000 + 64 * 400 + 41 * 16_000 + 32 * 64_000
    assert columns(row, BOTH) == (metered, None, billed, None)
    assert columns(row, "seq model metered_list billed_list") == (
        2,
        "gpt-realtime",
        "legacy-2024-10",
        "openai-2026-11-22",
    )
    assert columns(row, "audio_ms cached_audio_tokens estimated") == (1600, 64, False)


def test_a_cancelled_response_costs_what_its_usage_says() -> None:
    story = Story().opened().configured().created("r1").speaks("r1", 100).cancelled("r1", usage=usage(14, 27, 13, 24))

    [row] = costs(told(story), "response")

    assert columns(row, "billed_usd_nanos") == (2_664_000,)


def test_without_usage_the_bill_is_unknown_and_never_zero() -> None:
    story = Story().opened().configured().created("r1").speaks("r1", 100).done("r1", "failed", usage=None)
    story.created("r2").done("r2", "failed", usage=None)

    found = told(story)
    spoke, silent = costs(found, "response")

    assert columns(spoke, BOTH) == (400_000, "no_usage", None, "no_usage")
    assert columns(silent, BOTH) == (None, "no_usage", None, "no_usage")
    assert columns(only(found, "sessions"), "billed_usd_nanos unpriced") == (0, 2)


def test_while_a_response_runs_its_audio_is_metered_and_its_bill_is_in_progress() -> None:
    found = told(Story().opened().configured().created("r1").speaks("r1", 100))
    [row] = costs(found, "response")

    assert columns(row, BOTH) == (400_000, "in_progress", None, "in_progress")
    assert only(found, "sessions").unpriced == 0


def test_a_second_done_is_not_booked_again() -> None:
    story = Story().opened().configured().created("r1").done("r1")
    once = only(told(story), "sessions").billed_usd_nanos

    assert only(told(story.done("r1", usage=usage(5000))), "sessions").billed_usd_nanos == once


def test_input_audio_is_metered_from_one_commit_to_the_next() -> None:
    story = Story().opened().configured(turn_detection=None).append(100, times=10).client("input_audio_buffer.commit")
    story.committed("u1").append(100, times=3).server("input_audio_buffer.cleared").append(50).closed()

    rows = costs(told(story), "input_audio")

    assert [columns(row, "audio_ms turn_index item_id") for row in rows] == [
        (1000, 0, "u1"),
        (300, None, None),
        (50, None, None),
    ]
    assert columns(rows[0], BOTH) == (1_000_000, None, None, "not_billed")


def test_another_input_format_begins_another_stretch_of_another_length() -> None:
    story = Story().opened().configured().append(100).reconfigured(input_format={"type": "audio/pcmu"})
    story.append(100, bytes_per_ms=8).closed()

    found = told(story)

    assert [columns(row, "audio_ms") for row in costs(found, "input_audio")] == [(100,), (100,)]
    assert only(found, "sessions").audio_in_ms == 200


def test_odd_bytes_carry_over() -> None:
    story = Story().opened().configured()
    for _ in range(48):
        story.client("input_audio_buffer.append", audio="AA==")

    assert only(told(story.closed()), "sessions").audio_in_ms == 1.0


def test_audio_is_booked_in_the_minute_that_saw_it_and_the_bill_in_that_of_done() -> None:
    """The session opens 20 s into a minute."""
    story = Story().opened().configured().at(39_000).append(100, times=20).created("r1").speaks("r1", 1000)
    story.at(101_000).done("r1")

    found = told(story)
    first, second, third = found["audio_minutes"].values()

    assert columns(first, "audio_in_ms metered_usd_nanos billed_usd_nanos") == (1000, 1_000_000, 0)
    assert columns(second, "audio_in_ms generated_ms metered_usd_nanos") == (1000, 1000, 1_000_000 + 4_000_000)
    assert columns(third, "audio_in_ms generated_ms metered_usd_nanos") == (0, 0, 10 * 5_000 + 5 * 20_000)
    assert third.billed_usd_nanos == only(found, "sessions").billed_usd_nanos
    assert third.model == "gpt-realtime"


def test_a_clock_that_is_set_back_books_in_the_minute_that_it_shows() -> None:
    """The session opens at 14:13:20."""
    story = Story().opened().configured().at(10_000).append(100, times=10)
    story.clock_ms = -3_600_000
    story.append(100, times=20)
    story.clock_ms = 0
    story.append(100, times=5)

    minutes = {row.minute.strftime("%H:%M"): row.audio_in_ms for row in told(story.closed())["audio_minutes"].values()}

    assert minutes == {"14:13": 1500, "13:13": 2000}


def test_a_minute_that_is_forgotten_is_not_begun_anew() -> None:
    """After 130 others, a clock that goes back to the first can only be booked where the last was."""
    story = Story().opened().configured()
    for minute in range(131):
        story.at(minute * 60_000).append(100)
    story.clock_ms = -130 * 60_000
    story.append(100).at(131 * 60_000).append(100)

    found = told(story.closed())

    assert len(found["audio_minutes"]) == 131
    assert sum(row.audio_in_ms for row in found["audio_minutes"].values()) == 13_300


def test_a_transcription_is_billed_at_the_price_of_the_model_that_was_in_force_when_its_audio_was_committed() -> None:
    story = Story().opened().configured(transcription="whisper-1").speech_started("u1").speech_stopped("u1")
    story.committed("u1").reconfigured(transcription="gpt-4o-transcribe")
    story.transcribed("u1", "Hi", type="duration", seconds=3)

    [row] = costs(told(story), "transcription")

    assert columns(row, "model billed_usd_nanos") == ("whisper-1", 300_000)


def test_a_transcription_is_billed_by_its_seconds_or_tokens() -> None:
    story = Story().opened().configured(transcription="gpt-realtime-whisper").speech_started("u1").speech_stopped("u1")
    story.transcribed("u1", "Hi", type="duration", seconds=3)
    story.reconfigured(transcription="gpt-4o-transcribe")
    story.transcribed(
        "u2", "Hi", type="tokens", input_tokens=14, output_tokens=45, input_token_details={"audio_tokens": 14}
    )

    by_seconds, by_tokens = costs(told(story), "transcription")

    assert columns(by_seconds, BOTH) == (None, "not_metered", 850_000, None)
    assert columns(by_seconds, "seconds turn_index item_id") == (3.0, 0, "u1")
    assert columns(by_tokens, "billed_usd_nanos turn_index") == (14 * 2_500 + 45 * 10_000, None)


def test_a_transcription_without_usage_or_price_is_unpriced() -> None:
    story = Story().opened().configured(transcription="whisper-1")
    story.server("conversation.item.input_audio_transcription.completed", item_id="u1", transcript="Hi")
    story.reconfigured(transcription="my-deployment").transcribed("u2", "Hi", seconds=2)

    found = told(story)

    assert [columns(row, "billed_reason") for row in costs(found, "transcription")] == [
        ("no_usage",),
        ("unknown_model",),
    ]
    assert only(found, "sessions").unpriced == 2


def test_a_session_billed_by_the_minute_is_billed_at_its_close() -> None:
    story = Story().opened().configured(model="gpt-realtime-translate")
    for _ in range(30):
        story.client("session.input_audio_buffer.append", audio="AAAA" * 3200)

    [row] = costs(told(story.closed()), "session_time")

    assert columns(row, "audio_ms billed_usd_nanos") == (6000, 3_400_000)


def test_lists_without_a_price_say_so() -> None:
    rules = msgspec.structs.replace(RULES, metered=PriceList(name="empty", prices={}))
    found = told(Story().opened().configured().append(10).created("r1").speaks("r1", 100).done("r1"), rules)

    assert columns(costs(found, "input_audio")[0], "metered_usd_nanos metered_reason") == (None, "no_price")
    assert columns(costs(found, "response")[0], "metered_usd_nanos metered_reason metered_list") == (
        0,
        "no_price",
        "empty",
    )


def test_an_estimate_is_marked() -> None:
    said = usage(text_in=10)
    said["input_token_details"] = {"text_tokens": 10, "audio_tokens": 0, "cached_tokens": 4}
    [row] = costs(told(Story().opened().configured().created("r1").done("r1", usage=said)), "response")

    assert columns(row, "estimated cached_text_tokens billed_usd_nanos") == (True, 4, 6 * 4_000 + 4 * 400 + 5 * 16_000)


def test_zeros_of_a_server_that_did_work_are_no_price() -> None:
    story = Story().opened().configured().created("r1").speaks("r1", 100).done("r1", usage=usage(0, 0, 0, 0))

    [row] = costs(told(story), "response")

    assert columns(row, BOTH) == (400_000, "zero_usage", None, "zero_usage")


@pytest.mark.parametrize(
    ("model", "counts", "nanos"),
    [
        ("gpt-realtime", usage(59, 73, 41, 147, cached_audio=64), 10_613_600),
        ("gpt-realtime", usage(14, 27, 13, 24), 2_664_000),
        ("gpt-realtime-2025-08-28", usage(30, 54, 28, 82), 7_544_000),
        ("gpt-realtime-2.1-mini", usage(89, 51, 54, 60) | {"reasoning_tokens": 27}, 1_893_000),
        ("gpt-realtime-mini-2025-12-15", usage(120, 0, 7, 0, cached_text=64), 54_240),
    ],
)
def test_the_usage_of_genuine_calls_costs_what_it_did(model: str, counts: dict[str, Any], nanos: int) -> None:
    """PROTOCOL section 5.5: cached tokens are part of the input, reasoning is part of the text."""
    if "reasoning_tokens" in counts:
        counts["output_token_details"]["reasoning_tokens"] = counts.pop("reasoning_tokens")
    story = Story().opened().configured(model=model).created("r1").done("r1", usage=counts)

    found = told(story.closed())

    assert only(found, "costs").billed_usd_nanos == nanos
    assert only(found, "sessions").billed_usd_nanos == nanos


def test_azure_is_billed_by_its_own_prices_where_they_differ() -> None:
    story = Story().opened(upstream_host="acme.openai.azure.com").configured(transcription="gpt-4o-mini-transcribe")
    tokens = {
        "type": "tokens",
        "input_tokens": 30,
        "output_tokens": 4,
        "input_token_details": {"audio_tokens": 30, "text_tokens": 0},
    }

    found = told(story.committed("u1").transcribed("u1", "hello", **tokens).closed())

    assert only(found, "costs").billed_usd_nanos == 30 * 3_000 + 4 * 5_000


def test_a_commit_in_a_minute_in_which_nothing_was_said_makes_no_row_of_that_minute() -> None:
    story = Story().opened().configured().at(1000).append(100).at(70_000).committed("u1").at(71_000).closed()

    assert [row.audio_in_ms for row in told(story)["audio_minutes"].values()] == [100]


def test_a_minute_in_which_nothing_was_heard_or_paid_has_no_row() -> None:
    """The audio came in the minute before the one in which the session ended."""
    story = Story().opened().configured().append(100, times=3).at(90_000).closed()

    assert len(told(story)["audio_minutes"]) == 1


def test_a_transcription_of_no_named_item_is_billed_as_what_is_configured_now_and_in_no_turn() -> None:
    story = Story().opened().configured(transcription="gpt-4o-transcribe").speech_started("u1").speech_stopped("u1")
    story.committed("u1").reconfigured(transcription="whisper-1")
    completed = "conversation.item.input_audio_transcription.completed"
    story.server(completed, transcript="Hi", usage={"type": "duration", "seconds": 3})

    [row] = costs(told(story), "transcription")

    assert columns(row, "model billed_usd_nanos turn_index item_id") == ("whisper-1", 300_000, None, None)


def test_input_audio_whose_commit_names_no_item_is_of_the_latest_turn() -> None:
    story = Story().opened().configured().append(100).speech_started("u1").speech_stopped("u1")
    story.speech_started("u2").speech_stopped("u2").server("input_audio_buffer.committed")

    [row] = costs(told(story), "input_audio")

    assert columns(row, "audio_ms turn_index item_id") == (100, 1, None)
