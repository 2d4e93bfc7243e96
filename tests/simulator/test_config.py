"""A session's configuration: defaults, merging, refusals (PROTOCOL 1.5)."""

from typing import Any

import pytest

from simulator import config
from tests.simulator.driven import WEATHER, Driven


@pytest.mark.parametrize(
    ("model", "silence_ms", "voice"),
    [
        ("gpt-realtime", 200, "alloy"),
        ("gpt-realtime-mini", 200, "alloy"),
        ("gpt-4o-realtime-preview", 200, "alloy"),
        ("gpt-realtime-2025-08-28", 200, "alloy"),
        ("gpt-realtime-2.1", 500, "marin"),
        ("gpt-realtime-2.1-mini", 500, "marin"),
    ],
)
def test_defaults_depend_on_the_model(model: str, silence_ms: int, voice: str) -> None:
    session = Driven(model=model).one("session.created")["session"]

    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == silence_ms
    assert session["audio"]["output"]["voice"] == voice


def test_a_session_says_when_it_ends() -> None:
    assert Driven(minutes=60).one("session.created")["session"]["expires_at"] == 1_700_000_000 + 3600


def test_an_update_changes_what_it_names_and_answers_with_everything() -> None:
    driven = Driven()
    session = driven.update(instructions="Be brief.", audio={"input": {"turn_detection": {"prefix_padding_ms": 100}}})[
        "session"
    ]

    assert session["instructions"] == "Be brief."
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 100,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }


def test_a_transcription_model_is_listed_with_its_empty_options() -> None:
    session = Driven().update(audio={"input": {"transcription": {"model": "whisper-1"}}})["session"]

    assert session["audio"]["input"]["transcription"] == {"model": "whisper-1", "language": None, "prompt": None}


def test_null_empty_text_and_empty_lists_clear() -> None:
    driven = Driven()
    driven.update(instructions="Be brief.", tools=[WEATHER], audio={"input": {"transcription": {"model": "whisper-1"}}})
    session = driven.update(
        instructions="", tools=[], audio={"input": {"transcription": None, "turn_detection": None}}
    )["session"]

    assert session["instructions"] == config.INSTRUCTIONS
    assert session["tools"] == []
    assert session["audio"]["input"]["transcription"] is None
    assert session["audio"]["input"]["turn_detection"] is None


def test_changing_the_kind_of_detection_brings_its_own_defaults() -> None:
    driven = Driven()
    detection = {"type": "semantic_vad", "eagerness": "low"}
    session = driven.update(audio={"input": {"turn_detection": detection}})["session"]

    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }


def test_updating_does_not_change_what_was_given() -> None:
    before = config.default("gpt-realtime", "realtime")
    kept = config.copy(before)
    config.update(
        before,
        {"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}, "tools": [WEATHER]},
        model="gpt-realtime",
        kind="realtime",
        spoken=False,
    )

    assert before == kept


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"instructions": "x"}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "nonsense": 1}, "unknown_parameter", "session.nonsense"),
        ({"type": "realtime", "audio": {"input": {"x": 1}}}, "unknown_parameter", "session.audio.input.x"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "model": "gpt-realtime-mini"}, "invalid_value", "session.model"),
        ({"type": "realtime", "output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"type": "realtime", "audio": {"output": {"voice": "bob"}}}, "invalid_value", "session.audio.output.voice"),
        ({"type": "realtime", "max_output_tokens": 0}, "integer_below_min_value", "session.max_output_tokens"),
        ({"type": "realtime", "instructions": 5}, "invalid_type", "session.instructions"),
        ({"type": "realtime", "tools": ["x"]}, "invalid_type", "session.tools"),
        (
            {
                "type": "realtime",
                "audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": -1}}},
            },
            "integer_below_min_value",
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}},
            "integer_below_min_value",
            "session.audio.input.format.rate",
        ),
    ],
)
def test_a_bad_update_is_refused_whole(session: dict[str, Any], code: str, param: str) -> None:
    driven = Driven()
    [error] = driven.send("session.update", session={**session, "tool_choice": "required"}, event_id="mine")
    after = driven.update()["session"]

    assert (error["error"]["code"], error["error"]["param"]) == (code, param)
    assert error["error"]["event_id"] == "mine"
    assert after == driven.one("session.created")["session"]


def test_the_voice_stays_once_it_was_heard() -> None:
    driven = Driven()
    assert driven.update(audio={"output": {"voice": "cedar"}})["type"] == "session.updated"
    driven.type("hello")
    driven.wait(3000)
    answer = driven.update(audio={"output": {"voice": "ash"}})

    assert answer["error"]["code"] == "cannot_update_voice"
    assert driven.update(audio={"output": {"voice": "cedar"}})["type"] == "session.updated"
