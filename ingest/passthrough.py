"""One HTTP exchange passed on: body up, answer down, both as they come. Nothing of it is recorded."""

import asyncio
import contextlib

import h11

from ingest import heads
from ingest.http_end import Happening, HttpEnd


async def pass_through(client: HttpEnd, upstream: HttpEnd, request: h11.Request) -> None:
    """Send the request on and the answer back. Raises h11.RemoteProtocolError where the upstream answers no HTTP.

    There is no limit of time: how long an answer may take is the client's to know, and its leaving ends the exchange.
    """
    client.wire.when_lost(upstream.wire.transport.abort)
    await upstream.send(request)
    body = asyncio.ensure_future(_pass_body(client, upstream))
    try:
        await pass_answer(client, upstream, await upstream.happening())
    finally:
        body.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await body


async def pass_answer(client: HttpEnd, upstream: HttpEnd, head: Happening) -> None:
    """Send the upstream's answer on, of which the head was read already; interim answers may precede it."""
    event = head
    while isinstance(event, h11.InformationalResponse | h11.Response | h11.Data):
        await client.send(heads.plain_answer(event) if isinstance(event, h11.Response) else event)
        event = await upstream.happening()
    if isinstance(event, h11.EndOfMessage):
        await client.send(event)


async def _pass_body(client: HttpEnd, upstream: HttpEnd) -> None:
    try:
        while isinstance(event := await client.happening(), h11.Data):
            await upstream.send(event)
        if isinstance(event, h11.EndOfMessage):
            await upstream.send(event)
    except (h11.RemoteProtocolError, ConnectionError):
        # Half a request: the upstream must not take it for a whole one.
        upstream.wire.transport.abort()
