"""WebRTC and SIP: the audio is elsewhere, so its lengths are unknown and never zero."""

from tests.builders import Story, columns, only, usage
from tests.pipeline.domain.laws import told

LENGTHS = "generated_ms heard_ms unheard_ms audio_reason"


def call() -> Story:
    story = Story().opened("sideband").reconfigured(silence_ms=500).at(1000).speech_started("u1", 0)
    story.at(3000).speech_stopped("u1", 2500).committed("u1").created("r1").at(3600)
    return story.server("output_audio_buffer.started", response_id="r1")


def test_what_was_heard_is_as_long_as_the_buffer_played() -> None:
    story = call().server("response.output_audio.done", response_id="r1").at(3800)
    story.done("r1", usage=usage(10, 20, 5, 60)).at(6700).server("output_audio_buffer.stopped", response_id="r1")

    found = told(story.at(9000).closed())

    assert columns(only(found, "responses"), LENGTHS) == (None, 3100, None, "audio_elsewhere")
    assert columns(only(found, "turns"), LENGTHS) == (None, 3100, None, "audio_elsewhere")
    assert columns(only(found, "sessions"), "audio_in_ms generated_ms heard_ms audio_reason") == (
        None,
        None,
        None,
        "audio_elsewhere",
    )
    assert {row.audio_in_ms for row in found["audio_minutes"].values()} == {None}


def test_a_truncate_says_better_what_was_heard() -> None:
    story = call().server("response.output_item.added", response_id="r1", item={"id": "a1", "type": "message"})
    story.at(5000).speech_started("u2", 4000).at(5050).server("output_audio_buffer.cleared", response_id="r1")
    story.cancelled("r1").server("conversation.item.truncated", item_id="a1", audio_end_ms=1380)
    story.at(7000).speech_stopped("u2", 6500).committed("u2").at(30_000).closed()

    found = told(story)

    assert columns(only(found, "responses"), "heard_ms heard_basis") == (1380, "truncate")
    assert columns(only(found, "interruptions"), "class_ heard_ms generated_ms audio_reason time_to_yield_ms") == (
        "barge_in",
        1380,
        None,
        "audio_elsewhere",
        50,
    )


def test_money_is_billed_by_usage_and_the_metered_cost_is_unknown_and_not_nothing() -> None:
    story = call().done("r1", usage=usage(10, 20, 5, 60)).at(9000).closed()

    found = told(story)

    costs = {row.kind: columns(row, "metered_usd_nanos metered_reason") for row in found["costs"].values()}
    assert costs == {"response": (None, "audio_elsewhere"), "input_audio": (None, "audio_elsewhere")}
    assert columns(only(found, "sessions"), "metered_usd_nanos unmetered unpriced") == (0, 2, 0)
    assert only(found, "sessions").billed_usd_nanos == 10 * 4_000 + 20 * 32_000 + 5 * 16_000 + 60 * 64_000


def test_a_written_answer_on_a_sideband_was_no_sound_at_all() -> None:
    story = Story().opened("sideband").reconfigured().created("r1").writes("r1", "Hello").done("r1")

    assert columns(only(told(story), "responses"), LENGTHS) == (0, 0, 0, None)
    assert only(told(story), "sessions").unmetered == 0
