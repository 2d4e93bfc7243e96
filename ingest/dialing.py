"""Connecting to the upstream, and what to tell a client where that fails."""

import asyncio
import socket
import ssl

import msgspec

from ingest.heads import Refusal
from ingest.upstream import Upstream
from ingest.wire import Wire


class Unreachable(Exception):
    """The upstream took no connection; the message names its host and the fault."""

    def __init__(self, message: str, *, timed_out: bool) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class Dialer(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the upstream."""

    upstream: Upstream
    tls: ssl.SSLContext | None
    timeout_seconds: float

    async def dial(self) -> Wire:
        """A connection to the upstream, TLS done. Raises Unreachable."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                _, wire = await loop.create_connection(
                    Wire,
                    self.upstream.host,
                    self.upstream.port,
                    ssl=self.tls,
                    server_hostname=self.upstream.host if self.tls else None,
                )
        except TimeoutError as error:
            raise self.late() from error
        except OSError as error:
            raise Unreachable(f"{self.upstream.authority}: {fault(error)}", timed_out=False) from error
        return wire

    def late(self) -> Unreachable:
        """The upstream did not do in time what it had to."""
        return Unreachable(f"{self.upstream.authority}: no answer in {self.timeout_seconds:g} s", timed_out=True)


def refusal_of(error: Unreachable) -> Refusal:
    """What the client is told: 504 where the upstream was too slow, 502 otherwise."""
    code = "upstream_timeout" if error.timed_out else "upstream_unreachable"
    return Refusal(status=504 if error.timed_out else 502, code=code, message=f"upstream {error}")


def fault(error: OSError) -> str:
    """What went wrong, in words for whoever runs the client."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason or error}"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    return error.strerror or str(error) or type(error).__name__
