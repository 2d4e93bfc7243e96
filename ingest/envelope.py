"""What one recorded event is, and how it is written as a CloudEvents JSON line. THE CONTRACT of the log.

Everything downstream reads the log through this module alone. What the recorder's own events say is in `markers`.
"""

import enum
import functools
import re
import time
from datetime import UTC, datetime

import msgspec
import pybase64

SCHEMA_VERSION = 1
"""The envelope's version, written with each event. A change of its meaning is a new number and an upcast here."""

TYPE_PREFIX = "realtime"
UNTYPED = "untyped"
"""The type of a message that has none we can read: not JSON, not an object, no string under `type`."""

JSON = "application/json"
TEXT = "text/plain"
BINARY = "application/octet-stream"


class EnvelopeUnreadable(ValueError):
    """A line of the log that is not an event; the message says what it lacks."""


class Source(enum.StrEnum):
    """Who sent a message."""

    CLIENT = "client"
    SERVER = "server"
    RECORDER = "recorder"


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A message exactly as it was sent (less secrets), and its place in the session."""

    session_id: str
    """Ours, a UUIDv7: the first 48 bits are the UTC millisecond in which the session opened."""
    seq: int
    """From 0, given when the message is seen. A hole means that an event was lost."""
    elapsed_ns: int
    """Monotonic, since the session opened. For every duration."""
    seen_at_ns: int
    """UTC, nanoseconds since 1970. For dates and minute buckets only."""
    source: Source
    type: str
    """The message's own `type` as sent, without prefix, or `UNTYPED`."""
    worker: str
    data: bytes
    """The message's bytes as they were on the wire, after redaction."""
    content_type: str = JSON
    """JSON; TEXT where a text message was not JSON; BINARY where it came in a binary frame."""
    schema_version: int = SCHEMA_VERSION

    @property
    def id(self) -> str:
        """Unique in the whole log: `<session_id>:<seq>`."""
        return f"{self.session_id}:{self.seq}"


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """The members of the JSON form that are read back; `id` is `<subject>:<sequence>` and says nothing new."""

    type: str
    source: str
    subject: str
    time: str
    sequence: int
    elapsedns: int
    schemaversion: int
    datacontenttype: str
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None


_decoder = msgspec.json.Decoder(_Line)


def encode(event: RecordedEvent) -> bytes:
    """One CloudEvents 1.0 JSON object on one line, without the line's end.

    The message stands in it byte for byte: under `data` where it is a JSON object without line breaks, otherwise
    under `data_base64`. It is the last member, so that a line which was torn can't look whole.
    """
    prefix = line_prefix(event.session_id, event.worker)
    middle = line_middle(
        event.seq, event.elapsed_ns, event.seen_at_ns, f"{event.source}.{event.type}", event.content_type
    )
    return b"".join((prefix, middle, *line_data(event.data, event.content_type)))


def line_prefix(session_id: str, worker: str) -> bytes:
    """The part of a line that is the same for all events of a session: the writer keeps it ready."""
    return (
        f'{{"specversion":"1.0","source":"/ingest/{_escaped(worker)}","subject":"{session_id}",'
        f'"schemaversion":{SCHEMA_VERSION},"id":"{session_id}:'
    ).encode()


def line_middle(seq: int, elapsed_ns: int, seen_at_ns: int, qualified_type: str, content_type: str) -> bytes:
    """The part between the prefix and the message; the type is `<source>.<the message's own type>`."""
    return (
        f'{seq}","sequence":{seq},"elapsedns":{elapsed_ns},"time":"{rfc3339(seen_at_ns)}",'
        f'"type":"{TYPE_PREFIX}.{_escaped(qualified_type)}","datacontenttype":"{content_type}",'
    ).encode()


def line_data(data: bytes, content_type: str) -> tuple[bytes, bytes, bytes]:
    """The message and what closes the line. Bytes that would not survive a JSON line as they are become base64."""
    if content_type == JSON and data[:1] == b"{" and data[-1:] == b"}" and b"\n" not in data and b"\r" not in data:
        return (b'"data":', data, b"}")
    return (b'"data_base64":"', pybase64.b64encode(data), b'"}')


def decode(line: bytes) -> RecordedEvent:
    """The event of one line. Raises EnvelopeUnreadable, naming what is wrong with it."""
    try:
        found = _decoder.decode(line)
        prefix, source, type_ = found.type.split(".", 2)
        if prefix != TYPE_PREFIX or found.schemaversion > SCHEMA_VERSION:
            raise EnvelopeUnreadable(f"not of this log: type {found.type!r}, schemaversion {found.schemaversion}")
        return RecordedEvent(
            session_id=found.subject,
            seq=found.sequence,
            elapsed_ns=found.elapsedns,
            seen_at_ns=parse_rfc3339(found.time),
            source=Source(source),
            type=type_,
            worker=found.source.removeprefix("/ingest/"),
            data=bytes(found.data) if found.data_base64 is None else pybase64.b64decode(found.data_base64),
            content_type=found.datacontenttype,
            schema_version=found.schemaversion,
        )
    except EnvelopeUnreadable:
        raise
    except ValueError as error:
        raise EnvelopeUnreadable(f"not an event: {error}") from error


_PLAIN = re.compile(r"[A-Za-z0-9_.:/ -]*")


@functools.lru_cache(1024)
def _escaped(text: str) -> str:
    """The text as it may stand between quotes in JSON; a peer chooses the type, so nothing is taken on trust."""
    return text if _PLAIN.fullmatch(text) else msgspec.json.encode(text)[1:-1].decode()


@functools.lru_cache(16)
def _second_text(second: int) -> str:
    """Whole seconds, remembered for a while: events come many to a second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def rfc3339(unix_ns: int) -> str:
    """UTC with nine decimals, as in `2026-11-23T09:15:00.000000001Z`."""
    second, fraction = divmod(unix_ns, 1_000_000_000)
    return f"{_second_text(second)}.{fraction:09d}Z"


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since 1970 of a UTC time with up to nine decimals. Raises ValueError."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    second = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return second * 1_000_000_000 + int(fraction.ljust(9, "0")[:9] or "0")


def new_session_id(opened_at_ns: int, random_bits: int) -> str:
    """A UUIDv7 (RFC 9562) of the millisecond in which the session opened and 74 random bits."""
    value = (opened_at_ns // 1_000_000) << 80 | 0x7 << 76 | (random_bits >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | (random_bits & (1 << 62) - 1)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def opened_at_ms(session_id: str) -> int:
    """When a session opened, UTC milliseconds since 1970, read from its id. Raises ValueError where it is no UUID."""
    return int(session_id.replace("-", "")[:12], 16)
