"""Attaching to a call that goes on elsewhere, by its id. The only file that uses the `websockets` client."""

import ssl
from typing import Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from ingest.dialing import fault
from ingest.frames import VANISHED, CloseFrame
from ingest.heads import RawHeaders
from ingest.messages import SeenMessage
from ingest.redaction import safe_reason
from ingest.upstream import Upstream

PING_SECONDS = 20.0
PONG_SECONDS = 40.0
"""A sideband is silent for long; only its pongs say that the other side is still there."""
CLOSE_SECONDS = 2.0
_NOT_FOUND = 404
_FOR_GOOD = frozenset({400, 401, 403})


class NotAttached(Exception):
    """The call could not be attached to; the message says why, without secrets."""

    def __init__(self, message: str, *, not_found: bool = False, for_good: bool = False) -> None:
        super().__init__(message)
        self.not_found = not_found
        """The upstream knows no such call: not yet, or not any more."""
        self.for_good = for_good
        """Trying again would bring the same."""


class Detached(Exception):
    """The sideband is over; `closed` says how."""

    def __init__(self, closed: CloseFrame) -> None:
        super().__init__(f"{closed.code} {closed.reason}")
        self.closed = closed


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where sidebands attach, and how."""

    upstream: Upstream
    tls: ssl.SSLContext | None
    timeout_seconds: float
    message_max_bytes: int


class Attached:
    """A sideband under way."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        response = socket.response
        self.headers: dict[str, str] = dict(response.headers.raw_items()) if response else {}

    @classmethod
    async def to(cls, door: Door, place: str, call_id: str, headers: RawHeaders) -> Self:
        """Attach to a call at this path. Raises NotAttached."""
        scheme, target = "wss" if door.upstream.tls else "ws", f"{place}?call_id={call_id}"
        try:
            socket = await connect(
                f"{scheme}://{door.upstream.authority}{target}",
                additional_headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
                ssl=door.tls,
                # As the relay's own connections: straight to the upstream, whatever the environment says of proxies.
                proxy=None,
                compression=None,
                open_timeout=door.timeout_seconds,
                ping_interval=PING_SECONDS,
                ping_timeout=PONG_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=door.message_max_bytes,
                user_agent_header="calltape",
            )
        except InvalidStatus as error:
            raise _refused(error) from error
        except TimeoutError as error:
            raise NotAttached(f"{door.upstream.authority}: no answer in {door.timeout_seconds:g} s") from error
        except OSError as error:
            raise NotAttached(f"{door.upstream.authority}: {fault(error)}") from error
        except InvalidHandshake as error:
            raise NotAttached(f"{door.upstream.authority}: no WebSocket: {safe_reason(str(error))}") from error
        return cls(socket)

    async def next(self) -> SeenMessage:
        """The next message, as it was sent. Raises Detached."""
        try:
            message = await self._socket.recv()
        except ConnectionClosed as closed:
            raise Detached(_close_frame(closed)) from closed
        if isinstance(message, str):
            return SeenMessage(message.encode(), False)
        return SeenMessage(message, True)

    async def send(self, message: str) -> None:
        """Say something of our own. Raises Detached."""
        try:
            await self._socket.send(message)
        except ConnectionClosed as closed:
            raise Detached(_close_frame(closed)) from closed

    async def leave(self) -> None:
        """Detach; the call goes on."""
        await self._socket.close()


def _refused(error: InvalidStatus) -> NotAttached:
    status = error.response.status_code
    body = (error.response.body or b"")[:200].decode(errors="replace")
    code = "call_id_not_found" if "call_id_not_found" in body else ""
    return NotAttached(f"HTTP {status} {code}".rstrip(), not_found=status == _NOT_FOUND, for_good=status in _FOR_GOOD)


def _close_frame(closed: ConnectionClosed) -> CloseFrame:
    if closed.rcvd is not None:
        return CloseFrame(code=closed.rcvd.code, reason=closed.rcvd.reason)
    return CloseFrame(code=VANISHED)
