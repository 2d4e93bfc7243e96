"""The driver's connection to the upstream: a WebSocket of which both directions are recorded as they pass."""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import CloseCode

from ingest.envelope import Source
from ingest.frames import NO_STATUS, VANISHED
from ingest.markers import SessionOpened, UpstreamConnected
from ingest.messages import SeenMessage
from ingest.recording import Recorder
from ingest.session_recording import SessionRecording
from ingest.upstream import Upstream

MESSAGE_MAX_BYTES = 24 << 20
"""What the API can send at most, with the envelope around it; as the relay's own default."""

Event = dict[str, Any]


class Refused(Exception):
    """The upstream took no session; the message says what it answered instead."""

    def __init__(self, message: str, session_id: str) -> None:
        super().__init__(message)
        self.session_id = session_id


class HungUp(Exception):
    """The upstream ended the session, which was not over."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where sessions are held, and how they say who they are."""

    url: str
    """Such as `wss://api.openai.com/v1`."""
    headers: dict[str, str]
    dial_seconds: float = 10.0

    def address(self, path: str) -> str:
        """The URL of a path of the API, such as `/v1/realtime?model=...`."""
        upstream = Upstream.of(self.url)
        return f"{'wss' if upstream.tls else 'ws'}://{upstream.authority}{upstream.target(path)}"


class Line:
    """One session's connection. What it sends and receives is in the log before anybody acts on it."""

    def __init__(self, socket: ClientConnection, recording: SessionRecording) -> None:
        self._socket = socket
        self._recording = recording

    @property
    def session_id(self) -> str:
        return self._recording.session_id

    async def send(self, event: Event) -> None:
        """Record an event and send it. Raises HungUp."""
        data = msgspec.json.encode(event)
        self._recording.see(Source.CLIENT, [SeenMessage(data, False)])
        try:
            await self._socket.send(data, text=True)
        except ConnectionClosed as closed:
            raise HungUp(_ending(closed)) from closed

    async def receive(self) -> Event:
        """The next event; an empty one where the upstream sent something that is none. Raises HungUp."""
        try:
            message = await self._socket.recv()
        except ConnectionClosed as closed:
            raise HungUp(_ending(closed)) from closed
        binary = isinstance(message, bytes)
        data = message if isinstance(message, bytes) else message.encode()
        self._recording.see(Source.SERVER, [SeenMessage(data, binary)])
        with contextlib.suppress(msgspec.DecodeError):
            event = msgspec.json.decode(data)
            if isinstance(event, dict):
                return event
        return {}

    async def hang_up(self) -> None:
        """End the session, where the upstream has not, and say in the log how it ended."""
        await self._socket.close(CloseCode.NORMAL_CLOSURE)
        ended = self._socket.protocol
        if ended.close_rcvd_then_sent is False and ended.close_sent is not None:
            self._recording.close(Source.CLIENT, ended.close_sent.code, "")
        elif ended.close_rcvd is not None:
            self._recording.close(Source.SERVER, ended.close_rcvd.code, ended.close_rcvd.reason)
        else:
            self._recording.close(Source.SERVER, VANISHED, "")


@contextlib.asynccontextmanager
async def dialed(target: Target, path: str, recorder: Recorder, opened: SessionOpened) -> AsyncIterator[Line]:
    """A connection that is recorded from its request to its end, however it ends. Raises Refused."""
    recording = recorder.open(opened)
    try:
        began = time.monotonic()
        try:
            socket = await connect(
                target.address(path),
                additional_headers=target.headers,
                compression=None,  # base64 audio hardly shrinks
                max_size=MESSAGE_MAX_BYTES,
                open_timeout=target.dial_seconds,
                proxy=None,  # as the relay dials
            )
        except (OSError, InvalidHandshake, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            recording.close(Source.SERVER, None, reason)
            raise Refused(f"{target.url}: {reason}", recording.session_id) from error
        assert socket.response is not None, "the handshake is over"
        dial_ms = round((time.monotonic() - began) * 1000, 3)
        recording.upstream_connected(UpstreamConnected(dial_ms=dial_ms, headers=dict(socket.response.headers)))
        line = Line(socket, recording)
        try:
            yield line
        finally:
            await line.hang_up()
    finally:
        recording.close(Source.RECORDER, None, "the driver ended")  # where nothing else has ended it


def _ending(closed: ConnectionClosed) -> str:
    if closed.rcvd is None:
        return "the connection was lost"
    code = NO_STATUS if closed.rcvd.code is None else closed.rcvd.code
    return f"the server hung up: {code} {closed.rcvd.reason}".rstrip()
