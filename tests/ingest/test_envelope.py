"""The log's line: everything that goes in comes out, byte for byte."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import envelope, markers
from ingest.envelope import EnvelopeUnreadable, RecordedEvent, Source

SESSION_ID = envelope.new_session_id(1_795_425_218_788_000_000, 7)


def event(data: bytes, *, type_: str = "response.done", content_type: str = envelope.JSON) -> RecordedEvent:
    return RecordedEvent(
        session_id=SESSION_ID,
        seq=3,
        elapsed_ns=1_500_000_000,
        seen_at_ns=1_795_425_218_788_735_669,
        source=Source.SERVER,
        type=type_,
        worker="w1",
        data=data,
        content_type=content_type,
    )


def test_a_line_is_a_cloudevent_that_any_json_tool_reads() -> None:
    line = json.loads(envelope.encode(event(b'{"event_id":"e1","type":"response.done"}')))

    assert line == {
        "specversion": "1.0",
        "id": f"{SESSION_ID}:3",
        "source": "/ingest/w1",
        "type": "realtime.server.response.done",
        "subject": SESSION_ID,
        "time": "2026-11-23T09:13:38.788735669Z",
        "sequence": 3,
        "elapsedns": 1_500_000_000,
        "schemaversion": 1,
        "datacontenttype": "application/json",
        "data": {"event_id": "e1", "type": "response.done"},
    }


json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
).map(lambda value: json.dumps(value, ensure_ascii=False, indent=1).encode())


@given(
    data=json_texts | json_texts.map(lambda text: text.replace(b"\n", b" ")),
    type_=st.text(),
    content_type=st.sampled_from([envelope.JSON, envelope.TEXT]),
)
def test_any_json_message_comes_back_byte_for_byte(data: bytes, type_: str, content_type: str) -> None:
    recorded = event(data, type_=type_, content_type=content_type)

    line = envelope.encode(recorded)

    assert b"\n" not in line
    assert envelope.decode(line) == recorded


@given(data=st.binary())
def test_any_bytes_that_are_not_json_come_back_too(data: bytes) -> None:
    recorded = event(data, content_type=envelope.BINARY)

    assert envelope.decode(envelope.encode(recorded)) == recorded


@given(cut=st.integers(min_value=1, max_value=300))
def test_a_torn_line_never_reads_as_an_event(cut: int) -> None:
    line = envelope.encode(event(b'{"type":"response.done"}'))

    with pytest.raises(EnvelopeUnreadable):
        envelope.decode(line[:-cut])


def test_a_line_of_a_later_schema_is_refused_by_name() -> None:
    line = envelope.encode(event(b"{}")).replace(b'"schemaversion":1', b'"schemaversion":2')

    with pytest.raises(EnvelopeUnreadable, match="schemaversion 2"):
        envelope.decode(line)


@given(st.integers(min_value=0, max_value=4_000_000_000_000_000_000))
def test_times_come_back_to_the_nanosecond(unix_ns: int) -> None:
    assert envelope.parse_rfc3339(envelope.rfc3339(unix_ns)) == unix_ns


@given(
    ns=st.integers(min_value=0, max_value=4_000_000_000_000_000_000),
    bits=st.integers(min_value=0, max_value=2**74 - 1),
)
def test_a_session_id_is_a_uuid7_that_holds_its_opening_time(ns: int, bits: int) -> None:
    session_id = envelope.new_session_id(ns, bits)

    assert uuid.UUID(session_id).version == 7
    assert envelope.opened_at_ms(session_id) == ns // 1_000_000


def test_markers_come_back_and_unknown_kinds_are_harmless() -> None:
    closed = markers.SessionClosed(closed_by="client", code=1000, reason="bye", client_events=2, server_events=3)

    assert markers.decode(markers.encode(closed)) == closed
    assert markers.decode(b'{"type":"session.painted","colour":"red"}') is None
