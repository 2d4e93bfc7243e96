"""A connection while HTTP is spoken on it: its bytes wait, within a bound, until they are asked for."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import cast

_PENDING_MAX_BYTES = 1 << 16
"""A peer that sends more before anybody reads is not read from; the kernel's buffer then slows it down."""
_FINISH_SECONDS = 2.0
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
_KEEPALIVE_SECONDS = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}
"""A peer that is gone without a word is noticed after a minute and a half. Names differ between systems."""


class Wire(asyncio.Protocol):
    """One side of a call, or of an HTTP exchange, before it becomes a leg of a splice."""

    transport: asyncio.Transport

    def __init__(self, connected: Callable[["Wire"], None] | None = None) -> None:
        self.ended = False
        """Nothing more comes."""
        self.lost = False
        """Nothing more goes out either."""
        self._connected = connected
        self._when_lost: Callable[[], object] | None = None
        self._chunks: deque[bytes] = deque()
        self._pending_bytes = 0
        self._paused = False
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by class; they are by what they do.
        self.transport = cast("asyncio.Transport", transport)
        tune(self.transport)
        if self._connected is not None:
            self._connected(self)

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes > _PENDING_MAX_BYTES:
            self._paused = True
            self.transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self.ended = True
        self._news.set()
        return keeps_open(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's name; why doesn't matter
        self.ended = self.lost = True
        self._news.set()
        self._writable.set()
        if self._when_lost is not None:
            self._when_lost()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def when_lost(self, act: Callable[[], object]) -> None:
        """Do this when the peer is gone; at once where it is gone already."""
        self._when_lost = act
        if self.lost:
            act()

    async def read(self) -> bytes:
        """The next bytes, or none once nothing more comes."""
        while not self._chunks and not self.ended:
            self._news.clear()
            await self._news.wait()
        return self.take()

    def take(self) -> bytes:
        """All bytes that have come and were not asked for yet."""
        taken = b"".join(self._chunks)
        self._chunks.clear()
        self._pending_bytes = 0
        if self._paused and not self.lost:
            self._paused = False
            self.transport.resume_reading()
        return taken

    async def write(self, data: bytes) -> None:
        """Send, and wait while too much is on its way. Raises ConnectionResetError where nobody is there."""
        if self.lost or self.transport.is_closing():
            raise ConnectionResetError("the peer is gone")
        self.transport.write(data)
        await self._writable.wait()

    async def drained(self) -> None:
        """Wait while too much is on its way."""
        await self._writable.wait()

    async def finish(self) -> None:
        """Close after the last answer, so that it arrives even where the peer was still sending."""
        if not self.lost and keeps_open(self.transport):
            # Closing with unread bytes resets the connection and can destroy the answer on its way.
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(_FINISH_SECONDS):
                    self.transport.write_eof()
                    while not self.ended:
                        await self.read()
        self.transport.close()


def keeps_open(transport: asyncio.Transport) -> bool:
    """Whether one direction can end while the other goes on; TLS can't do that here."""
    return transport.get_extra_info("ssl_object") is None


def tune(transport: asyncio.Transport) -> None:
    """Send at once, and notice peers that are gone."""
    peer = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        for level, option, value in _KEEPALIVE:
            peer.setsockopt(level, option, value)
        for name, seconds in _KEEPALIVE_SECONDS.items():
            if hasattr(socket, name):
                peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
