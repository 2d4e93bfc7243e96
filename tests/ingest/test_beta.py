"""The retired beta shape and GA: each message in the other's words (PROTOCOL 1.6)."""

from typing import Any

import pytest

from ingest import beta_asking
from ingest.beta import to_beta, to_ga
from simulator import shapes
from tests.simulator.driven import WEATHER, Driven, spoken

BETA_SESSION: dict[str, Any] = {
    "modalities": ["text", "audio"],
    "instructions": "Be kind.",
    "voice": "sage",
    "speed": 1.1,
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "pcm16",
    "input_audio_transcription": {"model": "whisper-1"},
    "input_audio_noise_reduction": None,
    "turn_detection": {"type": "server_vad", "threshold": 0.4},
    "tools": [WEATHER],
    "tool_choice": "auto",
    "temperature": 0.7,
    "max_response_output_tokens": 300,
}


def test_a_flat_configuration_becomes_a_nested_one() -> None:
    became = to_ga({"type": "session.update", "event_id": "e", "session": BETA_SESSION})

    assert became == {
        "type": "session.update",
        "event_id": "e",
        "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": "Be kind.",
            "tools": [WEATHER],
            "tool_choice": "auto",
            "max_output_tokens": 300,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "transcription": {"model": "whisper-1"},
                    "noise_reduction": None,
                    "turn_detection": {"type": "server_vad", "threshold": 0.4},
                },
                "output": {"voice": "sage", "speed": 1.1, "format": {"type": "audio/pcm", "rate": 24000}},
            },
        },
    }


def test_what_was_not_said_is_not_made_up() -> None:
    became = to_ga({"type": "session.update", "session": {"turn_detection": None}})

    assert became["session"] == {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


def test_a_client_that_mixes_both_shapes_is_taken_at_its_word() -> None:
    audio = {"output": {"voice": "marin"}}
    became = to_ga({"type": "session.update", "session": {"type": "realtime", "audio": audio, "temperature": 1}})

    assert became["session"] == {"type": "realtime", "audio": audio}


def test_a_transcription_session_is_configured_by_the_same_event_in_ga() -> None:
    session = {"input_audio_format": "pcm16", "input_audio_transcription": {"model": "gpt-4o-transcribe"}}
    became = to_ga({"type": "transcription_session.update", "session": session})

    assert became["type"] == "session.update"
    assert became["session"]["type"] == "transcription"
    assert became["session"]["audio"]["input"]["transcription"] == {"model": "gpt-4o-transcribe"}


def test_a_request_keeps_what_belongs_to_it_alone() -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Yes."}]}
    asked = {"conversation": "none", "metadata": {"a": "b"}, "modalities": ["text"], "input": [item], "voice": "ash"}
    became = to_ga({"type": "response.create", "response": asked})["response"]

    assert became == {
        "conversation": "none",
        "metadata": {"a": "b"},
        "output_modalities": ["text"],
        "input": [{**item, "content": [{"type": "output_text", "text": "Yes."}]}],
        "audio": {"output": {"voice": "ash"}},
    }


@pytest.mark.parametrize(
    ("role", "part", "becomes"),
    [
        ("assistant", "text", "output_text"),
        ("assistant", "audio", "output_audio"),
        ("user", "text", "input_text"),
        ("user", "input_text", "input_text"),
        ("user", "input_audio", "input_audio"),
        ("system", "input_text", "input_text"),
    ],
)
def test_content_is_named_by_who_said_it(role: str, part: str, becomes: str) -> None:
    item = {"type": "message", "role": role, "content": [{"type": part}]}
    became = to_ga({"type": "conversation.item.create", "item": item})

    assert became["item"]["content"] == [{"type": becomes}]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "input_audio_buffer.append", "audio": "AAAA"},
        {"type": "response.cancel"},
        {"type": "response.create"},
        {"type": "session.update", "session": "nonsense"},
        {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "1"}},
        {"type": "something.new", "session": {"temperature": 1}},
    ],
)
def test_what_is_the_same_in_both_stays_as_it_is(event: dict[str, Any]) -> None:
    assert to_ga(event) == event


def call(kind: str) -> list[dict[str, Any]]:
    """All that a server says in a call with everything in it."""
    driven = Driven(kind="transcription" if kind == "transcription" else "realtime")
    if kind == "spoken":
        driven.update(tools=[WEATHER], audio={"input": {"transcription": {"model": "whisper-1"}}})
        driven.hear(spoken("ten_of_clubs", after_ms=900))
        driven.wait(4000)
    elif kind == "written":
        driven.update(output_modalities=["text"], tools=[WEATHER])
        driven.type("What is the weather?")
        driven.wait(4000)
        driven.type("fail")
        driven.wait(4000)
        driven.type("Hello.")
        driven.wait(4000)
        driven.send("conversation.item.retrieve", item_id=driven.all("conversation.item.added")[-1]["item"]["id"])
    return driven.events


@pytest.mark.parametrize("kind", ["spoken", "written", "transcription"])
def test_what_the_server_says_becomes_what_a_beta_server_says(kind: str) -> None:
    for event in call(kind):
        expected, found = shapes.to_beta(event), to_beta(event)
        assert (expected is None) is (found is None)
        if expected is not None and found is not None:
            assert found["type"] == expected["type"]
            assert _plain(found) == _plain(expected)


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    """Without what only one of the two writes out, which beta clients do not need: nulls, and the order of lists."""
    plain: dict[str, Any] = {}
    for name, value in event.items():
        if isinstance(value, dict):
            plain[name] = _plain(value)
        elif name == "modalities":
            plain[name] = sorted(value)
        elif value is not None:
            plain[name] = value
    return plain


@pytest.mark.parametrize(
    "event",
    [{"type": 7}, {}, {"type": "session.created", "session": None}, {"type": "response.done", "response": []},
     {"type": "response.output_item.done", "item": {"content": "x"}}, {"type": "conversation.item.added", "item": None},
     {"type": "session.updated", "session": {"audio": {"input": None}}}],
)  # fmt: skip
def test_nonsense_goes_through(event: dict[str, Any]) -> None:
    assert to_beta(event) is not None


@pytest.mark.parametrize(
    ("headers", "subprotocols", "asks"),
    [
        ({"openai-beta": "realtime=v1"}, (), True),
        ({"openai-beta": "assistants=v2, Realtime=v1"}, (), True),
        ({}, ("realtime", "openai-beta.realtime-v1"), True),
        ({"openai-beta": "assistants=v2"}, ("realtime",), False),
        ({}, (), False),
    ],
)
def test_a_client_asks_for_beta_by_header_or_by_subprotocol(
    headers: dict[str, str], subprotocols: tuple[str, ...], asks: bool
) -> None:
    assert beta_asking.asks(headers, subprotocols) is asks


@pytest.mark.parametrize(
    ("target", "becomes"),
    [
        ("/v1/realtime?model=gpt-4o-realtime-preview", "/v1/realtime?model=gpt-realtime"),
        ("/v1/realtime?a=b&model=gpt-4o-realtime-preview-2024-12-17&c", "/v1/realtime?a=b&model=gpt-realtime&c"),
        ("/v1/realtime?model=gpt-realtime", "/v1/realtime?model=gpt-realtime"),
        ("/v1/realtime?intent=transcription", "/v1/realtime?intent=transcription"),
        ("/v1/realtime", "/v1/realtime"),
    ],
)
def test_a_model_that_is_no_more_is_asked_for_by_its_successor(target: str, becomes: str) -> None:
    assert beta_asking.with_known_model(target, {"gpt-4o-realtime-preview": "gpt-realtime"}) == becomes
