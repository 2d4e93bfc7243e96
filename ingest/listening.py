"""A port, the conversations that come in by it, and what to tell the operator where it can't be opened."""

import asyncio
import errno
import ssl
from collections.abc import Awaitable, Callable

import structlog

from ingest.wire import Wire

_BACKLOG = 1024

log = structlog.get_logger("calltape.ingest")


class PortTaken(Exception):
    """Somebody else listens there; the message says what to do."""


class PortUnusable(Exception):
    """The address can't be listened on; the message says why."""


class Listener:
    """Has one conversation with each client that connects."""

    def __init__(self, converse: Callable[[Wire], Awaitable[None]]) -> None:
        self._converse = converse
        self._conversations: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None, *, setting: str) -> str:
        """Take clients from now on. Host and port as they stand in a URL. Raises PortTaken and PortUnusable."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Wire(self._connected), host, port, ssl=tls, backlog=_BACKLOG
            )
        except OSError as error:
            raise _refused(error, host, port, setting) from error
        bound_host, bound_port = self._server.sockets[0].getsockname()[:2]
        return f"[{bound_host}]:{bound_port}" if ":" in bound_host else f"{bound_host}:{bound_port}"

    def take_no_more(self) -> None:
        """Close the port; conversations go on."""
        if self._server is not None:
            self._server.close()

    async def over(self, seconds: float) -> None:
        """Wait until all conversations are over, at most this long."""
        if self._conversations and seconds > 0:
            await asyncio.wait(self._conversations, timeout=seconds)

    def cancel(self) -> None:
        """End the conversations."""
        for conversation in self._conversations:
            conversation.cancel()

    def _connected(self, wire: Wire) -> None:
        # Not in a TaskGroup: there a fault in one conversation would cancel all the others.
        conversation = asyncio.get_running_loop().create_task(self._guarded(wire))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _guarded(self, wire: Wire) -> None:
        try:
            await self._converse(wire)
        except Exception:
            log.exception("conversation failed")
        finally:
            wire.transport.close()


def _refused(error: OSError, host: str, port: int, setting: str) -> PortTaken | PortUnusable:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(f"{host}:{port} is taken by another program: stop that one, or set {setting} to a free port")
    return PortUnusable(f"can't listen on {host}:{port}: {error.strerror or error}; see {setting} and its host")
