"""Builders for the tests of calls: HTTP requests to a simulator, sidebands, and a WebRTC caller made of aiortc."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiortc import RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

WITHIN_S = 60
SK = {"Authorization": "Bearer sk-test"}


class Got(msgspec.Struct, frozen=True):
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def posted(
    url: str, body: bytes | dict[str, Any] = b"", headers: Mapping[str, str] = SK, method: str = "POST"
) -> Got:
    """The answer to a request, read to its end."""
    host, _, path = url.partition("://")[2].partition("/")
    name, _, port = host.partition(":")
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Host": host, "Content-Length": str(len(data)), "Content-Type": "application/json", **headers}
    reader, writer = await asyncio.open_connection(name, int(port))
    head = "".join(f"{key}: {value}\r\n" for key, value in sent.items())
    writer.write(f"{method} /{path} HTTP/1.1\r\n{head}\r\n".encode() + data)
    async with asyncio.timeout(WITHIN_S):
        answered = await reader.read()
    writer.close()
    top, _, rest = answered.partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return Got(int(status.split(" ")[1]), {key.lower(): value for key, value in pairs}, rest)


@asynccontextmanager
async def web_call(
    url: str, headers: Mapping[str, str] = SK, session: dict[str, Any] | None = None
) -> AsyncIterator["WebCall"]:
    """A WebRTC call without a microphone: what is typed into it goes over the data channel."""
    connection = RTCPeerConnection()
    try:
        call = WebCall(connection)
        connection.addTransceiver("audio", direction="sendrecv")
        await connection.setLocalDescription(await connection.createOffer())
        offer = connection.localDescription.sdp
        call.answer = await posted(url, *_request(offer, headers, session))
        if call.answer.status == 201:
            await connection.setRemoteDescription(RTCSessionDescription(sdp=call.answer.body.decode(), type="answer"))
        yield call
    finally:
        await connection.close()


def _request(offer: str, headers: Mapping[str, str], session: dict[str, Any] | None) -> tuple[bytes, Mapping[str, str]]:
    if session is None:
        return offer.encode(), {**headers, "Content-Type": "application/sdp"}
    parts = (("sdp", "application/sdp", offer), ("session", "application/json", json.dumps(session)))
    text = "".join(
        f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {kind}\r\n\r\n{body}\r\n'
        for name, kind, body in parts
    )
    return f"{text}--xyz--\r\n".encode(), {**headers, "Content-Type": "multipart/form-data; boundary=xyz"}


class WebCall:
    """The caller's side."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self.answer = Got(0, {}, b"")
        self.types: list[str] = []
        self._channel = connection.createDataChannel("oai-events")
        self._opened = asyncio.Event()
        self._news = asyncio.Event()
        self._channel.on("open", self._opened.set)
        self._channel.on("message", self._got)

    @property
    def call_id(self) -> str:
        return self.answer.headers["location"].rpartition("/")[2]

    async def send(self, kind: str, **fields: Any) -> None:
        async with asyncio.timeout(WITHIN_S):
            await self._opened.wait()
        self._channel.send(json.dumps({"type": kind, **fields}))

    async def ask(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self.send("response.create")

    async def until(self, kind: str) -> None:
        async with asyncio.timeout(WITHIN_S):
            while kind not in self.types:
                self._news.clear()
                await self._news.wait()

    def _got(self, message: str) -> None:
        self.types.append(json.loads(message)["type"])
        self._news.set()


async def attached(url: str, headers: Mapping[str, str] = SK) -> ClientConnection:
    """A sideband, as soon as the call can be found."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                return await connect(url, additional_headers=headers)
            except InvalidStatus as refusal:
                if refusal.response.status_code != 404:
                    raise
                await asyncio.sleep(0.02)  # what is tested is exactly that one has to try again
