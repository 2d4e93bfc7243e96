"""What the bodies around a call say of its model: an offer with its session, a minted key with its own. Pure.

They pass through whatever is found in them; nothing in here raises. Nothing of them is kept but a model's name and a
SIP status.
"""

from email import message_from_bytes
from email.errors import MessageError
from email.policy import HTTP
from typing import Any

import msgspec

BODY_MAX_BYTES = 1 << 20
"""A longer body passes through unread: instructions and tools have a few thousand bytes."""


class Kept:
    """The beginning of a body, as far as it is of use."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        """The next piece."""
        self._size += len(data)
        if self._size > BODY_MAX_BYTES:
            self._parts.clear()
        else:
            self._parts.append(bytes(data))

    def whole(self) -> bytes:
        """All of it; nothing where it was too long."""
        return b"".join(self._parts)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An ephemeral key that an answer holds. Not to be stored or logged."""

    value: str
    model: str | None


class _Secret(msgspec.Struct):
    value: str | None = None


class _Session(msgspec.Struct):
    model: str | None = None


class _Decision(msgspec.Struct):
    status_code: int | None = None


class _Answer(msgspec.Struct):
    """Of `client_secrets`: value and session; of the retired `sessions`: client_secret, and the session's fields."""

    value: str | None = None
    client_secret: _Secret | None = None
    model: str | None = None
    session: _Session | None = None


def model_of_offer(content_type: str, body: bytes) -> str | None:
    """The model that a call was asked for with, where it says so: in the `session` part of a multipart body."""
    if not content_type.lower().startswith("multipart/form-data") or not body:
        return None
    try:
        parsed: Any = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
        for part in parsed.iter_parts():
            if part.get_param("name", header="content-disposition") == "session":
                return msgspec.json.decode(part.get_payload(decode=True) or b"", type=_Session).model
    except (MessageError, msgspec.DecodeError, ValueError, TypeError, LookupError, AttributeError):
        # The email package raises whatever its parts raise for headers that are none.
        return None
    return None


def detail_of(body: bytes) -> str:
    """What was decided about a call in detail: the SIP status of a reject. Not where a refer goes: that is a number."""
    try:
        status = msgspec.json.decode(body, type=_Decision).status_code
    except (msgspec.DecodeError, RecursionError):
        return ""
    return "" if status is None else str(status)


def key_of_answer(body: bytes) -> Key | None:
    """The key in the answer to a mint, and the model it is for; None where there is none."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, RecursionError):
        return None
    value = answer.value or (answer.client_secret.value if answer.client_secret else None)
    return Key(value=value, model=(answer.session.model if answer.session else None) or answer.model) if value else None
