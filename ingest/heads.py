"""Which head of an HTTP message goes on, given the one that came: the only bytes of a call that the relay rewrites.

Pure. Names, values and order of headers stay as they were sent, but for Host, credentials and the subprotocol.
"""

from collections.abc import Mapping
from typing import Self
from urllib.parse import parse_qs

import h11
import msgspec

from ingest import beta_asking, credentials
from ingest.upstream import Upstream

RawHeaders = list[tuple[bytes, bytes]]
"""As sent: name, value, in order."""

SUBPROTOCOL = "realtime"
_SUBPROTOCOL_HEADER = b"sec-websocket-protocol"
_EXTENSIONS_HEADER = b"sec-websocket-extensions"
_BETA_HEADER, _BETA_VALUE = beta_asking.HEADER.encode(), beta_asking.VALUE.encode()
_OF_THE_CONNECTION = {b"connection", b"keep-alive", b"proxy-connection", b"upgrade"}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings ask for."""

    upstream: Upstream
    headers: Mapping[str, str] = {}
    """Set on each request to the upstream, in place of the client's."""
    api_key: str = ""
    """Held for the clients, who then need a relay key; empty where they bring the upstream's own."""
    api_key_header: str = "authorization"
    relay_keys: Mapping[str, str] = {}
    strip_beta: bool = False
    cors_origins: tuple[str, ...] = ()
    """Pages that may call from a browser; `*` all. Empty: that is between the browser and the upstream."""
    translate_beta: bool = False
    """Clients that ask for the beta shape get it, from an upstream that speaks GA."""
    beta_models: Mapping[str, str] = {}
    """With it: what is asked of the upstream in place of models that went with the beta shape, by how they begin."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A client's request head, as far as a decision needs it."""

    method: bytes
    target: str
    """Path and query as sent."""
    raw_headers: RawHeaders
    headers: dict[str, str]
    """Names in lower case; of several with one name, joined by commas."""
    subprotocols: tuple[str, ...]

    @classmethod
    def of(cls, request: h11.Request) -> Self:
        """What the request asks for."""
        headers: dict[str, str] = {}
        for name, value in request.headers:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        return cls(
            method=request.method,
            target=request.target.decode("latin-1"),
            raw_headers=request.headers.raw_items(),
            headers=headers,
            subprotocols=_items(headers.get("sec-websocket-protocol", "")),
        )

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """As sent, without its question mark."""
        return self.target.partition("?")[2]

    @property
    def model(self) -> str | None:
        """The model that the query names, under OpenAI's name for it or Azure's."""
        named = parse_qs(self.query)
        return next((named[name][0] for name in ("model", "deployment") if name in named), None)

    @property
    def call_id(self) -> str | None:
        """The call that a sideband attaches to; None where it is none."""
        return parse_qs(self.query).get("call_id", [None])[0]

    @property
    def key(self) -> str:
        """What the client identifies itself with, wherever that stands; an empty text where there is none."""
        return credentials.client_key(self.headers, self.query, self.subprotocols)

    @property
    def upgrades(self) -> bool:
        """Whether it wants to become a WebSocket."""
        upgrade = self.headers.get("upgrade", "").lower()
        return (
            self.method == b"GET" and upgrade == "websocket" and "upgrade" in self.headers.get("connection", "").lower()
        )


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request goes no further than the relay."""

    status: int
    code: str
    message: str


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may go on."""

    relay_key: str | None = None
    """The name of the key that admitted it, where keys are asked for."""
    brings_own_key: bool = False
    """Although the worker holds the upstream's key: this client has one that the upstream gave out for it."""


def admit(asked: Asked, rules: Rules) -> Admission | Refusal:
    """Whether a request may go on to the upstream."""
    if not asked.target.startswith("/"):
        return Refusal(status=400, code="bad_target", message="the request must name a path, not a whole URL")
    if not rules.api_key:
        return Admission()
    key = asked.key
    relay_key = credentials.relay_key_of(key, rules.relay_keys)
    ephemeral = key.startswith(credentials.EPHEMERAL)
    if relay_key is None and not ephemeral:
        return Refusal(status=401, code="unknown_relay_key", message="this relay admits clients by its own keys only")
    if not credentials.path_is_realtime(asked.path):
        return Refusal(status=403, code="path_not_admitted", message="this relay admits realtime and live paths only")
    return Admission(relay_key=relay_key, brings_own_key=relay_key is None)


def rules_for(admission: Admission, rules: Rules) -> Rules:
    """The rules as they are for this client: one that brings the upstream's own ephemeral key goes on with that."""
    return msgspec.structs.replace(rules, api_key="", relay_keys={}) if admission.brings_own_key else rules


def key_header(key: str, header: str) -> tuple[bytes, bytes]:
    """The header, `authorization` or `api-key`, that carries a key to the upstream."""
    return header.title().encode(), (f"Bearer {key}" if header == "authorization" else key).encode()


