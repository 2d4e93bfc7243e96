"""A line of a log that was written elsewhere, as far as we can use it. Pure. The format: docs/import.md."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from ingest.envelope import Source

_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000
_MILLISECONDS_FROM = 10**11
"""A Unix time this large is in milliseconds: as seconds it would be in the year 5138."""
_DIRECTIONS = {
    "client": Source.CLIENT,
    "sent": Source.CLIENT,
    "out": Source.CLIENT,
    "server": Source.SERVER,
    "received": Source.SERVER,
    "in": Source.SERVER,
}


class LineUnreadable(ValueError):
    """A line that holds no event; the message says what it lacks."""


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """How the session ended, where the log says it."""

    by: str = "recorder"
    code: int | None = None
    reason: str = ""


class ImportedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One message, or the session's end."""

    session: str
    """Which of the file's sessions it belongs to, in the file's own words; empty where it has but one."""
    source: Source
    data: bytes
    unix_ns: int | None = None
    elapsed_ns: int | None = None
    """Since the session began."""
    close: Close | None = None

    @property
    def timed(self) -> bool:
        return self.unix_ns is not None or self.elapsed_ns is not None


class _Line(msgspec.Struct, kw_only=True):
    session: str | int = ""
    direction: str = ""
    dir: str = ""
    event: msgspec.Raw = msgspec.Raw()
    message: str | None = None
    """The message's own text, where it must stay byte for byte."""
    time: str | int | float | None = None
    elapsed_ms: float | None = None
    at: float | None = None
    close: Close | None = None


_decoder = msgspec.json.Decoder(_Line)


def read(line: bytes) -> ImportedLine:
    """The line's message. Raises LineUnreadable."""
    try:
        found = _decoder.decode(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise LineUnreadable(str(error)) from error
    elapsed_ms = found.elapsed_ms if found.elapsed_ms is not None or found.at is None else found.at * 1000
    if elapsed_ms is not None and not 0 <= elapsed_ms < 10**12:
        raise LineUnreadable(f"elapsed_ms can't be {elapsed_ms:g}")
    return ImportedLine(
        session=str(found.session),
        source=Source.RECORDER if found.close else _direction(found.direction or found.dir),
        data=b"" if found.close else _message(found),
        unix_ns=_unix_ns(found.time),
        elapsed_ns=None if elapsed_ms is None else round(elapsed_ms * _NS_PER_MS),
        close=found.close,
    )


def unix_ns(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time; without a zone it is UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    whole = found if found.tzinfo else found.replace(tzinfo=UTC)
    since = whole - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _NS_PER_S + since.microseconds * 1000


def _direction(said: str) -> Source:
    source = _DIRECTIONS.get(said.lower())
    if source is None:
        raise LineUnreadable(f"direction must be client or server (got {said!r})" if said else "direction is missing")
    return source


def _message(found: _Line) -> bytes:
    if found.message is not None:
        return found.message.encode()
    event = bytes(found.event)
    if not event.startswith(b"{"):
        raise LineUnreadable("event must be an object" if event else "event is missing")
    return event


def _unix_ns(time: str | float | None) -> int | None:
    if time is None:
        return None
    try:
        if isinstance(time, str):
            return unix_ns(time)
        if not 0 <= time < 10**14:
            raise ValueError("out of range")
        # By its digits: a float of today's nanoseconds is some hundred of them off.
        return round(Decimal(repr(time)) * (_NS_PER_MS if time >= _MILLISECONDS_FROM else _NS_PER_S))
    except (ValueError, OverflowError) as error:
        raise LineUnreadable(f"time can't be {time!r}: {error}") from error
