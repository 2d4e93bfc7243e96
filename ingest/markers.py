"""What the recorder itself says in a session's log: events with source `recorder`. Part of THE CONTRACT of the log.

Each marker is the JSON `data` of an event whose type is the marker's tag. Readers tolerate fields they don't know
and fields that are missing; writers fill all that they know.
"""

import msgspec


class SessionOpened(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="session.opened"):
    """A client asked for a session. Always seq 0."""

    mode: str
    """How the session got in: relay, sideband, driver, import."""
    path: str
    """As the client asked for it, query included, secrets redacted."""
    model: str | None = None
    """From the query; the truth comes with `session.created`."""
    headers: dict[str, str] = {}
    """The client's headers that are safe to keep, names in lower case."""
    upstream_host: str = ""
    worker: str = ""
    versions: dict[str, str] = {}
    relay_key: str | None = None
    """The name (never the value) of the relay key that admitted the client, where the worker holds the API's key."""


class UpstreamConnected(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="upstream.connected"):
    """The upstream answered 101."""

    dial_ms: float
    """From the client's request to the upstream's answer."""
    headers: dict[str, str] = {}
    """The upstream's answer, the safe part."""
    compressed: bool = False


class EventsLost(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="events.lost"):
    """Events were seen and forwarded but could not be logged; their numbers are missing before this one."""

    first_seq: int
    count: int
    reason: str
    """disk_full, journal_full, journal_failed, too_large, observer_failed."""


class SessionClosed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="session.closed"):
    """Both legs are down. Always the last event of a session."""

    closed_by: str
    """client, server (the upstream) or recorder (drain, limit, or found dead at restart)."""
    code: int | None = None
    """The close code of the first close frame; 1005 where it held none; 1006 where the connection just ended."""
    reason: str = ""
    client_events: int = 0
    server_events: int = 0
    recovered: bool = False
    """The worker died with the session open; its successor wrote this. What was in flight then was not seen."""


Marker = SessionOpened | UpstreamConnected | EventsLost | SessionClosed

encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Marker)


def decode(data: bytes) -> Marker | None:
    """The marker, or None where it is of a kind that this version does not know."""
    try:
        marker: Marker = _decoder.decode(data)
    except msgspec.DecodeError:
        return None
    return marker