def upgrade_request(asked: Asked, rules: Rules) -> h11.Request:
    """The client's upgrade as the upstream gets it. Its `Sec-WebSocket-Key` and extensions are the client's own.

    A call that will be rewritten has no extensions, and no model that is no more.
    """
    headers = _passed_on(asked, rules)
    if not speaks_beta(asked, rules):
        return _request(asked, rules, headers)
    known = msgspec.structs.replace(asked, target=beta_asking.with_known_model(asked.target, rules.beta_models))
    return _request(known, rules, [header for header in headers if header[0].lower() != _EXTENSIONS_HEADER])


def speaks_beta(asked: Asked, rules: Rules) -> bool:
    """Whether a client asks for the beta shape, and is to get it from an upstream that speaks GA."""
    return rules.translate_beta and beta_asking.asks(asked.headers, asked.subprotocols)


def plain_request(asked: Asked, rules: Rules) -> h11.Request:
    """The client's other requests as the upstream gets them: one for each connection."""
    passed = [(name, value) for name, value in _passed_on(asked, rules) if name.lower() not in _OF_THE_CONNECTION]
    return _request(asked, rules, [*passed, (b"Connection", b"close")])


def upgrade_answer(answer: h11.InformationalResponse, asked: Asked) -> h11.InformationalResponse:
    """The upstream's 101 as the client gets it: `realtime` is chosen if it was offered, and nothing if nothing was."""
    theirs = next((value for name, value in answer.headers if name == _SUBPROTOCOL_HEADER), b"").decode("latin-1")
    chosen = _chosen(asked.subprotocols, theirs)
    headers = [(name, value) for name, value in answer.headers.raw_items() if name.lower() != _SUBPROTOCOL_HEADER]
    if chosen:
        headers.append((b"Sec-WebSocket-Protocol", chosen.encode("latin-1")))
    return h11.InformationalResponse(status_code=101, reason=answer.reason, headers=headers)


def plain_answer(answer: h11.Response) -> h11.Response:
    """The upstream's answer as the client gets it: the last one on this connection."""
    headers = [(name, value) for name, value in answer.headers.raw_items() if name.lower() not in _OF_THE_CONNECTION]
    return h11.Response(
        status_code=answer.status_code, reason=answer.reason, headers=[*headers, (b"Connection", b"close")]
    )


def _request(asked: Asked, rules: Rules, headers: RawHeaders) -> h11.Request:
    target = credentials.without_key(asked.target) if rules.api_key else asked.target
    return h11.Request(method=asked.method, target=rules.upstream.target(target).encode("latin-1"), headers=headers)


def _passed_on(asked: Asked, rules: Rules) -> RawHeaders:
    """The client's headers as they stand, less what others take the place of, and these others."""
    ours = {name.lower(): value for name, value in rules.headers.items()}
    added = _from_subprotocols(asked)
    if rules.api_key:
        added = {name: value for name, value in added.items() if name != b"Authorization"}
        name, value = key_header(rules.api_key, rules.api_key_header)
        added[name] = value
    headers: RawHeaders = []
    for raw_name, value in asked.raw_headers:
        name = raw_name.lower()
        if name.decode("latin-1") in ours or (rules.api_key and name in {b"authorization", b"api-key"}):
            continue
        if name == b"host":
            headers.append((raw_name, rules.upstream.authority.encode()))
        elif name == _SUBPROTOCOL_HEADER:
            headers += _offered(raw_name, value, rules)
        elif not (_strips(rules) and name == _BETA_HEADER and value.lower() == _BETA_VALUE):
            headers.append((raw_name, value))
    headers += [(name, value) for name, value in added.items() if name.decode("latin-1").lower() not in ours]
    return headers + [(name.encode(), value.encode()) for name, value in rules.headers.items()]


def _from_subprotocols(asked: Asked) -> dict[bytes, bytes]:
    """The headers that a browser could only send as subprotocols; a real header of that name goes first."""
    carried = {
        "Authorization": (credentials.KEY_ITEM, "Bearer "),
        "OpenAI-Organization": (credentials.ORGANIZATION_ITEM, ""),
        "OpenAI-Project": (credentials.PROJECT_ITEM, ""),
    }
    found: dict[bytes, bytes] = {}
    for name, (item, before) in carried.items():
        value = credentials.item_value(asked.subprotocols, item)
        if value and name.lower() not in asked.headers:
            found[name.encode()] = f"{before}{value}".encode("latin-1")
    return found


def _offered(raw_name: bytes, value: bytes, rules: Rules) -> RawHeaders:
    items = [item for item in _items(value.decode("latin-1")) if not credentials.is_credential(item)]
    if _strips(rules):
        items = [item for item in items if not item.startswith(credentials.BETA_ITEM)]
    return [(raw_name, ", ".join(items).encode("latin-1"))] if items else []


def _strips(rules: Rules) -> bool:
    return rules.strip_beta or rules.translate_beta


def _chosen(offered: tuple[str, ...], theirs: str) -> str:
    if SUBPROTOCOL in offered:
        return SUBPROTOCOL
    return theirs if theirs in offered and not credentials.is_credential(theirs) else ""


def _items(value: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in value.split(",") if item.strip())
