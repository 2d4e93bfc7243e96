"""What happens on one connection from a client: admitted or refused, passed on as HTTP, or spliced as a call."""

import asyncio
import contextlib
import time

import h11
import structlog

from ingest import cors, exchanges, heads
from ingest.dialing import Unreachable, refusal_of
from ingest.envelope import Source
from ingest.frames import VANISHED
from ingest.heads import Admission, Asked, Refusal, Rules
from ingest.http_end import HttpEnd
from ingest.limits import CLOSE_CODES, words
from ingest.markers import LimitReached, SessionOpened, UpstreamConnected
from ingest.observer import Observer
from ingest.parts import Parts
from ingest.passthrough import pass_answer
from ingest.recordings import Recording
from ingest.refusals import refused_by
from ingest.rewriting import Rewriting
from ingest.splice import Ending, Leg, Splice
from ingest.warden import Guarded
from ingest.wire import Wire

_SWITCHING = 101
HEAD_SECONDS = 10.0
"""A client that has connected has this long to say what it wants."""

log = structlog.get_logger("calltape.ingest")


async def converse(wire: Wire, parts: Parts) -> None:
    """Serve one connection to its end."""
    client = HttpEnd(wire, h11.SERVER)
    try:
        asked = await _asked(client)
        if asked is None:
            return
        if exchanges.is_ours(asked, parts):
            await exchanges.answer(client, asked, parts)
            return
        admitted = heads.admit(asked, parts.rules)
        if isinstance(admitted, Refusal):
            parts.counts.clients_refused += 1
            await client.refuse(admitted, cors.grant(asked, parts.rules.cors_origins))
        elif asked.upgrades:
            await _session(client, asked, admitted, parts)
        else:
            await exchanges.exchange(client, asked, admitted, parts)
    except (h11.RemoteProtocolError, ConnectionError):
        # The peer is gone, or talks something else than HTTP: there is nobody to tell.
        return
    finally:
        wire.transport.close()


async def _asked(client: HttpEnd) -> Asked | None:
    """The request's head; None where there is nothing to serve."""
    try:
        async with asyncio.timeout(HEAD_SECONDS):
            request = await client.happening()
    except TimeoutError:
        return None
    except h11.RemoteProtocolError as error:
        await client.refuse(Refusal(status=error.error_status_hint, code="bad_request", message=str(error)))
        return None
    return Asked.of(request) if isinstance(request, h11.Request) else None


async def _session(client: HttpEnd, asked: Asked, admission: Admission, parts: Parts) -> None:
    """A call, recorded from its request to its end, however it ends."""
    parts.counts.sessions_opened += 1
    parts.counts.sessions_open += 1
    relay_key = admission.relay_key or parts.watching.minted.find(asked.key).relay_key
    recording = parts.recordings.open(_opened(asked, relay_key, parts))
    log.info("session opened", session=recording.session_id, relay_key=relay_key)
    ending = Ending(closed_by=Source.RECORDER, code=VANISHED, reason="relay failed")
    # A sideband of the client's belongs to a call that has its place already.
    guarded = parts.warden.enter(relay_key, refusable=asked.call_id is None)
    try:
        if isinstance(guarded, LimitReached):
            ending = await _one_too_many(client, asked, guarded, recording, parts)
        else:
            rules = heads.rules_for(admission, parts.rules)
            ending = await _call(client, asked, rules, recording, guarded=guarded, parts=parts)
    except (h11.RemoteProtocolError, ConnectionError):
        ending = Ending(closed_by=Source.CLIENT, code=VANISHED)
    finally:
        if isinstance(guarded, Guarded):
            parts.warden.leave(guarded)
        parts.counts.sessions_open -= 1
        parts.recordings.close(recording, ending.closed_by, ending.code, ending.reason)
        log.info("session closed", session=recording.session_id, by=str(ending.closed_by), code=ending.code)


async def _one_too_many(
    client: HttpEnd, asked: Asked, reached: LimitReached, recording: Recording, parts: Parts
) -> Ending:
    parts.counts.sessions_limited += 1
    parts.recordings.mark(recording, reached)
    await client.refuse(refused_by(reached), cors.grant(asked, parts.rules.cors_origins))
    return Ending(closed_by=Source.RECORDER, code=None, reason=words(reached))


def _opened(asked: Asked, relay_key: str | None, parts: Parts) -> SessionOpened:
    return SessionOpened(
        mode="sideband" if asked.call_id else "relay",
        path=asked.target,
        model=asked.model,
        headers=asked.headers,
        upstream_host=parts.rules.upstream.authority,
        relay_key=relay_key,
        call_id=asked.call_id,
        beta="translate" if heads.speaks_beta(asked, parts.rules) else None,
    )


