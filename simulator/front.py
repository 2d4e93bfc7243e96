"""One port for WebSockets and for other HTTP: the first byte of a connection decides. Decides nothing else.

The `websockets` library takes GET only; what begins otherwise (POST, OPTIONS) goes to `web`.
"""

import asyncio
from typing import Any

from websockets.asyncio.server import ServerConnection

from simulator.web import Respond, WebExchange


class Front(ServerConnection):
    """A WebSocket's connection, unless it turns out to be something else."""

    def __init__(self, *args: Any, respond: Respond, **options: Any) -> None:
        super().__init__(*args, **options)
        self._respond = respond
        self._early: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._early = transport

    def data_received(self, data: bytes) -> None:
        early, self._early = self._early, None
        if early is not None and data[:1] != b"G":
            web = WebExchange(self._respond)
            early.set_protocol(web)
            web.connection_made(early)
            web.data_received(data)
            return
        if early is not None:
            super().connection_made(early)
        super().data_received(data)

    def eof_received(self) -> None:
        if self._early is None:
            super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._early is None:
            super().connection_lost(exc)
