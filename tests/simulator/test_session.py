"""What a client can send wrongly, and how a session ends."""

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.driven import Driven, scenario, spoken

NAMES = (
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "conversation.item.delete",
    "response.create",
    "response.cancel",
    "transcription_session.update",
)
FIELDS = (
    "session",
    "audio",
    "item",
    "item_id",
    "response",
    "audio_end_ms",
    "previous_item_id",
    "response_id",
    "event_id",
)
INNER = (
    "type", "role", "content", "text", "call_id", "output", "audio", "input", "format", "turn_detection", "voice",
    "tools", "name", "instructions", "modalities", "output_modalities", "transcription", "eagerness", "conversation",
    "input_audio_format", "metadata", "model", "speed", "id",
)  # fmt: skip
WORDS = (
    "message",
    "user",
    "input_text",
    "realtime",
    "audio/pcm",
    "server_vad",
    "semantic_vad",
    "none",
    "root",
    "pcm16",
    "function_call_output",
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-9, 9999) | st.floats(0, 2) | st.sampled_from(WORDS) | st.text(max_size=3)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(INNER), inner, max_size=5),
    max_leaves=12,
)
MESSAGES = st.tuples(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))


@settings(max_examples=120, deadline=None)
@given(messages=st.lists(MESSAGES, max_size=6), beta=st.booleans())
def test_whatever_a_client_sends_is_answered_or_refused_and_breaks_nothing(
    messages: list[tuple[str, dict[str, Any]]], beta: bool
) -> None:
    driven = Driven(beta=beta)
    for name, fields in messages:
        driven.send(name, **fields)
        driven.wait(50)
    driven.wait(3000)
    known = len(driven.events)
    driven.send("conversation.item.create", item={"type": "message", "role": "user", "content": []})

    assert driven.types(known)
    assert not driven.closes


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", "invalid_json"),
        ("[]", "invalid_event"),
        ('{"no": "type"}', "invalid_event"),
        ('{"type": "nonsense"}', "invalid_value"),
        (b"binary", "invalid_event"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter"),
        ('{"type": "input_audio_buffer.append", "audio": "***"}', "invalid_value"),
        ('{"type": "conversation.item.create", "item": {"type": "poem"}}', "invalid_value"),
        ('{"type": "conversation.item.delete", "item_id": "nobody"}', "item_not_found"),
        ('{"type": "output_audio_buffer.clear"}', "invalid_value"),
    ],
)
def test_a_bad_message_is_an_error_and_not_the_end(message: str | bytes, code: str) -> None:
    driven = Driven()
    [error] = driven.send_raw(message)

    assert error["type"] == "error"
    assert error["error"]["code"] == code
    driven.type("hello")
    driven.wait(3000)
    assert driven.one("response.done")["response"]["status"] == "completed"


def test_an_append_may_carry_15_mib_and_no_more() -> None:
    driven = Driven()
    largest = bytes(15 * 1024 * 1024)
    assert not driven.send("input_audio_buffer.append", audio=base64.b64encode(largest).decode())
    [error] = driven.send("input_audio_buffer.append", audio=base64.b64encode(largest + b"xx").decode())

    assert error["error"]["param"] == "audio"


def test_items_can_be_put_in_front_and_behind_others() -> None:
    driven = Driven()

    def put(item_id: str, after: str | None = None) -> Any:
        item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
        fields = {"previous_item_id": after} if after else {}
        return driven.send("conversation.item.create", item=item, **fields)[0].get("previous_item_id")

    assert [put("a"), put("b"), put("c", "root"), put("d", "a")] == [None, "a", None, "a"]


def test_an_item_id_is_taken_once() -> None:
    driven = Driven()
    item = {"id": "mine", "type": "message", "role": "user", "content": []}
    driven.send("conversation.item.create", item=item)
    [error] = driven.send("conversation.item.create", item=item)

    assert error["type"] == "error"


def test_a_session_expires_with_an_error_and_a_close() -> None:
    driven = Driven(minutes=1)
    driven.wait(59_999)
    assert not driven.closes
    driven.wait(1)

    assert driven.one("error")["error"]["code"] == "session_expired"
    [close] = driven.closes
    assert (close.code, close.reason) == (1001, "Your session hit the maximum duration of 60 minutes.")


def test_after_the_close_nothing_is_sent() -> None:
    driven = Driven(minutes=1)
    driven.wait(60_000)
    known = len(driven.events)
    driven.type("hello")
    driven.wait(5000)

    assert len(driven.events) == known


def test_a_script_can_end_the_session() -> None:
    text = '[[scripts]]\nname = "x"\nending = { after_ms = 800, code = 1011, reason = "gone", error = "server_error" }'
    driven = Driven(played=scenario(text))
    driven.wait(800)

    assert driven.one("error")["error"]["code"] == "server_error"
    assert (driven.closes[0].code, driven.closes[0].reason) == (1011, "gone")


def test_the_same_seed_tells_the_same_story_and_another_one_does_not() -> None:
    def story(seed: int) -> list[dict[str, Any]]:
        driven = Driven(seed=seed)
        driven.update(audio={"input": {"transcription": {"model": "gpt-realtime-whisper"}}})
        driven.hear(spoken("ten_of_clubs", before_ms=300, after_ms=800))
        driven.wait(3000)
        return driven.events

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_every_event_has_an_id_of_its_own() -> None:
    driven = Driven()
    driven.type("hello")
    driven.wait(3000)

    ids = [event["event_id"] for event in driven.events]
    assert len(set(ids)) == len(ids)
    assert all(len(event_id) == len("event_") + 21 for event_id in ids)
