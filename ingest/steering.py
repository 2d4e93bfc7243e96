"""Decides about a call at the API: accept, reject, hang up. One POST each."""

import asyncio
from typing import Any

import h11
import msgspec

from ingest.calls import Control
from ingest.dialing import Dialer, Unreachable
from ingest.heads import RawHeaders
from ingest.http_end import HttpEnd


class Steering(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach what decides about calls."""

    dialer: Dialer

    async def do(
        self, action: Control, place: str, call_id: str, credentials: RawHeaders, body: Any = None
    ) -> int | None:
        """Do it; the upstream's HTTP status, or None where it gave none within the dialer's patience. Never raises."""
        data = b"" if body is None else msgspec.json.encode(body)
        headers = [
            (b"Host", self.dialer.upstream.authority.encode()),
            (b"Content-Type", b"application/json"),
            (b"Content-Length", str(len(data)).encode()),
            (b"Connection", b"close"),
            *credentials,
        ]
        target = self.dialer.upstream.target(f"{place}/calls/{call_id}/{action}").encode()
        request = h11.Request(method=b"POST", target=target, headers=headers)
        try:
            async with asyncio.timeout(self.dialer.timeout_seconds):
                return await self._post(request, data)
        except (Unreachable, TimeoutError, ConnectionError, h11.RemoteProtocolError):
            return None

    async def _post(self, request: h11.Request, data: bytes) -> int | None:
        wire = await self.dialer.dial()
        try:
            end = HttpEnd(wire, h11.CLIENT)
            await end.send(request, h11.Data(data=data), h11.EndOfMessage())
            while isinstance(answer := await end.happening(), h11.InformationalResponse):
                pass
            return int(answer.status_code) if isinstance(answer, h11.Response) else None
        finally:
            wire.transport.close()
