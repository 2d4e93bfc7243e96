"""What the user is said to have said, and what that costs (PROTOCOL 4.10 and 5.2)."""

import math
from typing import Any

import pytest

from tests.simulator.driven import Driven, scenario, silence, spoken

TURN = spoken("ten_of_clubs", before_ms=300, after_ms=800)
EVENTS = "conversation.item.input_audio_transcription"


def heard_by(model: str | None, transcript: str = "ten of clubs") -> Driven:
    driven = Driven(played=scenario(f'[[scripts]]\nname = "t"\ntranscripts = ["{transcript}"]'))
    driven.update(audio={"input": {"transcription": {"model": model} if model else None}})
    driven.hear(TURN)
    driven.wait(4000)
    return driven


def segment_ms(driven: Driven) -> int:
    start: int = driven.one("input_audio_buffer.speech_started")["audio_start_ms"]
    end: int = driven.one("input_audio_buffer.speech_stopped")["audio_end_ms"]
    return end - start


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-realtime-whisper"])
def test_deltas_add_up_to_the_transcript_of_the_committed_item(model: str) -> None:
    driven = heard_by(model)

    done = driven.one(f"{EVENTS}.completed")
    assert done["transcript"] == "ten of clubs"
    assert "".join(event["delta"] for event in driven.all(f"{EVENTS}.delta")).strip() == "ten of clubs"
    assert done["item_id"] == driven.one("input_audio_buffer.committed")["item_id"]
    assert driven.types().index(f"{EVENTS}.completed") > driven.types().index("response.created")


def test_the_streaming_model_writes_while_the_user_still_speaks() -> None:
    driven = heard_by("gpt-realtime-whisper")

    assert driven.types().index(f"{EVENTS}.delta") < driven.types().index("input_audio_buffer.speech_stopped")


def test_some_models_are_billed_by_seconds_begun() -> None:
    driven = heard_by("whisper-1")

    seconds = math.ceil(segment_ms(driven) / 1000)
    assert driven.one(f"{EVENTS}.completed")["usage"] == {"type": "duration", "seconds": seconds}


def test_others_are_billed_by_tokens() -> None:
    driven = heard_by("gpt-4o-transcribe")

    usage = driven.one(f"{EVENTS}.completed")["usage"]
    assert usage["type"] == "tokens"
    assert usage["input_token_details"] == {"text_tokens": 0, "audio_tokens": segment_ms(driven) // 100}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_without_a_model_there_is_no_transcript() -> None:
    driven = heard_by(None)

    assert not [kind for kind in driven.types() if kind.startswith(EVENTS)]


def test_a_transcription_can_fail() -> None:
    driven = heard_by("whisper-1", "!")

    assert driven.one(f"{EVENTS}.failed")["error"]["code"] == "audio_unintelligible"
    assert not driven.all(f"{EVENTS}.completed")


def test_silence_is_transcribed_as_nothing_and_costs_nothing() -> None:
    driven = Driven()
    driven.update(
        audio={
            "input": {
                "transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000},
            }
        }
    )
    driven.type("hello")
    driven.hear(silence(9000))
    done: dict[str, Any] = driven.all(f"{EVENTS}.completed")[0]

    assert (done["transcript"], done["usage"]) == ("", {"type": "duration", "seconds": 0})


def test_a_transcription_session_listens_and_never_answers() -> None:
    driven = Driven(kind="transcription", model="")
    updated = driven.send(
        "session.update",
        session={"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}},
    )[0]
    driven.hear(TURN)
    driven.wait(3000)

    assert updated["session"]["object"] == "realtime.transcription_session"
    assert driven.one(f"{EVENTS}.completed")["transcript"] == "ten of clubs"
    assert not [kind for kind in driven.types() if kind.startswith(("response.", "rate_limits"))]


def test_a_transcription_session_at_a_lower_rate_is_refused_whole_and_then_hears_without_writing() -> None:
    driven = Driven(kind="transcription", model="")
    listening = {"format": {"type": "audio/pcm", "rate": 16000}, "transcription": {"model": "whisper-1"}}
    [error] = driven.send("session.update", session={"type": "transcription", "audio": {"input": listening}})
    driven.hear(TURN)
    driven.wait(3000)

    assert error["error"]["code"] == "integer_below_min_value"
    assert driven.all("input_audio_buffer.committed")
    assert not [kind for kind in driven.types() if kind.startswith(EVENTS)]
