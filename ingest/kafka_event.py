"""An event as a Kafka record and back: CloudEvents 1.0, Kafka protocol binding, binary content mode.

The record's value is the message's bytes as they were on the wire (less secrets), its key the session's id, and the
attributes stand in `ce_*` headers, so that any Kafka tool can read the topic. Source: cloudevents.io, kafka-protocol-
binding 3.2.
"""

from collections.abc import Iterable

import msgspec

from ingest.envelope import (
    TYPE_PREFIX,
    EnvelopeUnreadable,
    RecordedEvent,
    Source,
    parse_rfc3339,
    rfc3339,
)

Headers = list[tuple[str, bytes]]


class Published(msgspec.Struct, frozen=True, gc=False):
    """An event, and where in its worker's journal it ends; 0 where it came without one."""

    event: RecordedEvent
    journal_position: int


def headers_of(event: RecordedEvent, journal_position: int) -> Headers:
    """The record's headers. Key and value are the session's id and the message's bytes."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.id.encode()),
        ("ce_source", f"/ingest/{event.worker}".encode()),
        ("ce_type", f"{TYPE_PREFIX}.{event.source}.{event.type}".encode()),
        ("ce_time", rfc3339(event.seen_at_ns).encode()),
        ("ce_subject", event.session_id.encode()),
        ("ce_sequence", b"%d" % event.seq),
        ("ce_elapsedns", b"%d" % event.elapsed_ns),
        ("ce_schemaversion", b"%d" % event.schema_version),
        ("ce_journalposition", b"%d" % journal_position),
        ("content-type", event.content_type.encode()),
    ]


def event_of(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Published:
    """The event of a record. Raises EnvelopeUnreadable, naming what is wrong with it."""
    found = {name: text.decode() for name, text in headers}
    try:
        prefix, source, type_ = found["ce_type"].split(".", 2)
        if prefix != TYPE_PREFIX:
            raise EnvelopeUnreadable(f"not of this log: type {found['ce_type']!r}")
        event = RecordedEvent(
            session_id=found["ce_subject"],
            seq=int(found["ce_sequence"]),
            elapsed_ns=int(found["ce_elapsedns"]),
            seen_at_ns=parse_rfc3339(found["ce_time"]),
            source=Source(source),
            type=type_,
            worker=found["ce_source"].removeprefix("/ingest/"),
            data=value or b"",
            content_type=found["content-type"],
            schema_version=int(found["ce_schemaversion"]),
        )
        return Published(event, int(found.get("ce_journalposition", "0")))
    except KeyError as error:
        raise EnvelopeUnreadable(f"not an event: no header {error.args[0]}") from error
    except EnvelopeUnreadable:
        raise
    except ValueError as error:
        raise EnvelopeUnreadable(f"not an event: {error}") from error
