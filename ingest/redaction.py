"""What must never enter the log, and the only gate that keeps it out. Pure.

Keys and tokens by their look, wherever they stand; what stands under names like `authorization`, in MCP tools also
every header; key fragments in errors and close reasons; and of a handshake, all that is not known to be harmless.
What is not a secret stays as it is, byte for byte.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_plus

import msgspec

from ingest.json_strings import spoken
from ingest.secret_json import HEADERS, SECRET_NAMES, secrets_in_json
from ingest.secret_text import WORDS, Span, merged, secrets_in_text

REDACTED = b"[redacted]"

STRUCTURE_MAX = 200_000
"""Quotes, brackets and the like in a message that is searched: real ones have a few thousand, and a call waits."""
LOOKALIKES_MAX = 20_000
"""The same for what looks like the beginning of a secret."""

_LITERAL_MIN = 1024
_JSON = msgspec.json.Decoder(msgspec.Raw)
_TYPE = re.compile(rb'"type"\s*:\s*"([a-z_.]{1,100})"')
_NAMES = re.compile(b"|".join(name.replace(b"-", b"[-_]") for name in (*SECRET_NAMES, HEADERS)), re.IGNORECASE)

SAFE_HEADERS = frozenset(
    {
        "accept-language",
        "apim-request-id",
        "cf-ray",
        "date",
        "host",
        "openai-beta",
        "openai-organization",
        "openai-processing-ms",
        "openai-project",
        "openai-safety-identifier",
        "openai-version",
        "origin",
        "sec-websocket-extensions",
        "sec-websocket-version",
        "server",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-ms-client-request-id",
        "x-ms-region",
        "x-request-id",
    }
)
"""Whom the call belongs to, what software speaks, and what ties it to other logs. Not the subprotocols: browsers put
keys there. Not addresses of people (`x-forwarded-for`, `referer`). The safety identifier is a hash by definition."""

_SECRET_PARAMETER = re.compile(r"key|token|secret|auth|sig|pass|credential|code|jwt|cookie", re.IGNORECASE)


def redact(data: bytes) -> bytes:
    """The message without its secrets: the very same object where there is none."""
    if not may_hold_secret(data):
        return data
    if _too_intricate(data):
        return _withheld(data)
    try:
        _JSON.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return _redact_text(data)
    return _without(data, secrets_in_json(data))


def may_hold_secret(data: bytes) -> bool:
    """False for nearly all messages, at a cost of a few microseconds whatever their size."""
    # Latin-1 keeps each byte a character, and `in` takes a quarter of the time on text that it takes on bytes.
    rest = _without_payload(data).lower().decode("latin-1")
    return (  # written out, because a loop over the signs takes three times as long
        "sk-" in rest
        or "ek_" in rest
        or "authorization" in rest
        or 'headers"' in rest
        or ("secret" in rest and ("client_secret" in rest or "client-secret" in rest))
        or ("key" in rest and any(name in rest for name in ("api-key", "api_key", "apikey", "key provided")))
        or "cookie" in rest
        or "bearer" in rest
        or "***" in rest
        or r"\u00" in rest  # an escaped letter may hide any of the others
    )


def _without_payload(data: bytes) -> bytes:
    """The message without the string in its middle where that is long and can only be base64, as in all audio."""
    if len(data) < _LITERAL_MIN:
        return data
    middle = len(data) // 2
    start, end = data.rfind(b'"', 0, middle) + 1, data.find(b'"', middle)
    if (
        end - start < _LITERAL_MIN
        or data.find(b"_", start, end) >= 0
        or data.find(b"-", start, end) >= 0
        or data.find(b" ", start, end) >= 0
        or data.find(b"\\", start, end) >= 0
        or data.find(b"*", start, end) >= 0
    ):
        return data
    return data[:start] + data[end:]


def safe_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers that are known to be harmless, names in lower case, repeated ones joined."""
    kept: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        lowered = name.lower()
        if lowered in SAFE_HEADERS:
            safe = safe_reason(value)
            kept[lowered] = f"{kept[lowered]}, {safe}" if lowered in kept else safe
    return kept


def safe_path(path: str) -> str:
    """The path and query of a request, without the values of parameters that are secrets by name or by look."""
    place, mark, query = path.partition("?")
    parts = [_safe_text(part) for part in place.split("/")]
    return "/".join(parts) + mark + "&".join(map(_safe_parameter, query.split("&")))


def safe_reason(reason: str) -> str:
    """A close reason, or another text of one line, without tokens and fragments of keys."""
    text = reason.encode(errors="surrogatepass")
    return _without(text, secrets_in_text(text)).decode(errors="replace")


def _safe_parameter(parameter: str) -> str:
    name, mark, value = parameter.partition("=")
    if mark and value and _SECRET_PARAMETER.search(unquote_plus(name)):
        return f"{_safe_text(name)}={REDACTED.decode()}"
    return _safe_text(name) + mark + _safe_text(value)


def _safe_text(text: str) -> str:
    """The text as it is, or all of it replaced where its decoded form holds a secret."""
    return text if safe_reason(unquote_plus(text)) == unquote_plus(text) else REDACTED.decode()


def _too_intricate(data: bytes) -> bool:
    lowered = data.lower()
    return (
        sum(map(data.count, (b'"', b"\\", b",", b":", b"[", b"{"))) > STRUCTURE_MAX
        or sum(map(lowered.count, WORDS)) > LOOKALIKES_MAX
    )


def _redact_text(data: bytes) -> bytes:
    """For what is no JSON: after the name of a secret nothing is kept, because nobody can say where the secret ends."""
    says = spoken(data)
    secrets = [(says.written(start), says.written(end)) for start, end in secrets_in_text(says.text)]
    if (name := _NAMES.search(says.text)) is not None:
        secrets.append((says.written(name.end()), len(data)))
    return _without(data, merged([*secrets, *secrets_in_text(data)]))


def _withheld(data: bytes) -> bytes:
    """In place of a message that may hold a secret and is too intricate to search while a call waits."""
    type_ = _TYPE.search(data)
    return b'{"type":"' + (type_[1] if type_ else b"untyped") + b'","withheld":"too intricate to search for secrets"}'


def _without(data: bytes, secrets: list[Span]) -> bytes:
    if not secrets:
        return data
    parts: list[bytes] = []
    end = 0
    for start, stop in secrets:
        parts += (data[end:start], REDACTED)
        end = stop
    return b"".join((*parts, data[end:]))