async def _call(
    client: HttpEnd, asked: Asked, rules: Rules, recording: Recording, *, guarded: Guarded, parts: Parts
) -> Ending:
    """Dial, shake hands through, and splice. Nothing is answered before the upstream has answered."""
    began = time.monotonic()
    dialed: Wire | None = None
    try:
        dialed = await parts.dialer.dial()
        upstream = HttpEnd(dialed, h11.CLIENT)
        answer = await _upgraded(client, upstream, heads.upgrade_request(asked, rules), parts)
        if not isinstance(answer, h11.InformationalResponse):
            parts.counts.sessions_refused += 1
            await _pass_refusal(client, upstream, answer)
            return Ending(closed_by=Source.SERVER, code=None, reason=f"HTTP {answer.status_code}")
        dial_ms = round((time.monotonic() - began) * 1000, 3)
        parts.recordings.connected(recording, _connected(answer, dial_ms))
        # The client's own sideband says more than ours, and a call must not be counted twice.
        parts.sidebands.step_down(asked.call_id)
        await client.send(heads.upgrade_answer(answer, asked))
        join = _rewrite if heads.speaks_beta(asked, rules) else _join
        return await _joined(join(client, upstream, recording, parts), recording, guarded, parts)
    except Unreachable as error:
        parts.counts.dials_failed += 1
        log.warning("upstream not reached", session=recording.session_id, fault=str(error))
        with contextlib.suppress(ConnectionError):
            await client.refuse(refusal_of(error))
        return Ending(closed_by=Source.SERVER, code=None, reason=str(error))
    finally:
        if dialed is not None:
            dialed.transport.close()


async def _upgraded(
    client: HttpEnd, upstream: HttpEnd, request: h11.Request, parts: Parts
) -> h11.InformationalResponse | h11.Response:
    """The upstream's answer to the upgrade. Raises Unreachable where it gives none."""
    try:
        async with asyncio.timeout(parts.dialer.timeout_seconds):
            while await client.happening() is not h11.PAUSED:
                pass
            await upstream.send(request, h11.EndOfMessage())
            return await _final_answer(upstream, parts.rules.upstream.authority)
    except TimeoutError as error:
        raise parts.dialer.late() from error


async def _final_answer(upstream: HttpEnd, name: str) -> h11.InformationalResponse | h11.Response:
    try:
        while True:
            event = await upstream.happening()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse):
                if event.status_code == _SWITCHING:
                    return event
                continue
            raise Unreachable(f"{name} closed the connection without an answer", timed_out=False)
    except (h11.RemoteProtocolError, ConnectionError) as error:
        raise Unreachable(f"{name} answered no HTTP: {error}", timed_out=False) from error


async def _pass_refusal(client: HttpEnd, upstream: HttpEnd, answer: h11.Response) -> None:
    await pass_answer(client, upstream, answer)
    await client.wire.finish()


async def _joined(splice: Splice | Rewriting, recording: Recording, guarded: Guarded, parts: Parts) -> Ending:
    """A call in progress, to its end."""

    def end(reached: LimitReached) -> None:
        parts.counts.sessions_limited += 1
        parts.recordings.mark(recording, reached)
        splice.close(CLOSE_CODES[reached.limit], words(reached))

    guarded.runs(recording.session_id, lambda: splice.events_seen, end)
    parts.splices.add(splice)
    try:
        await splice.finished
    finally:
        parts.splices.discard(splice)
    assert splice.ending is not None, "a splice finished without an ending"
    return splice.ending


def _rewrite(client: HttpEnd, upstream: HttpEnd, recording: Recording, parts: Parts) -> Rewriting:
    """Join both connections message by message, where the client speaks another shape than the upstream."""
    return Rewriting(
        client,
        upstream,
        recording,
        recordings=parts.recordings,
        counts=parts.counts,
        message_max_bytes=parts.message_max_bytes,
    )


def _join(client: HttpEnd, upstream: HttpEnd, recording: Recording, parts: Parts) -> Splice:
    """Make both connections legs of one splice, and forward what had come behind the handshake."""
    legs = [
        Leg(end.wire.transport, Observer(source, recording, parts.counts, parts.message_max_bytes))
        for end, source in ((client, Source.CLIENT), (upstream, Source.SERVER))
    ]
    splice = Splice(*legs)
    for end, leg in zip((client, upstream), legs, strict=True):
        end.wire.transport.set_protocol(leg)
        early = end.rest()
        if early:
            leg.data_received(early)
        if end.wire.ended:
            leg.eof_received()
        if end.wire.lost:
            leg.connection_lost(None)
    return splice


def _connected(answer: h11.InformationalResponse, dial_ms: float) -> UpstreamConnected:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
    compressed = "permessage-deflate" in headers.get("sec-websocket-extensions", "")
    return UpstreamConnected(dial_ms=dial_ms, headers=headers, compressed=compressed)
