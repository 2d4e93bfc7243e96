"""The relay's life: it takes clients, drains, and stops."""

import ssl

import structlog

from ingest.conversation import Parts, converse
from ingest.listening import Listener

SERVICE_RESTART = 1012
GOODBYE_SECONDS = 5.0
"""How long peers may take to answer our goodbye. Less than the splice's own patience: the worker is waited for."""

log = structlog.get_logger("calltape.ingest")


class Relay:
    """Serves until it is drained or stopped."""

    def __init__(self, parts: Parts) -> None:
        self.draining = False
        """No new clients are taken."""
        self._parts = parts
        self._listener = Listener(lambda wire: converse(wire, parts))

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> str:
        """Take clients from now on. The URL at which they find us. Raises PortTaken and PortUnusable."""
        return f"{'wss' if tls else 'ws'}://{await self._listener.listen(host, port, tls, setting='port')}"

    async def drain(self, seconds: float) -> None:
        """Take no new clients, give running calls this long, then close them with 1012."""
        self.draining = True
        self._listener.take_no_more()
        log.info("draining", sessions=len(self._parts.splices), seconds=seconds)
        await self._listener.over(seconds)
        for splice in list(self._parts.splices):
            splice.close(SERVICE_RESTART, "service restart")
        await self._listener.over(GOODBYE_SECONDS)

    async def stop(self) -> None:
        """End what is left at once."""
        self.draining = True
        self._listener.take_no_more()
        for splice in list(self._parts.splices):
            splice.abort()
        await self._listener.over(1.0)
        self._listener.cancel()
        await self._listener.over(1.0)
