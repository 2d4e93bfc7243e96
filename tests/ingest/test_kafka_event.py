"""Events as Kafka records: CloudEvents in binary mode, and back to the same event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.envelope import BINARY, JSON, TEXT, EnvelopeUnreadable, RecordedEvent, Source
from ingest.kafka_event import Published, event_of, headers_of

EVENTS = st.builds(
    RecordedEvent,
    session_id=st.uuids().map(str),
    seq=st.integers(0, 1 << 40),
    elapsed_ns=st.integers(0, 1 << 60),
    seen_at_ns=st.integers(0, 4_000_000_000_000_000_000),
    source=st.sampled_from(Source),
    type=st.text(min_size=1, max_size=40),
    worker=st.from_regex(r"[A-Za-z0-9.-]{1,20}", fullmatch=True),
    data=st.binary(max_size=100),
    content_type=st.sampled_from([JSON, TEXT, BINARY]),
)


@given(EVENTS, st.integers(0, 1 << 62))
def test_an_event_comes_back_as_it_was(event: RecordedEvent, position: int) -> None:
    assert event_of(headers_of(event, position), event.data) == Published(event, position)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("ce_subject", None, "no header ce_subject"),
        ("ce_type", b"com.example.other", "not of this log"),
        ("ce_sequence", b"many", "invalid literal"),
        ("ce_time", b"noon", "noon"),
        ("ce_type", b"realtime.nobody.x", "nobody"),
    ],
)
def test_a_record_that_is_no_event_says_what_is_wrong(name: str, text: bytes | None, fault: str) -> None:
    event = RecordedEvent(
        session_id="s", seq=1, elapsed_ns=1, seen_at_ns=1, source=Source.CLIENT, type="x", worker="w", data=b"{}"
    )
    headers = [(key, text if key == name else value) for key, value in headers_of(event, 0)]

    with pytest.raises(EnvelopeUnreadable, match=fault):
        event_of([(key, value) for key, value in headers if value is not None], event.data)


def test_a_record_of_somebody_else_is_no_event() -> None:
    with pytest.raises(EnvelopeUnreadable, match="ce_type"):
        event_of([], b"nonsense")
