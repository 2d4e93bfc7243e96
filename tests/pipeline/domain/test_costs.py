"""What is booked where, on both bases (METRICS section 5)."""

import msgspec

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
        "reference-2024-10",
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
