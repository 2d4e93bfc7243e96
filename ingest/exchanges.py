"""What happens to a request that becomes no WebSocket: a webhook, a browser's question, or one to pass on."""

import asyncio

import h11

from ingest import call_watching, calls, cors, heads
from ingest.call_watching import Watch
from ingest.dialing import Unreachable, refusal_of
from ingest.heads import Admission, Asked, Refusal
from ingest.http_end import HttpEnd
from ingest.markers import LimitReached
from ingest.parts import Parts
from ingest.passthrough import pass_through
from ingest.refusals import refused_by
from ingest.warden import Guarded

WEBHOOK_SECONDS = 10.0
"""A webhook has this long to come in."""


def is_ours(asked: Asked, parts: Parts) -> bool:
    """Whether the worker answers by itself: nobody's key is needed, and nothing goes on."""
    return _is_webhook(asked, parts) or (bool(parts.rules.cors_origins) and cors.is_preflight(asked))


async def answer(client: HttpEnd, asked: Asked, parts: Parts) -> None:
    """Answer a request of which `is_ours` is true."""
    if parts.telephone is None or not _is_webhook(asked, parts):
        await client.send(cors.preflight_answer(asked, parts.rules.cors_origins), h11.EndOfMessage())
        await client.wire.finish()
        return
    try:
        async with asyncio.timeout(WEBHOOK_SECONDS + parts.dialer.timeout_seconds):
            await parts.telephone.receive(client, asked)
    except TimeoutError:
        parts.counts.webhooks_refused += 1


async def exchange(client: HttpEnd, asked: Asked, admission: Admission, parts: Parts) -> None:
    """Pass a request on, and its answer back. Its bodies are not recorded; a call that it begins is followed."""
    parts.counts.http_requests += 1
    allowed = cors.grant(asked, parts.rules.cors_origins)
    place = _place(asked, admission, parts)
    if isinstance(place, LimitReached):
        refused = call_watching.opened(asked, admission, parts.rules, parts.watching)
        parts.sidebands.refuse(refused, [], place)
        await client.refuse(refused_by(place), allowed)
        return
    try:
        await _exchange(client, asked, admission, place, parts)
    finally:
        if place is not None and not place.session_id:
            parts.warden.leave(place)


def _place(asked: Asked, admission: Admission, parts: Parts) -> Guarded | LimitReached | None:
    """A place for the call that this request may begin; None where it begins none, or calls are not followed."""
    if parts.watching.sidebands is None or not calls.may_create(asked):
        return None
    return parts.warden.enter(admission.relay_key or parts.watching.minted.find(asked.key).relay_key)


async def _exchange(client: HttpEnd, asked: Asked, admission: Admission, place: Guarded | None, parts: Parts) -> None:
    rules = heads.rules_for(admission, parts.rules)
    allowed = cors.grant(asked, rules.cors_origins)
    try:
        upstream = await parts.dialer.dial()
    except Unreachable as error:
        parts.counts.dials_failed += 1
        await client.refuse(refusal_of(error), allowed)
        return
    try:
        request = heads.plain_request(asked, rules)
        watch = Watch(asked, admission, request, parts.rules, parts.watching, place=place)
        await pass_through(client, HttpEnd(upstream, h11.CLIENT), request, watch)
    except h11.RemoteProtocolError as error:
        message = f"{rules.upstream.authority}: {error}"
        await client.refuse(Refusal(status=502, code="upstream_not_http", message=message), allowed)
    finally:
        upstream.transport.close()
    await client.wire.finish()


def _is_webhook(asked: Asked, parts: Parts) -> bool:
    return parts.telephone is not None and asked.method == b"POST" and asked.path == parts.telephone.path
