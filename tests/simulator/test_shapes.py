"""Every event has the fields of the real ones: by the SDK's own types, and by lists written by hand from recordings."""

from typing import Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from tests.simulator.driven import WEATHER, Driven, scenario, silence, spoken

SDK: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
WHERE = {"response_id", "item_id", "output_index", "content_index"}
CALL = {"response_id", "item_id", "output_index", "call_id"}
ITEM = {"previous_item_id", "item"}
FIELDS: dict[str, set[str]] = {
    "error": {"error"},
    "session.created": {"session"},
    "session.updated": {"session"},
    "conversation.item.added": ITEM,
    "conversation.item.done": ITEM,
    "conversation.item.retrieved": {"item"},
    "conversation.item.deleted": {"item_id"},
    "conversation.item.truncated": {"item_id", "content_index", "audio_end_ms"},
    "rate_limits.updated": {"rate_limits"},
    "input_audio_buffer.committed": {"previous_item_id", "item_id"},
    "input_audio_buffer.cleared": set(),
    "input_audio_buffer.speech_started": {"audio_start_ms", "item_id"},
    "input_audio_buffer.speech_stopped": {"audio_end_ms", "item_id"},
    "input_audio_buffer.timeout_triggered": {"audio_start_ms", "audio_end_ms", "item_id"},
    "conversation.item.input_audio_transcription.delta": {"item_id", "content_index", "delta", "obfuscation"},
    "conversation.item.input_audio_transcription.completed": {"item_id", "content_index", "transcript", "usage"},
    "conversation.item.input_audio_transcription.failed": {"item_id", "content_index", "error"},
    "response.created": {"response"},
    "response.done": {"response"},
    "response.output_item.added": {"response_id", "output_index", "item"},
    "response.output_item.done": {"response_id", "output_index", "item"},
    "response.content_part.added": WHERE | {"part"},
    "response.content_part.done": WHERE | {"part"},
    "response.output_text.delta": WHERE | {"delta", "obfuscation"},
    "response.output_text.done": WHERE | {"text"},
    "response.output_audio.delta": WHERE | {"delta"},
    "response.output_audio.done": WHERE,
    "response.output_audio_transcript.delta": WHERE | {"delta", "obfuscation"},
    "response.output_audio_transcript.done": WHERE | {"transcript"},
    "response.function_call_arguments.delta": CALL | {"delta", "obfuscation"},
    "response.function_call_arguments.done": CALL | {"name", "arguments"},
}
SESSION = {
    "type", "object", "id", "model", "output_modalities", "instructions", "tools", "tool_choice", "max_output_tokens",
    "tracing", "truncation", "prompt", "expires_at", "audio", "include",
}  # fmt: skip
RESPONSE = {
    "object", "id", "status", "status_details", "output", "conversation_id", "output_modalities", "max_output_tokens",
    "audio", "usage", "metadata",
}  # fmt: skip
BETA_SESSION = {
    "object", "id", "model", "modalities", "instructions", "voice", "output_audio_format", "tools", "tool_choice",
    "temperature", "max_response_output_tokens", "turn_detection", "speed", "tracing", "truncation", "prompt",
    "expires_at", "input_audio_noise_reduction", "input_audio_format", "input_audio_transcription", "client_secret",
    "include",
}  # fmt: skip
BETA_RESPONSE = {
    "object", "id", "status", "status_details", "output", "conversation_id", "modalities", "voice",
    "output_audio_format", "temperature", "max_output_tokens", "usage", "metadata",
}  # fmt: skip
TURN = spoken("ten_of_clubs", before_ms=300, after_ms=800)


def a_session_with_everything(*, beta: bool = False, model: str = "gpt-realtime") -> Driven:
    """All that can happen in a session, in one."""
    driven = Driven(beta=beta, model=model)
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    if beta:
        changes = {"tools": [WEATHER], "input_audio_transcription": {"model": "whisper-1"}, "turn_detection": detection}
        driven.send("session.update", session=changes)
    else:
        listening = {"transcription": {"model": "gpt-realtime-whisper"}, "turn_detection": detection}
        driven.update(tools=[WEATHER], audio={"input": listening})
    driven.hear(TURN)
    driven.hear(silence(9000))
    for text in ("weather", "both", "fail", "much", "hello"):
        driven.type(text)
        driven.wait(4000)
    driven.type("hello", **({"modalities": ["text"]} if beta else {"output_modalities": ["text"]}))
    driven.wait(4000)
    driven.send("response.create", response={"conversation": "none", "metadata": {"a": "b"}})
    driven.type("slowly")
    driven.wait(1500)
    driven.hear(TURN)
    item_id = driven.all("response.output_item.done")[-1]["item"]["id"]
    driven.wait(4000)
    driven.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10)
    driven.send("conversation.item.retrieve", item_id=item_id)
    driven.send("conversation.item.delete", item_id=item_id)
    driven.send("conversation.item.delete", item_id=item_id)
    driven.send("input_audio_buffer.clear")
    return driven


