"""What happens on one connection from a client: admitted or refused, passed on as HTTP, or spliced as a call."""

import asyncio
import contextlib
import time

import h11
import msgspec
import structlog

from ingest import heads
from ingest.counts import Counts
from ingest.dialing import Dialer, Unreachable
from ingest.envelope import Source
from ingest.frames import VANISHED
from ingest.heads import Asked, Refusal, Rules
from ingest.http_end import HttpEnd
from ingest.markers import SessionOpened, UpstreamConnected
from ingest.observer import Observer
from ingest.passthrough import pass_answer, pass_through
from ingest.recordings import Recording, Recordings
from ingest.splice import Ending, Leg, Splice
from ingest.wire import Wire

_SWITCHING = 101
HEAD_SECONDS = 10.0
"""A client that has connected has this long to say what it wants."""

log = structlog.get_logger("calltape.ingest")


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What all conversations of a worker share."""

    rules: Rules
    dialer: Dialer
    recordings: Recordings
    counts: Counts
    splices: set[Splice]
    """The calls in progress."""
    message_max_bytes: int


async def converse(wire: Wire, parts: Parts) -> None:
    """Serve one connection to its end."""
    client = HttpEnd(wire, h11.SERVER)
    try:
        asked = await _asked(client)
        if asked is None:
            return
        admitted = heads.admit(asked, parts.rules)
        if isinstance(admitted, Refusal):
            parts.counts.clients_refused += 1
            await client.refuse(admitted)
        elif asked.upgrades:
            await _session(client, asked, admitted.relay_key, parts)
        else:
            await _http(client, asked, parts)
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


async def _http(client: HttpEnd, asked: Asked, parts: Parts) -> None:
    """A request that is not a call: passed on, answered, not recorded."""
    parts.counts.http_requests += 1
    try:
        upstream = await parts.dialer.dial()
    except Unreachable as error:
        parts.counts.dials_failed += 1
        await client.refuse(_unreachable(error))
        return
    try:
        await pass_through(client, HttpEnd(upstream, h11.CLIENT), heads.plain_request(asked, parts.rules))
    except h11.RemoteProtocolError as error:
        await client.refuse(
            Refusal(status=502, code="upstream_not_http", message=f"{parts.rules.upstream.authority}: {error}")
        )
    finally:
        upstream.transport.close()
    await client.wire.finish()


async def _session(client: HttpEnd, asked: Asked, relay_key: str | None, parts: Parts) -> None:
    """A call, recorded from its request to its end, however it ends."""
    parts.counts.sessions_opened += 1
    parts.counts.sessions_open += 1
    recording = parts.recordings.open(_opened(asked, relay_key, parts))
    log.info("session opened", session=recording.session_id, relay_key=relay_key)
    ending = Ending(closed_by=Source.RECORDER, code=VANISHED, reason="relay failed")
    try:
        ending = await _call(client, asked, recording, parts)
    except (h11.RemoteProtocolError, ConnectionError):
        ending = Ending(closed_by=Source.CLIENT, code=VANISHED)
    finally:
        parts.counts.sessions_open -= 1
        parts.recordings.close(recording, ending.closed_by, ending.code, ending.reason)
        log.info("session closed", session=recording.session_id, by=str(ending.closed_by), code=ending.code)


def _opened(asked: Asked, relay_key: str | None, parts: Parts) -> SessionOpened:
    return SessionOpened(
        mode="relay",
        path=asked.target,
        model=asked.model,
        headers=asked.headers,
        upstream_host=parts.rules.upstream.authority,
        relay_key=relay_key,
    )


async def _call(client: HttpEnd, asked: Asked, recording: Recording, parts: Parts) -> Ending:
    """Dial, shake hands through, and splice. Nothing is answered before the upstream has answered."""
    began = time.monotonic()
    dialed: Wire | None = None
    try:
        dialed = await parts.dialer.dial()
        upstream = HttpEnd(dialed, h11.CLIENT)
        answer = await _upgraded(client, upstream, asked, parts)
        if not isinstance(answer, h11.InformationalResponse):
            parts.counts.sessions_refused += 1
            await _pass_refusal(client, upstream, answer)
            return Ending(closed_by=Source.SERVER, code=None, reason=f"HTTP {answer.status_code}")
        dial_ms = round((time.monotonic() - began) * 1000, 3)
        parts.recordings.connected(recording, _connected(answer, dial_ms))
        return await _spliced(client, upstream, heads.upgrade_answer(answer, asked), recording, parts)
    except Unreachable as error:
        parts.counts.dials_failed += 1
        log.warning("upstream not reached", session=recording.session_id, fault=str(error))
        with contextlib.suppress(ConnectionError):
            await client.refuse(_unreachable(error))
        return Ending(closed_by=Source.SERVER, code=None, reason=str(error))
    finally:
        if dialed is not None:
            dialed.transport.close()


async def _upgraded(
    client: HttpEnd, upstream: HttpEnd, asked: Asked, parts: Parts
) -> h11.InformationalResponse | h11.Response:
    """The upstream's answer to the upgrade. Raises Unreachable where it gives none."""
    try:
        async with asyncio.timeout(parts.dialer.timeout_seconds):
            while await client.happening() is not h11.PAUSED:
                pass
            await upstream.send(heads.upgrade_request(asked, parts.rules), h11.EndOfMessage())
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


async def _spliced(
    client: HttpEnd, upstream: HttpEnd, answer: h11.InformationalResponse, recording: Recording, parts: Parts
) -> Ending:
    await client.send(answer)
    splice = _join(client, upstream, recording, parts)
    parts.splices.add(splice)
    try:
        await splice.finished
    finally:
        parts.splices.discard(splice)
    assert splice.ending is not None, "a splice finished without an ending"
    return splice.ending


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


def _unreachable(error: Unreachable) -> Refusal:
    code = "upstream_timeout" if error.timed_out else "upstream_unreachable"
    return Refusal(status=504 if error.timed_out else 502, code=code, message=f"upstream {error}")
