"""Where secrets stand in a JSON message: by the names they stand under, and by their look. Pure.

The text is walked as it is written, so that everything but the secrets can stay as it is, byte for byte.
"""

import re
from collections.abc import Iterator

import msgspec

from ingest.json_strings import spoken
from ingest.secret_text import Span, merged, secrets_in_text

SECRET_NAMES = frozenset(
    {
        b"authorization",
        b"proxy-authorization",
        b"api-key",
        b"apikey",
        b"x-api-key",
        b"openai-insecure-api-key",
        b"cookie",
        b"set-cookie",
        b"client-secret",
    }
)
"""A string under one of these, however deep, is a secret. `_` counts as `-`, upper case as lower."""
HEADERS = b"headers"
"""What an MCP tool sends to its server: each value may be a secret."""
_SCHEMA_NAMES = frozenset({b"parameters", b"properties", b"schema", b"input-schema"})
"""Below these a tool describes its arguments: names there name arguments, and what they hold describes them."""

_PARTS = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"|[{}\[\],:]', re.DOTALL)


class _Place(msgspec.Struct):
    """An object or array on the way from the root to where the walk is."""

    is_object: bool
    hidden: bool
    """Stands under a secret name, so that every string in it is a secret."""
    in_schema: bool
    name: bytes
    """Of the member that the walk is in; none in an array."""
    at_name: bool
    """The next string is a name."""


def secrets_in_json(data: bytes) -> list[Span]:
    """The secrets of a JSON text, in order, none overlapping, each inside the quotes of a string."""
    found: list[Span] = []
    path = [_Place(is_object=False, hidden=False, in_schema=False, name=b"", at_name=False)]
    for part in _PARTS.finditer(data):
        here = path[-1]
        match part[0]:
            case b"{" | b"[" as opening:
                path.append(_inside(here, is_object=opening == b"{"))
            case b"}" | b"]" if len(path) > 1:
                path.pop()
            case b",":
                here.at_name = here.is_object
            case b":":
                here.at_name = False
            case _:
                found += _secrets_in_string(part[1], part.start(1), here)
    return merged(found)


def _inside(outer: _Place, *, is_object: bool) -> _Place:
    name = outer.name
    in_schema = outer.in_schema or name in _SCHEMA_NAMES
    hidden = outer.hidden or (not in_schema and (name in SECRET_NAMES or name == HEADERS))
    return _Place(is_object=is_object, hidden=hidden, in_schema=in_schema, name=b"", at_name=is_object)


def _secrets_in_string(written: bytes, offset: int, here: _Place) -> Iterator[Span]:
    says = spoken(written) if b"\\" in written else None
    text = says.text if says else written
    if here.at_name:
        here.name = text.lower().replace(b"_", b"-")
    elif here.hidden or here.name in SECRET_NAMES or (here.name == HEADERS and not here.in_schema):
        if written:
            yield offset, offset + len(written)
        return
    for start, end in secrets_in_text(text):
        if says:
            yield offset + says.written(start), offset + says.written(end)
        else:
            yield offset + start, offset + end