def failed_transcription() -> Driven:
    driven = Driven(played=scenario('[[scripts]]\nname = "t"\ntranscripts = ["!"]'))
    driven.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    driven.hear(TURN)
    driven.wait(4000)
    return driven


@pytest.mark.parametrize("model", ["gpt-realtime", "gpt-realtime-2.1-mini"])
def test_the_sdks_types_take_every_event_strictly(model: str) -> None:
    driven = a_session_with_everything(model=model)

    for event in [*driven.events, *failed_transcription().events]:
        SDK.validate_python(event, strict=True)
    assert {*driven.types(), *failed_transcription().types()} == set(FIELDS)


def test_every_event_has_the_fields_of_recorded_ones_and_no_others() -> None:
    events = [*a_session_with_everything().events, *failed_transcription().events]

    for event in events:
        assert set(event) == FIELDS[event["type"]] | {"type", "event_id"}, event["type"]


def test_sessions_and_responses_have_the_fields_of_recorded_ones_and_no_others() -> None:
    for event in a_session_with_everything().events:
        if "session" in event:
            assert set(event["session"]) == SESSION
        if "response" in event:
            assert set(event["response"]) == RESPONSE


def test_type_comes_first_and_nothing_names_an_object_in_items() -> None:
    for event in a_session_with_everything().events:
        assert list(event)[:2] == ["type", "event_id"]
        assert "object" not in event.get("item", {})


def test_the_end_of_spoken_items_and_calls_names_no_predecessor_as_in_recordings() -> None:
    driven = a_session_with_everything()
    ends = [event for event in driven.all("conversation.item.done") if event["item"].get("role") == "assistant"]

    spoken_ends = [event for event in ends if event["item"]["content"][0]["type"] == "output_audio"]
    written_ends = [event for event in ends if event["item"]["content"][0]["type"] == "output_text"]
    assert {event["previous_item_id"] for event in spoken_ends} == {None}
    assert None not in {event["previous_item_id"] for event in written_ends}


def test_the_beta_shape_has_its_own_names() -> None:
    driven = a_session_with_everything(beta=True)
    types = set(driven.types())

    assert {"response.audio.delta", "response.audio_transcript.done", "response.text.delta"} <= types
    assert "conversation.item.created" in types
    assert not {kind for kind in types if "output_audio" in kind or "output_text" in kind}
    assert not types & {"conversation.item.added", "conversation.item.done"}


def test_beta_sessions_responses_and_items_have_the_fields_of_recorded_ones() -> None:
    for event in a_session_with_everything(beta=True).events:
        if "session" in event:
            assert set(event["session"]) == BETA_SESSION
        if "response" in event:
            assert set(event["response"]) == BETA_RESPONSE
        if "item" in event:
            assert event["item"]["object"] == "realtime.item"
            assert not {part["type"] for part in event["item"].get("content", [])} & {"output_text", "output_audio"}


def test_beta_rate_limits_come_right_after_the_response_began() -> None:
    driven = a_session_with_everything(beta=True)
    types = driven.types()

    assert types[types.index("response.created") + 1] == "rate_limits.updated"
    assert [row["name"] for row in driven.all("rate_limits.updated")[0]["rate_limits"]] == ["requests", "tokens"]


def test_a_beta_client_configures_in_beta_words() -> None:
    driven = Driven(beta=True)
    [updated] = driven.send(
        "session.update",
        session={"voice": "echo", "output_audio_format": "g711_ulaw", "turn_detection": None, "temperature": 0.7},
    )

    assert updated["session"]["voice"] == "echo"
    assert updated["session"]["output_audio_format"] == "g711_ulaw"
    assert updated["session"]["turn_detection"] is None


def test_beta_transcription_sessions_have_their_own_events() -> None:
    driven = Driven(beta=True, kind="transcription", model="")
    [updated] = driven.send(
        "transcription_session.update", session={"input_audio_transcription": {"model": "whisper-1"}}
    )

    assert driven.types() == ["transcription_session.created", "transcription_session.updated"]
    assert updated["session"]["input_audio_transcription"]["model"] == "whisper-1"
