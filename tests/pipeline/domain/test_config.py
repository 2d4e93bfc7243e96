"""The effective configuration as a timeline, in both shapes."""

from typing import Any

import pytest

from pipeline.domain.audio import ALAW, PCM16, ULAW, AudioFormat
from pipeline.domain.config import Config, is_semantic, reported, requested
from tests.builders import columns, ga_session

BETA = {
    "id": "sess_1",
    "model": "gpt-4o-realtime-preview",
    "voice": "alloy",
    "modalities": ["audio", "text"],
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "g711_alaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "prefix_padding_ms": 300, "silence_duration_ms": 200},
}
VALUES = "api_shape model voice turn_detection silence_duration_ms prefix_padding_ms transcription_model"


def test_ga_and_beta_say_the_same_things_differently() -> None:
    ga = reported(Config(), ga_session(silence_ms=500, transcription="whisper-1", input_format={"type": "audio/pcmu"}))
    beta = reported(Config(), BETA)

    assert columns(ga, VALUES) == ("ga", "gpt-realtime", "marin", "server_vad", 500, 300, "whisper-1")
    assert columns(beta, VALUES) == ("beta", "gpt-4o-realtime-preview", "alloy", "server_vad", 200, 300, "whisper-1")
    assert columns(ga, "input_format output_format upstream_session_id") == (ULAW, PCM16, "sess_1")
    assert columns(beta, "input_format output_format upstream_session_id") == (ULAW, ALAW, "sess_1")


def test_a_request_is_not_in_force_until_it_is_reported() -> None:
    config = reported(Config(), ga_session(silence_ms=200))

    assert requested(config, ga_session(silence_ms=900)) == config
    assert reported(config, ga_session(silence_ms=900)).silence_duration_ms == 900


def test_of_a_server_that_reports_nothing_the_request_is_taken_at_its_word() -> None:
    config = requested(Config(), {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}})

    assert columns(config, "turn_detection silence_duration_ms reported") == ("server_vad", 300, False)
    assert reported(config, ga_session(silence_ms=500)).silence_duration_ms == 500


def test_what_a_report_leaves_out_stays_and_what_it_nulls_is_cleared() -> None:
    config = reported(Config(), ga_session(silence_ms=200, transcription="whisper-1"))

    sparse = reported(config, {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}})
    cleared = reported(config, {"audio": {"input": {"turn_detection": None, "transcription": None}}})
    other = reported(config, {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})

    assert columns(sparse, VALUES) == columns(config, VALUES)
    assert columns(cleared, "turn_detection silence_duration_ms transcription_model") == ("none", None, None)
    assert columns(other, "turn_detection silence_duration_ms") == ("semantic_vad", None)
    assert is_semantic(other)
    assert not is_semantic(config)


@pytest.mark.parametrize("session", [None, 7, [], "x"])
def test_a_session_that_is_no_object_changes_nothing(session: Any) -> None:
    assert reported(Config(), session) == requested(Config(), session) == Config()


def test_nonsense_in_a_field_leaves_the_field_as_it_was() -> None:
    config = reported(Config(), ga_session())
    nonsense = {
        "model": 1,
        "audio": {
            "input": {"format": {"type": "opus"}, "turn_detection": "vad", "transcription": 3},
            "output": {"format": 5, "voice": 9},
        },
    }

    assert columns(reported(config, nonsense), VALUES) == columns(config, VALUES)
    assert columns(reported(config, {"audio": {"input": 3}}), VALUES) == columns(config, VALUES)


def test_a_silence_of_nonsense_keeps_the_one_before() -> None:
    config = reported(Config(), ga_session(silence_ms=200))
    said = {"audio": {"input": {"turn_detection": {"silence_duration_ms": True, "type": 4}}}}

    assert reported(config, said).silence_duration_ms == 200


def test_azure_names_its_voice_in_an_object_and_its_rate_beside_the_format() -> None:
    azure = {
        "voice": {"name": "alloy", "type": "openai"},
        "input_audio_format": "pcm16",
        "input_audio_sampling_rate": 16000,
    }
    config = reported(Config(), azure)

    assert columns(config, "voice input_format") == ("alloy", AudioFormat("pcm16@16000", 32_000))
    assert reported(config, {"voice": {"id": "voice_1"}}).voice == "voice_1"
    assert reported(Config(), {**azure, "input_audio_sampling_rate": "x"}).input_format == PCM16


def test_the_digest_tells_whether_anything_changed_that_matters() -> None:
    one = reported(Config(), ga_session(expires_at=1))

    assert reported(one, ga_session(expires_at=2)).digest == one.digest
    assert reported(one, ga_session(instructions="Be brief.")).digest != one.digest


def test_a_session_too_deep_to_sum_up_is_told_from_none() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"x": deep}

    assert reported(Config(), deep).digest is None


def test_the_language_of_transcription_and_the_name_of_the_workflow_are_followed() -> None:
    named = {"tracing": {"workflow_name": "dental desk"}}
    asked = {"audio": {"input": {"transcription": {"model": "whisper-1", "language": "de"}}}}
    config = reported(Config(), {"type": "realtime"} | named | asked)
    beta = reported(Config(), BETA | named | {"input_audio_transcription": {"model": "whisper-1", "language": "fr"}})

    assert columns(config, "language label") == ("de", "dental desk")
    assert columns(beta, "language label") == ("fr", "dental desk")
    assert columns(reported(config, {"tracing": "auto"}), "language label") == ("de", "dental desk")
    cleared = reported(config, {"tracing": None, "audio": {"input": {"transcription": None}}})
    assert columns(cleared, "language label") == (None, None)


@pytest.mark.parametrize("audio", ["none", 7, [], None])
def test_audio_that_is_no_object_configures_nothing(audio: Any) -> None:
    config = reported(Config(), ga_session(silence_ms=200))

    assert columns(reported(config, {"type": "realtime", "audio": audio}), VALUES) == columns(config, VALUES)
