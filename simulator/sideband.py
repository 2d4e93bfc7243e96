"""A WebSocket attached to a call that goes on elsewhere: hears its events from now on, and may speak into it."""

import asyncio
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from simulator.live_call import LiveCall

WAITING_MAX = 10_000
"""Events that wait for a sideband that doesn't read. Of more it is cut off: a call must not wait for it."""


class Sideband:
    """One attached socket."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MAX)
        self._ended: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def tell(self, event: bytes) -> None:
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.hang_up(1011, "too slow")

    def hang_up(self, code: int, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result((code, reason))

    async def follow(self, call: LiveCall) -> None:
        """Until the call hangs up or the socket leaves."""
        call.legs.add(self)
        tasks: list[asyncio.Future[None]] = [
            asyncio.ensure_future(self._tell_on()),
            asyncio.ensure_future(self._listen(call)),
        ]
        try:
            waits: list[asyncio.Future[Any]] = [*tasks, self._ended]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            call.legs.discard(self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._ended.done():
            await self._say_goodbye(*self._ended.result())

    async def _tell_on(self) -> None:
        while True:
            await self._socket.send(await self._waiting.get(), text=True)

    async def _listen(self, call: LiveCall) -> None:
        async for message in self._socket:
            call.receive(message)

    async def _say_goodbye(self, code: int, reason: str) -> None:
        try:
            while not self._waiting.empty():
                await self._socket.send(self._waiting.get_nowait(), text=True)
            await self._socket.close(code, reason)
        except ConnectionClosed:
            pass
