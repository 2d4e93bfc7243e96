"""What the recorder itself says in a session's log: events with source `recorder`. Part of THE CONTRACT of the log.

Each marker is the JSON `data` of an event whose type is the marker's tag. Readers tolerate fields they don't know
and fields that are missing; writers fill all that they know.
"""

from typing import Any

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
    beta: str | None = None
    """translate: the client speaks the retired beta shape, and its messages were rewritten."""
    scenario: str | None = None
    """What the driver was told to do, by its scenario's name."""
    relay_key: str | None = None
    """The name (never the value) of the relay key that admitted the client, where the worker holds the API's key."""
    call_id: str | None = None
    """Of a call whose sound travels elsewhere (`rtc_...`), to which the worker attached."""
    transport: str | None = None
    """How that call's sound travels: webrtc, sip. None where it passes the worker."""
    missing_times: bool = False
    """Imported from a log in which not every message has its time: such a message bears the one before it."""


class UpstreamConnected(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="upstream.connected"):
    """The upstream answered 101."""

    dial_ms: float
    """From the client's request to the upstream's answer."""
    headers: dict[str, str] = {}
    """The upstream's answer, the safe part."""
    compressed: bool = False
    attempts: int = 1
    """How often a sideband had to ask: the API takes a moment to know its own calls."""


class CallIncoming(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="call.incoming"):
    """The API announced a telephone call by a webhook whose signature held."""

    event_id: str = ""
    created_at: int | None = None
    """Unix seconds, as the API says."""
    media_security: str = ""
    sip_headers: dict[str, str] = {}
    """Those of the allow-list, names in lower case; numbers and people as keyed hashes unless told otherwise."""


class CallSteered(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="call.steered"):
    """Somebody decided about the call over HTTP."""

    action: str
    """accept, reject, refer, hangup."""
    by: str
    """client (a request that passed through here), policy (the worker, as configured), limit (the worker)."""
    status: int | None = None
    """The upstream's HTTP status. None where it gave no answer."""
    detail: str = ""
    """reject: the SIP status, where one was given."""


class ConfigurationAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="configuration.asked"):
    """The worker sent an empty `session.update` of its own, because it was told to: `session.updated` answers it."""


class LimitReached(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="limit.reached"):
    """A configured limit refused or ended the session."""

    limit: str
    """idle, length, spend, sessions."""
    allowed: float
    """idle, length: seconds; spend: US dollars; sessions: at once."""
    relay_key: str | None = None
    """Whose limit it is. None: everybody's."""


class MessageRewritten(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="message.rewritten"):
    """The message that stands directly before this in the log went on in another shape, or not at all.

    The message itself is as its sender sent it, and alone counts.
    """

    to: str
    """Who got what it became: upstream, client."""
    as_type: str | None = None
    """The type that it went on with. None: it was left out."""
    data: dict[str, Any] | None = None
    """What it became, secrets redacted; None where only its type changed, or it was left out."""


class EventsLost(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="events.lost"):
    """Events were seen and forwarded but could not be logged; their numbers are missing before this one."""

    first_seq: int
    count: int
    reason: str
    """disk_full, journal_full, journal_failed, too_large, observer_failed; sideband_lost: the sideband was down for a
    while, nobody can say how many events it missed, and `count` is 1."""


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


Marker = (
    SessionOpened
    | UpstreamConnected
    | CallIncoming
    | CallSteered
    | ConfigurationAsked
    | LimitReached
    | MessageRewritten
    | EventsLost
    | SessionClosed
)

encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Marker)


def decode(data: bytes) -> Marker | None:
    """The marker, or None where it is of a kind that this version does not know."""
    try:
        marker: Marker = _decoder.decode(data)
    except msgspec.DecodeError:
        return None
    return marker
