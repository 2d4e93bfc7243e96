"""What a client asks for when it connects, and whether it gets it (PROTOCOL 3.1 and 3.2). Pure.

The API nearly always answers 101 and says afterwards, in an `error` event and a close frame, why it won't talk.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

import msgspec

from simulator.scenario import Kind

SUBPROTOCOL = "realtime"
KEY_SUBPROTOCOL = "openai-insecure-api-key."
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
BAD_KEY = "bad"
"""A key that begins so is refused."""
POOR_KEY = "quota"
"""A key that begins so has no credit left."""
REALTIME_MODELS = ("gpt-realtime",)
RETIRED_MODELS = ("gpt-4o-realtime", "gpt-4o-mini-realtime")
"""Went with the beta shape."""
TRANSLATION_MODEL = "gpt-realtime-translate"
SILENT_MODELS = (TRANSLATION_MODEL, "gpt-realtime-whisper")
"""Have their own kind of session, and hold no conversation."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the upgrade request that matter."""

    path: str
    """With the query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    subprotocols: Sequence[str] = ()


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The session that the client gets."""

    kind: Kind
    model: str
    beta: bool


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """An `error` event and a close."""

    code: str | None
    message: str
    close_code: int
    close_reason: str
    kind: str = "invalid_request_error"


def is_realtime(path: str) -> bool:
    """Whether a path, under any prefix, is that of the Realtime API."""
    return _translates(path) or urlsplit(path).path.rstrip("/").endswith("/realtime")


def call_id_of(path: str) -> str | None:
    """The call that a sideband wants to attach to; None where it is no sideband."""
    return parse_qs(urlsplit(path).query).get("call_id", [None])[0]


def admit(request: Request, *, beta_allowed: bool) -> Admitted | Refused:
    """The session asked for, or why there is none."""
    query = parse_qs(urlsplit(request.path).query)
    beta = _asks_for_beta(request)
    if refusal := refused_key(key_of(request)):
        return refusal
    if beta and not beta_allowed:
        return _refuse(
            "beta_api_shape_disabled",
            "The beta shape of the Realtime API is no longer supported. Please use the GA API.",
            4000,
        )
    if query.get("intent") == ["transcription"]:
        return Admitted(kind="transcription", model="", beta=beta)
    model = (query.get("model") or query.get("deployment") or [""])[0]
    if _translates(request.path):
        known = model.startswith(TRANSLATION_MODEL)
        return _refused_model(model, known=known) or Admitted(kind="translation", model=model, beta=False)
    talks = model.startswith(REALTIME_MODELS) and not model.startswith(SILENT_MODELS)
    known = talks or (beta_allowed and model.startswith(RETIRED_MODELS))
    return _refused_model(model, known=known) or Admitted(kind="realtime", model=model, beta=beta)


def _translates(path: str) -> bool:
    return urlsplit(path).path.rstrip("/").endswith("/realtime/translations")


def _asks_for_beta(request: Request) -> bool:
    named = "realtime=v1" in request.headers.get("openai-beta", "").replace(" ", "").split(",")
    return named or BETA_SUBPROTOCOL in request.subprotocols


def key_of(request: Request) -> str:
    """The key that a client came with; empty: none."""
    query = parse_qs(urlsplit(request.path).query)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    offered = (name for name in request.subprotocols if name.startswith(KEY_SUBPROTOCOL))
    return (
        (token.strip() if scheme.lower() == "bearer" else "")
        or request.headers.get("api-key", "")
        or query.get("api-key", [""])[0]
        or next(offered, "").removeprefix(KEY_SUBPROTOCOL)
    )


def refused_key(key: str) -> Refused | None:
    """Why a key is refused; None where it is taken."""
    if not key:
        message = "Missing bearer or basic authentication in header"
        return Refused(code=None, message=message, close_code=3000, close_reason="invalid_request_error")
    if key.startswith(BAD_KEY):
        shown = f"{key[:6]}{'*' * 8}{key[-4:]}"
        message = (
            f"Incorrect API key provided: {shown}. You can find your API key at "
            "https://platform.openai.com/account/api-keys."
        )
        return _refuse("invalid_api_key", message, 3000)
    if key.startswith(POOR_KEY):
        return Refused(
            code="credit_balance_exhausted",
            message="You exceeded your current quota, please check your plan and billing details.",
            close_code=1013,
            close_reason="insufficient_quota.credit_balance_exhausted",
            kind="insufficient_quota",
        )
    return None


def _refused_model(model: str, *, known: bool) -> Refused | None:
    if not model:
        return _refuse("missing_model", "You must provide a model parameter.", 4000)
    if known:
        return None
    if model.startswith(("gpt-", "o1", "o3", "o4", "whisper")) and not model.startswith(RETIRED_MODELS):
        return _refuse("invalid_model", f'Model "{model}" is not supported in realtime mode.', 4000)
    return _refuse("model_not_found", f"The model `{model}` does not exist or you do not have access to it.", 4004)


def _refuse(code: str, message: str, close_code: int) -> Refused:
    return Refused(code=code, message=message, close_code=close_code, close_reason=f"invalid_request_error.{code}")
