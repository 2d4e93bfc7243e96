"""Which API the worker relays to, and how a client's path becomes a path there. Pure."""

from typing import Self
from urllib.parse import urlsplit

import msgspec

_TLS = {"wss": True, "https": True, "ws": False, "http": False}
_DEFAULT_PORT = {True: 443, False: 80}


class UpstreamUnusable(ValueError):
    """An upstream URL that can't be relayed to; the message says what to write instead."""


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """Where the worker dials, and what it puts in front of a client's path."""

    host: str
    port: int
    tls: bool
    prefix: str = ""
    """Begins with a slash and ends without one; empty where the API stands at the root."""

    @classmethod
    def of(cls, url: str) -> Self:
        """The upstream of a URL such as `wss://api.openai.com` or `ws://host:9000/openai`. Raises UpstreamUnusable."""
        parts = urlsplit(url)
        if parts.scheme not in _TLS:
            raise UpstreamUnusable(f"upstream {url!r} must begin with wss://, ws://, https:// or http://")
        if not parts.hostname:
            raise UpstreamUnusable(f"upstream {url!r} names no host: write something like wss://api.openai.com")
        if parts.username is not None or parts.password is not None:
            raise UpstreamUnusable(f"upstream at {parts.hostname} holds a password: use api_key or upstream_headers")
        if parts.query or parts.fragment:
            raise UpstreamUnusable(f"upstream {url!r} has a query: clients send their own, leave it out")
        tls = _TLS[parts.scheme]
        try:
            port = parts.port or _DEFAULT_PORT[tls]
        except ValueError as error:
            raise UpstreamUnusable(f"upstream {url!r} has no usable port: {error}") from error
        return cls(host=parts.hostname, port=port, tls=tls, prefix=parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """What stands in the `Host` header: the port only where it isn't the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.tls] else f"{host}:{self.port}"

    def target(self, asked: str) -> str:
        """The client's path and query with the prefix in front.

        Segments in which the prefix ends and the path begins are not doubled: `wss://host/openai/v1` and
        `/v1/realtime` make `/openai/v1/realtime`, so that a base URL works with its version and without.
        """
        path, mark, query = asked.partition("?")
        ours, theirs = self.prefix.split("/")[1:], path.split("/")[1:]
        shared = next((n for n in range(min(len(ours), len(theirs)), 0, -1) if ours[-n:] == theirs[:n]), 0)
        return "/" + "/".join([*ours, *theirs[shared:]]) + mark + query
