"""What goes into the log for one message or marker: its type, its bytes without secrets, how it may stand in a line."""

import msgspec

from ingest import envelope, markers
from ingest.envelope import Source
from ingest.markers import Marker
from ingest.messages import SeenMessage
from ingest.redaction import redact

TYPE_MAX = 200
"""A longer `type` is no type; a peer may send anything."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """All of an event but its number and its times."""

    source: Source
    type: str
    content_type: str
    data: bytes


class _Typed(msgspec.Struct, gc=False):
    type: str = envelope.UNTYPED


_typed_decoder = msgspec.json.Decoder(_Typed)
_json_decoder = msgspec.json.Decoder(msgspec.Raw)


def message_entry(source: Source, message: SeenMessage) -> Entry:
    """The entry of a message of a client or server. Whatever they send has one."""
    data = redact(message.data if type(message.data) is bytes else bytes(message.data))
    if message.binary:
        return Entry(source, envelope.UNTYPED, envelope.BINARY, data)
    try:
        type_ = _typed_decoder.decode(data).type
    except msgspec.ValidationError:
        return _untyped(source, data)
    except (msgspec.DecodeError, RecursionError):
        return Entry(source, envelope.UNTYPED, envelope.TEXT, data)
    if len(type_) > TYPE_MAX:
        type_ = envelope.UNTYPED
    # The decoder passes over strings that it does not want without looking at their encoding.
    content_type = envelope.JSON if data.isascii() or _is_utf8(data) else envelope.TEXT
    return Entry(source, type_, content_type, data)


def marker_entry(type_: str, marker: Marker) -> Entry:
    return Entry(Source.RECORDER, type_, envelope.JSON, markers.encode(marker))


def pieces(prefix: bytes, seq: int, elapsed_ns: int, seen_at_ns: int, entry: Entry) -> tuple[bytes, bytes, bytes]:
    """The entry as a line of the log, in pieces so that a large message is not copied; the last one ends the line."""
    middle = envelope.line_middle(seq, elapsed_ns, seen_at_ns, entry.source + "." + entry.type, entry.content_type)
    opening, data, closing = envelope.line_data(entry.data, entry.content_type)
    return prefix + middle + opening, data, closing + b"\n"


def _untyped(source: Source, data: bytes) -> Entry:
    """JSON that is no object, or whose type is no string: unless what follows makes it no JSON at all."""
    try:
        _json_decoder.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return Entry(source, envelope.UNTYPED, envelope.TEXT, data)
    return Entry(source, envelope.UNTYPED, envelope.JSON if _is_utf8(data) else envelope.TEXT, data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
