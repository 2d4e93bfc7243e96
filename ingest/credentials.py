"""Who a client says it is, wherever it says so, and whether its key admits it. Pure."""

import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, unquote_plus

KEY_ITEM = "openai-insecure-api-key."
ORGANIZATION_ITEM = "openai-organization."
PROJECT_ITEM = "openai-project."
BETA_ITEM = "openai-beta."
EPHEMERAL = "ek_"
"""How a key begins that the API gave out for one client and a short time: it is worth nothing without the API."""
QUERY_KEY = "api-key"
_BEARER = "bearer "


def client_key(headers: Mapping[str, str], query: str, subprotocols: Iterable[str]) -> str:
    """The key that the client came with, or an empty text: by header, subprotocol or query, the first that is there.

    Header names are expected in lower case.
    """
    authorization = headers.get("authorization", "")
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    if "api-key" in headers:
        return headers["api-key"]
    by_subprotocol = item_value(subprotocols, KEY_ITEM)
    if by_subprotocol:
        return by_subprotocol
    return next((unquote_plus(pair.partition("=")[2]) for pair in query.split("&") if _names_key(pair)), "")


def relay_key_of(key: str, relay_keys: Mapping[str, str]) -> str | None:
    """The name of the relay key that this is, or None. Takes as long for every key."""
    found = None
    for name, value in relay_keys.items():
        if hmac.compare_digest(value.encode(), key.encode(errors="replace")):
            found = name
    return found


def item_value(subprotocols: Iterable[str], prefix: str) -> str:
    """What follows the prefix in the first offered subprotocol that begins with it, or an empty text."""
    return next((item[len(prefix) :] for item in subprotocols if item.startswith(prefix)), "")


def is_credential(subprotocol: str) -> bool:
    """Whether an offered subprotocol names no protocol but carries what belongs into a header."""
    return subprotocol.startswith((KEY_ITEM, ORGANIZATION_ITEM, PROJECT_ITEM))


def without_key(target: str) -> str:
    """The path and query less the key in it; everything else stays as it was sent."""
    path, mark, query = target.partition("?")
    if not any(_names_key(pair) for pair in query.split("&")):
        return target
    rest = "&".join(pair for pair in query.split("&") if not _names_key(pair))
    return f"{path}{mark}{rest}" if rest else path


def _names_key(pair: str) -> bool:
    return unquote_plus(pair.partition("=")[0]).lower() == QUERY_KEY


def path_is_realtime(path: str) -> bool:
    """Whether a path stays within the realtime part of an API, however the upstream reads dots and escapes."""
    decoded = unquote(unquote(path))
    segments = decoded.split("/")
    as_written = decoded.count("/") == path.count("/") and "\\" not in decoded and "//" not in decoded
    return as_written and not {".", ".."} & set(segments) and bool({"realtime", "live"} & set(segments))
