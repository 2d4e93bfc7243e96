"""One HTTP exchange passed on: body up, answer down, both as they come. Bodies are not recorded."""

import asyncio
import contextlib
from typing import Protocol

import h11

from ingest import heads
from ingest.http_end import Happening, HttpEnd


class Listening(Protocol):
    """Who reads along. None of its methods may raise, wait, or take long: the exchange is somebody's call."""

    def asked(self, data: bytes, /) -> None:
        """A piece of the request's body, before it is sent on."""

    def answered(self, answer: h11.Response, /) -> h11.Response:
        """The head of the answer, before it is sent back; and the head that goes back."""

    def answer_body(self, data: bytes, /) -> None:
        """A piece of the answer's body, before it is sent back."""


class Nobody:
    """Reads nothing."""

    def asked(self, data: bytes, /) -> None:
        pass

    def answered(self, answer: h11.Response, /) -> h11.Response:
        return answer

    def answer_body(self, data: bytes, /) -> None:
        pass


async def pass_through(client: HttpEnd, upstream: HttpEnd, request: h11.Request, listening: Listening) -> None:
    """Send the request on and the answer back. Raises h11.RemoteProtocolError where the upstream answers no HTTP.

    There is no limit of time: how long an answer may take is the client's to know, and its leaving ends the exchange.
    """
    client.wire.when_lost(upstream.wire.transport.abort)
    await upstream.send(request)
    body = asyncio.ensure_future(_pass_body(client, upstream, listening))
    try:
        await pass_answer(client, upstream, await upstream.happening(), listening)
    finally:
        body.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await body


async def pass_answer(client: HttpEnd, upstream: HttpEnd, head: Happening, listening: Listening | None = None) -> None:
    """Send the upstream's answer on, of which the head was read already; interim answers may precede it."""
    listening = listening or Nobody()
    event = head
    while isinstance(event, h11.InformationalResponse | h11.Response | h11.Data):
        if isinstance(event, h11.Response):
            event = heads.plain_answer(listening.answered(event))
        elif isinstance(event, h11.Data):
            listening.answer_body(event.data)
        await client.send(event)
        event = await upstream.happening()
    if isinstance(event, h11.EndOfMessage):
        await client.send(event)


async def _pass_body(client: HttpEnd, upstream: HttpEnd, listening: Listening) -> None:
    try:
        while isinstance(event := await client.happening(), h11.Data):
            listening.asked(event.data)
            await upstream.send(event)
        if isinstance(event, h11.EndOfMessage):
            await upstream.send(event)
    except (h11.RemoteProtocolError, ConnectionError):
        # Half a request: the upstream must not take it for a whole one.
        upstream.wire.transport.abort()
