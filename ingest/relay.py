"""The relay's life: it takes clients, drains, and stops."""

import asyncio
import ssl
import time

import structlog

from ingest.conversation import converse
from ingest.envelope import Source
from ingest.listening import Listener
from ingest.parts import Parts
from ingest.splice import Ending

SERVICE_RESTART = 1012
GOODBYE_SECONDS = 5.0
"""How long peers may take to answer our goodbye. Less than the splice's own patience: the worker is waited for."""

UNFOLLOWED = Ending(closed_by=Source.RECORDER, code=None, reason="the worker stopped; the call itself went on")
"""How the recording of a call ends whose sound travels elsewhere."""

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
        sidebands = self._parts.sidebands
        sidebands.take_no_more()
        log.info("draining", sessions=len(self._parts.splices) + len(sidebands), seconds=seconds)
        until = time.monotonic() + seconds
        await self._listener.over(seconds)
        await sidebands.over(until - time.monotonic())
        sidebands.end(UNFOLLOWED)
        for splice in list(self._parts.splices):
            splice.close(SERVICE_RESTART, "service restart")
        await asyncio.gather(self._listener.over(GOODBYE_SECONDS), sidebands.over(GOODBYE_SECONDS))

    async def stop(self) -> None:
        """End what is left at once."""
        self.draining = True
        self._listener.take_no_more()
        for splice in list(self._parts.splices):
            splice.abort()
        sidebands = self._parts.sidebands
        sidebands.take_no_more()
        sidebands.end(UNFOLLOWED)
        await asyncio.gather(self._listener.over(1.0), sidebands.over(GOODBYE_SECONDS))
        self._listener.cancel()
        await self._listener.over(1.0)
