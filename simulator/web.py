"""HTTP beside WebSockets: one request and its answer, and one POST of our own. Decides nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

import h11
import msgspec

BODY_MAX_BYTES = 4 << 20
REQUEST_SECONDS = 10.0


class WebRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request, whole."""

    method: str
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class WebAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


Respond = Callable[[WebRequest], Awaitable[WebAnswer]]


async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """The status that a POST was answered with; 0 where there was none."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    target = parts.path or "/"
    sent = {"Host": parts.netloc, "Content-Length": str(len(body)), "Connection": "close", **headers}
    http = h11.Connection(h11.CLIENT)
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
            request = h11.Request(method="POST", target=target, headers=list(sent.items()))
            for event in (request, h11.Data(data=body), h11.EndOfMessage()):
                writer.write(http.send(event) or b"")
            while (answered := http.next_event()) is h11.NEED_DATA:
                http.receive_data(await reader.read(1 << 16))
            writer.close()
    except (OSError, TimeoutError, h11.RemoteProtocolError):
        return 0
    return answered.status_code if isinstance(answered, h11.Response) else 0


class WebExchange(asyncio.Protocol):
    """Reads one request, answers it, closes."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # Half a request would otherwise wait for ever.
        self._late = asyncio.get_running_loop().call_later(REQUEST_SECONDS, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            self._read()
        except h11.RemoteProtocolError:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._late.cancel()

    def _read(self) -> None:
        while True:
            match event := self._http.next_event():
                case h11.NEED_DATA | h11.PAUSED:
                    return
                case h11.Request():
                    self._request = event
                case h11.Data():
                    self._body += event.data
                    if len(self._body) > BODY_MAX_BYTES:
                        self._transport.close()
                        return
                case h11.EndOfMessage() if self._request is not None:
                    self._late.cancel()
                    self._answering = asyncio.ensure_future(self._answer(self._request))
                    return
                case _:
                    self._transport.close()
                    return

    async def _answer(self, asked: h11.Request) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in asked.headers}
        request = WebRequest(
            method=asked.method.decode(), target=asked.target.decode("latin-1"), headers=headers, body=bytes(self._body)
        )
        answer = await self._respond(request)
        sent = {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}
        head = h11.Response(status_code=answer.status, headers=list(sent.items()))
        for event in (head, h11.Data(data=answer.body), h11.EndOfMessage()):
            self._transport.write(self._http.send(event) or b"")
        self._transport.close()
