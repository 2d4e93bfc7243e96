"""What is kept of a telephone call's SIP headers: few, and of people nothing but a keyed hash. Pure."""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable

import msgspec

from ingest.redaction import safe_reason

KEPT = ("from", "to", "call-id", "user-agent")
"""Unless told otherwise."""
VALUE_LENGTH_MAX = 512
HASH_LENGTH = 16
_ADDRESS = re.compile(r"(?P<scheme>sips?|tel):(?P<user>[^@;>\s]+)(?P<host>@[^;>\s]+)?", re.IGNORECASE)
_NUMBER = re.compile(r"\+?\d(?:[\s().-]{0,3}\d){5,}")
_OF_PEOPLE = frozenset(
    {
        "from",
        "to",
        "contact",
        "diversion",
        "p-asserted-identity",
        "p-preferred-identity",
        "referred-by",
        "remote-party-id",
    }
)


class SipHeader(msgspec.Struct, frozen=True):
    name: str = ""
    value: str = ""


class Discretion(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept."""

    names: Collection[str]
    """Of headers that are kept, in lower case."""
    key: bytes
    """Of the hash: without it nobody can try all telephone numbers."""
    plain: bool = False
    """Keep numbers and names as they are."""


def kept(headers: Iterable[SipHeader], discretion: Discretion) -> dict[str, str]:
    """The headers of the allow-list, names in lower case; repeated ones joined."""
    found: dict[str, str] = {}
    for header in headers:
        name = header.name.lower()
        if name in discretion.names:
            value = safe_reason(_discreet(name, header.value[:VALUE_LENGTH_MAX], discretion))
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def called(headers: Iterable[SipHeader]) -> str:
    """Who is called, such as `+15550100`; an empty text where nobody can tell. Not to be stored."""
    to = next((header.value for header in headers if header.name.lower() == "to"), "")
    address = _ADDRESS.search(to)
    return address["user"] if address else ""


def _discreet(name: str, value: str, discretion: Discretion) -> str:
    if discretion.plain or name == "call-id":
        return value
    address = _ADDRESS.search(value)
    if address:
        return f"{address['scheme'].lower()}:#{_digest(address['user'], discretion)}{address['host'] or ''}"
    if name in _OF_PEOPLE:
        return f"#{_digest(value, discretion)}"
    return _NUMBER.sub(lambda number: f"#{_digest(number[0], discretion)}", value)


def _digest(text: str, discretion: Discretion) -> str:
    """The same for the same number, however it is written."""
    digits = re.sub(r"[^\w+]", "", text)
    return hmac.digest(discretion.key, digits.encode(), hashlib.sha256).hex()[:HASH_LENGTH]
