"""The HTTP endpoints around calls: ephemeral keys, WebRTC calls, control of calls (PROTOCOL 2). No sockets."""

import re
from collections.abc import Awaitable, Callable
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from simulator.checking import Config, Rejected
from simulator.handshake import Request, key_of, refused_key
from simulator.live_call import LiveCall
from simulator.ringing import Bell
from simulator.switchboard import Switchboard
from simulator.web import WebAnswer, WebRequest

Answer = Callable[[str, LiveCall], Awaitable[str]]
"""An SDP offer and the call it is for to an SDP answer."""
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "*",
    "Access-Control-Expose-Headers": "Location",
}
_CONTROL = re.compile(r"/realtime/calls/([^/]+)/(accept|reject|refer|hangup)$")
_SDP = "application/sdp"


class NotPossible(Exception):
    """The simulator lacks something that is needed to answer; the message says what."""


class Rest:
    """Answers all that is no WebSocket."""

    def __init__(self, switchboard: Switchboard, bell: Bell, answer: Answer) -> None:
        self._switchboard = switchboard
        self._bell = bell
        self._answer = answer

    async def respond(self, request: WebRequest) -> WebAnswer:
        """The answer to any request. Never raises for what a client sends."""
        if request.method == "OPTIONS":
            return WebAnswer(status=204, headers=CORS)
        parts = urlsplit(request.target)
        try:
            if parts.path.endswith("/simulator/ring"):
                return await self._bell.ring(_json(request.body))
            return await self._routed(request, parts.path.rstrip("/"), parse_qs(parts.query))
        except Rejected as refusal:
            return _error(400, refusal.message, refusal.code)
        except NotPossible as refusal:
            return _error(501, str(refusal), "not_simulated")

    async def _routed(self, request: WebRequest, path: str, query: dict[str, list[str]]) -> WebAnswer:
        key = key_of(Request(path=request.target, headers=request.headers))
        if (refusal := refused_key(key)) is not None:
            return _error(401, refusal.message, refusal.code)
        if not self._switchboard.admits(key):
            return _error(401, "The ephemeral key has expired or was never issued.", "invalid_api_key")
        if control := _CONTROL.search(path):
            return self._control(control[1], control[2], request)
        is_sdp = request.headers.get("content-type", "").startswith(_SDP)
        if path.endswith("/client_secrets") or (path.endswith("/realtime/sessions") and not is_sdp):
            return self._minted(request, beta=path.endswith("/sessions"))
        if path.endswith("/realtime/calls") or (path.endswith(("/realtime", "/realtime/sessions")) and is_sdp):
            return await self._called(request, key, query)
        return _error(404, f"Invalid URL (POST {path})", None)

    def _minted(self, request: WebRequest, *, beta: bool) -> WebAnswer:
        asked = _json(request.body) if request.body else {}
        session = asked if beta else asked.get("session") or {}
        # What the beta's shape asks for beyond the model would need translation; calls with such a key go without.
        kept = {"model": asked["model"]} if beta and "model" in asked else {} if beta else session
        minted = self._switchboard.mint(kept, (asked.get("expires_after") or {}).get("seconds"))
        secret = {"value": minted.value, "expires_at": minted.expires_at}
        body = (
            {**session, "object": "realtime.session", "client_secret": secret}
            if beta
            else {**secret, "session": session}
        )
        return WebAnswer(
            status=200, headers={**CORS, "Content-Type": "application/json"}, body=msgspec.json.encode(body)
        )

    async def _called(self, request: WebRequest, key: str, query: dict[str, list[str]]) -> WebAnswer:
        offer, session = _offered(request)
        asked = {**self._switchboard.session_of(key), **session}
        if "model" in query:
            asked["model"] = query["model"][0]
        call_id = self._switchboard.new_call_id()
        call = self._switchboard.place(call_id, asked)
        try:
            answer = await self._answer(offer, call)
        except NotPossible:
            call.hang_up()
            raise
        except ValueError as fault:
            call.hang_up()
            raise Rejected(f"Invalid SDP offer: {fault}", code="invalid_offer") from fault
        headers = {**CORS, "Content-Type": _SDP, "Location": f"/v1/realtime/calls/{call_id}"}
        return WebAnswer(status=201, headers=headers, body=answer.encode())

    def _control(self, call_id: str, action: str, request: WebRequest) -> WebAnswer:
        ringing = self._bell.ringing(call_id)
        call = self._switchboard.find(call_id)
        if ringing is not None and action in {"accept", "reject"}:
            self._bell.decided(call_id, action, _json(request.body) if request.body else {})
        elif call is not None and action in {"refer", "hangup"}:
            call.hang_up()
        else:
            return _error(404, "No session found for the provided call_id", "call_id_not_found")
        return WebAnswer(status=200, headers=CORS)


def _offered(request: WebRequest) -> tuple[str, Config]:
    """The SDP offer, and the session that came with it."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return request.body.decode(errors="replace"), {}
    parsed: Any = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body, policy=HTTP)
    parts = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in parsed.iter_parts()
    }
    if not isinstance(parts.get("sdp"), bytes):
        raise Rejected("Missing required parameter: 'sdp'.", code="missing_required_parameter", param="sdp")
    return parts["sdp"].decode(errors="replace"), _json(parts["session"]) if parts.get("session") else {}


def _json(body: bytes) -> Config:
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError as fault:
        raise Rejected("We could not parse the JSON body of your request.", code="invalid_json") from fault
    if not isinstance(found, dict):
        raise Rejected("The body must be a JSON object.", code="invalid_json")
    return found


def _error(status: int, message: str, code: str | None) -> WebAnswer:
    error = {"type": "invalid_request_error", "code": code, "message": message, "param": None}
    headers = {**CORS, "Content-Type": "application/json"}
    return WebAnswer(status=status, headers=headers, body=msgspec.json.encode({"error": error}))
