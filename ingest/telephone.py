"""Telephone calls over SIP: the API announces each by a webhook; it is followed, and decided about where told to be."""

import time
from collections.abc import Mapping
from typing import Any, Literal

import h11
import msgspec
import structlog

from ingest import sip_headers
from ingest.calls import is_call_id
from ingest.counts import Counts
from ingest.envelope import Source
from ingest.heads import Asked, RawHeaders, Refusal
from ingest.http_end import HttpEnd
from ingest.markers import CallIncoming, CallSteered, LimitReached, SessionOpened
from ingest.sideband import Call, Follower
from ingest.sidebands import Sidebands
from ingest.sip_headers import Discretion, SipHeader
from ingest.splice import Ending
from ingest.steering import Steering
from ingest.warden import Warden
from ingest.webhooks import Delivered, Receiver

INCOMING = "realtime.call.incoming"
PLACE = "/v1/realtime"
BODY_MAX_BYTES = 1 << 18
RINGS_SECONDS = 120.0
"""How long somebody may take to accept a call before it is given up. Where a call is not accepted, nothing tells us."""
ACCEPTED_SECONDS = 15.0
BUSY_HERE = 486
ANYBODY = "*"

log = structlog.get_logger("calltape.ingest")


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with calls to one number."""

    action: Literal["accept", "reject"]
    session: Mapping[str, Any] = {}
    """accept: the session, as the API takes it."""
    status_code: int = 603
    """reject: the SIP status."""


class _Announced(msgspec.Struct):
    call_id: str
    sip_headers: Any = None
    sip_media_security: Any = None

    def __post_init__(self) -> None:
        if not is_call_id(self.call_id):
            raise ValueError("no id of a call")

    def headers(self) -> list[SipHeader]:
        """Those that are some: a call is followed whatever its headers look like."""
        listed = self.sip_headers if isinstance(self.sip_headers, list) else []
        pairs = ((each.get("name"), each.get("value")) for each in listed if isinstance(each, dict))
        return [SipHeader(name, value) for name, value in pairs if isinstance(name, str) and isinstance(value, str)]


class _Event(msgspec.Struct):
    type: str = ""
    id: str = ""
    created_at: int | None = None


class _Incoming(msgspec.Struct):
    data: _Announced


class Telephone(msgspec.Struct, frozen=True, kw_only=True):
    """Receives webhooks."""

    path: str
    receiver: Receiver
    decisions: Mapping[str, Decision]
    """By the number called; `*` any other. Empty: somebody else decides."""
    discretion: Discretion
    credentials: RawHeaders
    upstream_host: str
    sidebands: Sidebands
    steering: Steering
    warden: Warden
    counts: Counts

    async def receive(self, client: HttpEnd, asked: Asked) -> None:
        """Answer one webhook, then do what it asks for. A wrong one is refused, and changes nothing."""
        body = await _body(client)
        if isinstance(body, Refusal):
            await self._refuse(client, body)
            return
        delivered = self.receiver.take(asked.headers, body, time.time())
        if isinstance(delivered, Refusal):
            await self._refuse(client, delivered)
            return
        try:
            event = msgspec.json.decode(body, type=_Event)
            incoming = msgspec.json.decode(body, type=_Incoming).data if event.type == INCOMING else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            await self._refuse(
                client, Refusal(status=400, code="webhook_unreadable", message="not an event of the API")
            )
            return
        self.counts.webhooks_received += 1
        followed = self._follow(asked, event, incoming, delivered)
        await client.answer(200)
        if incoming is None or followed is None:
            return
        if isinstance(followed, LimitReached):
            busy = {"status_code": BUSY_HERE}
            await self.steering.do("reject", PLACE, incoming.call_id, self.credentials, busy)
        else:
            await self._decide(followed, self._decision(incoming))

    def _follow(
        self, asked: Asked, event: _Event, incoming: _Announced | None, delivered: Delivered
    ) -> Follower | LimitReached | None:
        """Follow the call; None where there is none to follow, or it is followed already."""
        if incoming is None or delivered.again:
            return None
        decision = self._decision(incoming)
        model = decision.session.get("model") if decision else None
        opened = SessionOpened(
            mode="sideband",
            path=asked.target,
            model=model if isinstance(model, str) else None,
            headers=asked.headers,
            upstream_host=self.upstream_host,
            call_id=incoming.call_id,
            transport="sip",
        )
        announced = CallIncoming(
            event_id=event.id,
            created_at=event.created_at,
            media_security=incoming.sip_media_security if isinstance(incoming.sip_media_security, str) else "",
            sip_headers=sip_headers.kept(incoming.headers(), self.discretion),
        )
        call = Call(
            call_id=incoming.call_id,
            place=PLACE,
            credentials=self.credentials,
            attach_seconds=ACCEPTED_SECONDS if self.decisions else RINGS_SECONDS,
        )
        # A call that somebody else decides about is not ours to refuse; it takes a place all the same.
        place = self.warden.enter(None, refusable=bool(self.decisions))
        if isinstance(place, LimitReached):
            self.sidebands.refuse(opened, [announced], place)
            return place
        followed = self.sidebands.follow(call, opened, [announced], place)
        if followed is None:
            self.warden.leave(place)
        return followed

    def _decision(self, incoming: _Announced) -> Decision | None:
        """What was configured for the number called; None where somebody else decides."""
        return self.decisions.get(sip_headers.called(incoming.headers())) or self.decisions.get(ANYBODY)

    async def _decide(self, follower: Follower, decision: Decision | None) -> None:
        if decision is None:
            return
        accepts = decision.action == "accept"
        body = {"type": "realtime", **decision.session} if accepts else {"status_code": decision.status_code}
        call_id = follower.call.call_id
        status = await self.steering.do(decision.action, PLACE, call_id, self.credentials, body)
        detail = "" if accepts else str(decision.status_code)
        self.sidebands.mark(call_id, CallSteered(action=decision.action, by="policy", status=status, detail=detail))
        done = status is not None and status < 300  # noqa: PLR2004  # all of 2xx
        if not done:
            log.warning("call not decided about", action=decision.action, status=status)
            reason = f"{decision.action} failed: HTTP {status}" if status else f"{decision.action} failed: no answer"
            follower.end(Ending(closed_by=Source.SERVER, code=None, reason=reason))
        elif not accepts:
            reason = f"rejected with {decision.status_code} by policy"
            follower.end(Ending(closed_by=Source.RECORDER, code=None, reason=reason))

    async def _refuse(self, client: HttpEnd, refusal: Refusal) -> None:
        self.counts.webhooks_refused += 1
        log.warning("webhook refused", code=refusal.code)
        await client.refuse(refusal)


async def _body(client: HttpEnd) -> bytes | Refusal:
    parts: list[bytes] = []
    size = 0
    while isinstance(event := await client.happening(), h11.Data):
        size += len(event.data)
        if size > BODY_MAX_BYTES:
            return Refusal(status=413, code="webhook_too_large", message=f"more than {BODY_MAX_BYTES} bytes")
        parts.append(bytes(event.data))
    return b"".join(parts)
