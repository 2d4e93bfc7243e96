"""Translation and transcription sessions: no agent, no responses, and money all the same."""

from typing import Any

from tests.builders import Story, audio, columns, only, rows
from tests.pipeline.domain.laws import told


def translation(**session: Any) -> Story:
    configured = {
        "id": "sess_1",
        "type": "translation",
        "model": "gpt-realtime-translate",
        "audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}, "output": {"language": "es"}},
    }
    return Story().opened(model="gpt-realtime-translate").server("session.created", session=configured | session)


def hears(story: Story, ms: float, times: int = 1) -> Story:
    for _ in range(times):
        story.after(ms).client("session.input_audio_buffer.append", audio=audio(round(ms * 48)))
    return story


def says(story: Story, ms: float, **fields: Any) -> Story:
    shape = {"sample_rate": 24000, "channels": 1, "format": "pcm16", "elapsed_ms": 200}
    return story.server("session.output_audio.delta", delta=audio(round(ms * 48)), **(shape | fields))


def test_a_translation_is_billed_by_the_minute_of_its_audio_and_metered_both_ways() -> None:
    story = hears(translation(), 200, times=300)
    story = says(says(story, 200), 400).after(5000).closed()

    found = told(story)

    session = only(found, "sessions")
    assert columns(session, "kind audio_in_ms generated_ms heard_ms turns responses unpriced") == (
        "translation",
        60_000,
        600,
        600,
        0,
        0,
        0,
    )
    costs = {row.kind: columns(row, "audio_ms metered_usd_nanos billed_usd_nanos") for row in found["costs"].values()}
    assert costs == {
        "input_audio": (60_000, 60_000_000, None),
        "output_audio": (600, 2_400_000, None),
        "session_time": (60_000, None, 34_000_000),
    }
    assert only(found, "config_changes").output_language == "es"


def test_what_was_not_played_when_it_ended_was_not_heard() -> None:
    story = says(translation(), 5000).after(1200).closed()

    assert columns(only(told(story), "sessions"), "generated_ms heard_ms") == (5000, 1200)


def test_the_shape_of_the_audio_is_what_the_delta_says() -> None:
    story = says(translation(), 500, sample_rate=48000, channels=2).after(9000).closed()

    assert only(told(story), "sessions").generated_ms == 125


def test_pieces_of_text_become_a_row_for_each_sentence() -> None:
    story = translation()
    for at, role, piece in (
        (1000, "input", " We hear"),
        (1300, "output", " Escuch"),
        (1500, "input", " you."),
        (1600, "output", "amos."),
        (1700, "input", " Go on"),
    ):
        story.at(at).server(f"session.{role}_transcript.delta", delta=piece, elapsed_ms=at - 600)
    story.at(3000).closed()

    told_ = [columns(row, "role text elapsed_ms stream_elapsed_ms") for row in told(story)["transcripts"].values()]

    assert sorted(told_) == [
        ("agent", "Escuchamos.", 1600, 700),
        ("user", "Go on", 1700, 1100),
        ("user", "We hear you.", 1500, 400),
    ]


def test_a_sentence_without_an_end_is_told_when_it_gets_too_long() -> None:
    story = translation()
    for _ in range(500):
        story.after(10).server("session.output_transcript.delta", delta=" words")

    assert len(told(story.closed())["transcripts"]) == 2


def test_nobody_waits_for_an_agent_in_a_transcription_session() -> None:
    session = {"object": "realtime.transcription_session", "type": "transcription", "audio": {"input": {}}}
    story = Story().opened().server("session.created", session=session).append(100, times=10)
    story.at(1000).client("input_audio_buffer.commit").at(1100).committed("u1").at(3000).closed()

    turn = only(told(story), "turns")

    assert columns(turn, "wire_latency_reason perceived_latency_reason model_latency_reason") == ("no_agent",) * 3
    assert only(rows(story), "sessions").kind == "transcription"


def test_the_delays_of_a_transcription_count_from_the_commit() -> None:
    """PROTOCOL section 4.10; the model is billed by the second."""
    session = {"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}}
    story = Story().opened().server("session.created", session=session).at(1000).committed("u1").committed("u2")
    kind = "conversation.item.input_audio_transcription"
    story.at(900).server(f"{kind}.delta", item_id="u2", delta="early").at(1000)
    story.at(2190).server(f"{kind}.delta", item_id="u1", delta="a").server(f"{kind}.delta", item_id="u1", delta="b")
    story.at(2410).transcribed("u1", "ab", type="duration", seconds=3).transcribed("u3", "x").transcribed("u2", "y")

    first, third, second = told(story)["transcripts"].values()

    lags = "first_delta_lag_ms first_delta_lag_reason completion_lag_ms completion_lag_reason"
    assert columns(first, lags) == (1190, None, 1410, None)
    assert columns(third, lags) == (None, "commit_not_reported", None, "commit_not_reported")
    assert columns(second, lags) == (0, None, 1410, None)
    assert sorted(row.billed_usd_nanos for row in rows(story)["costs"].values()) == [283_333, 283_333, 850_000]


def test_a_model_that_streams_may_be_ahead_of_the_commit() -> None:
    kind = "conversation.item.input_audio_transcription"
    story = Story().opened().configured(transcription="gpt-realtime-whisper")
    story.at(900).server(f"{kind}.delta", item_id="u1", delta="a").at(1000).committed("u1").at(1500)

    row = only(told(story.transcribed("u1", "a b")), "transcripts")

    assert columns(row, "first_delta_lag_ms first_delta_lag_reason completion_lag_ms") == (None, "streamed_before", 500)
