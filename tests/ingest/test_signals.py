"""Signals keep everything of an event but its audio, and of that its length."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import signals
from ingest.envelope import RecordedEvent, Source
from ingest.signals import SignalUnreadable


def event(data: bytes, type_: str = "input_audio_buffer.append", source: Source = Source.CLIENT) -> RecordedEvent:
    return RecordedEvent(
        session_id="s1", seq=3, elapsed_ns=5, seen_at_ns=7, source=source, type=type_, worker="w1", data=data
    )


def through(seen: RecordedEvent) -> RecordedEvent:
    value = signals.encode(seen.session_id, seen.worker, [signals.slim(seen)])
    [found] = signals.events_of(signals.decode(value))
    return found


def appended(size: int, **fields: object) -> bytes:
    text = base64.b64encode(bytes(range(256)) * (size // 256 + 1))[: (size + 2) // 3 * 4].decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": text, **fields}).encode()


@given(st.integers(200, 20_000), st.dictionaries(st.sampled_from(["event_id", "zz"]), st.text(max_size=20)))
def test_audio_comes_back_with_its_length_and_everything_else_as_it_was(size: int, fields: dict[str, str]) -> None:
    seen = event(appended(size, **fields))

    found, kept = json.loads(through(seen).data), json.loads(seen.data)

    assert len(found["audio"]) == len(kept["audio"])
    assert found["audio"][-2:] == kept["audio"][-2:]
    assert found | {"audio": ""} == kept | {"audio": ""}
    assert len(signals.slim(seen).data) < 200 + sum(map(len, map(repr, fields.items()))) * 6


@given(st.binary(max_size=300))
def test_whatever_is_no_audio_is_kept_byte_for_byte(data: bytes) -> None:
    assert through(event(data)).data == data


@given(st.recursive(st.none() | st.text(max_size=90), lambda inner: st.dictionaries(st.text(max_size=5), inner)))
def test_no_message_changes_its_length_or_its_shape(message: object) -> None:
    data = json.dumps({"type": "x", "audio": message, "image_url": message, "item": {"audio": message}}).encode()

    found = through(event(data)).data

    assert len(found) == len(data)
    assert json.loads(found).keys() == json.loads(data).keys()


def test_every_audio_of_a_message_is_cut() -> None:
    audio = "QUJD" * 50
    message = {"item": {"content": [{"audio": audio, "transcript": "hi"}, {"audio": audio + "QQ=="}]}}
    seen = event(json.dumps(message).encode(), "conversation.item.create")

    assert len(signals.slim(seen).data) < 100
    assert [len(part["audio"]) for part in json.loads(through(seen).data)["item"]["content"]] == [200, 204]


def test_text_deltas_and_escaped_text_are_never_taken_for_audio() -> None:
    arguments = json.dumps({"audio": "A" * 500})
    for type_, message in (
        ("response.output_text.delta", {"delta": "word " * 100}),
        ("response.function_call_arguments.done", {"arguments": arguments}),
        ("input_audio_buffer.append", {"audio": "not base64: \\u00e9" * 50}),
    ):
        data = json.dumps(message).encode()
        assert through(event(data, type_)).data == data


def test_place_times_source_and_worker_come_back() -> None:
    seen = event(appended(5000), "response.output_audio.delta", Source.SERVER)

    assert through(seen) == RecordedEvent(
        session_id="s1",
        seq=3,
        elapsed_ns=5,
        seen_at_ns=7,
        source=Source.SERVER,
        type="response.output_audio.delta",
        worker="w1",
        data=through(seen).data,
    )


@pytest.mark.parametrize("value", [None, b"", b"nonsense", b"\x92\x01\x02"])
def test_what_is_no_signal_says_so(value: bytes | None) -> None:
    with pytest.raises(SignalUnreadable, match="not a signal"):
        signals.decode(value)
