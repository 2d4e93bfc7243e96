"""Which HTTP exchange begins a call whose sound travels elsewhere, and which one steers such a call. Pure.

A call over WebRTC is known by nothing but the `Location` of the answer (PROTOCOL section 2).
"""

import re
from typing import Literal
from urllib.parse import urlsplit

import h11
import msgspec

from ingest.heads import Asked, RawHeaders, Rules, key_header

Control = Literal["accept", "reject", "refer", "hangup"]

_CALL_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_LOCATION = re.compile(r"(?P<place>(?:/[^/?]+)*/realtime(?:/translations)?)/calls/(?P<id>[A-Za-z0-9_.-]{1,200})/?")
_CONTROL = re.compile(r"(?:/[^/?]+)*/realtime/calls/(?P<id>[A-Za-z0-9_.-]{1,200})/(?P<do>accept|reject|refer|hangup)/?")
_KEYS = frozenset({b"authorization", b"api-key"})
_WHO_ASKS = _KEYS | {b"openai-organization", b"openai-project"}
_CREATED = range(200, 300)


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A call that has just begun."""

    call_id: str
    place: str
    """The path at which a sideband finds it, such as `/v1/realtime`; on the upstream that made it and on no other."""


class Steered(msgspec.Struct, frozen=True, kw_only=True):
    """A request that decides about a call."""

    call_id: str
    action: Control


def created(asked: Asked, answer: h11.Response) -> Created | None:
    """The call that this answer is the beginning of; None where it is none."""
    if asked.method != b"POST" or answer.status_code not in _CREATED:
        return None
    location = next((value for name, value in answer.headers if name == b"location"), b"").decode("latin-1")
    # Of a whole URL only the path counts: credentials go to no host that an answer names.
    found = _LOCATION.fullmatch(urlsplit(location).path)
    return Created(call_id=found["id"], place=found["place"]) if found else None


def may_create(asked: Asked) -> bool:
    """Whether a request, if it is granted, begins a call: an offer, wherever it goes."""
    kind = asked.headers.get("content-type", "").lower()
    return asked.method == b"POST" and (kind.startswith("application/sdp") or asked.path.rstrip("/").endswith("/calls"))


def is_call_id(text: str) -> bool:
    """Whether this may stand in a path as the id of a call."""
    return _CALL_ID.fullmatch(text) is not None and set(text) != {"."}


def steered(asked: Asked) -> Steered | None:
    """The call that this request decides about; None where it decides about none."""
    found = _CONTROL.fullmatch(asked.path) if asked.method == b"POST" else None
    return Steered(call_id=found["id"], action=_control(found["do"])) if found else None


def attach_credentials(request: h11.Request, rules: Rules, attach_key: str) -> RawHeaders:
    """The headers with which a sideband attaches to the call that this request, as the upstream got it, has made.

    The upstream must know the sideband by the same credentials, or by a key of its own; where the worker holds the
    API's key that is the one, because an ephemeral key is good for less and for a short time.
    """
    kept = [(name, value) for name, value in request.headers.raw_items() if name.lower() in _WHO_ASKS]
    key = attach_key or rules.api_key
    if not key:
        return kept
    others = [(name, value) for name, value in kept if name.lower() not in _KEYS]
    return [*others, key_header(key, rules.api_key_header)]


def _control(name: str) -> Control:
    found: Control = msgspec.convert(name, Control)
    return found
