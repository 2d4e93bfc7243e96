"""What the relay's tests stand on: a real upstream that plays a script, the real relay, and bare sockets."""

import asyncio
import contextlib
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.speedups import apply_mask

from ingest import envelope, markers
from ingest.envelope import RecordedEvent, Source
from ingest.relay import Relay
from ingest.settings import IngestSettings
from ingest.worker import Metered, running

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
PATH = "/v1/realtime?model=gpt-realtime"
WITHIN_S = 60.0
"""Patience costs nothing where all goes well, and a slow machine with other work on it needs some."""
Answer = TypeVar("Answer")
Script = Callable[[ServerConnection], Awaitable[None]]


class Relaying(msgspec.Struct, frozen=True):
    """A relay that takes clients."""

    url: str
    relay: Relay
    data_dir: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def events(self) -> list[RecordedEvent]:
        """All that is in the journal now, in its order."""
        segments = sorted(self.data_dir.glob("journal/*/*.jsonl"))
        return [envelope.decode(line) for path in segments for line in path.read_bytes().splitlines()]

    def said_by(self, source: Source) -> list[bytes]:
        return [event.data for event in self.events() if event.source is source]

    async def closing(self) -> markers.SessionClosed:
        """How the only session ended, once its end is in the journal."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                found = [markers.decode(data) for data in self.said_by(Source.RECORDER)]
                if ended := [each for each in found if isinstance(each, markers.SessionClosed)]:
                    return ended[0]
                await asyncio.sleep(0.005)  # the journal is a file: there is nothing to wait on but its growth


@contextlib.asynccontextmanager
async def relaying(
    upstream: str, data_dir: Path, metered: Metered | None = None, **settings: Any
) -> AsyncIterator[Relaying]:
    """The relay on a free port in front of this upstream."""
    chosen = {"port": 0, "metrics_port": -1, "worker": "test", **settings}
    async with running(IngestSettings(upstream=upstream, data_dir=data_dir, **chosen), metered) as (relay, url):
        yield Relaying(url, relay, data_dir)


@contextlib.asynccontextmanager
async def upstream(script: Script, **options: Any) -> AsyncIterator[str]:
    """A WebSocket server that plays the script to each client; its URL."""
    options = {"compression": None, "max_size": None, "ping_interval": None, **options}
    async with serve(script, "127.0.0.1", 0, **options) as server:
        yield f"{'wss' if options.get('ssl') else 'ws'}://127.0.0.1:{port_of(server)}"


@contextlib.asynccontextmanager
async def bare_server(
    converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A TCP server that does what a WebSocket library would not; its ws URL."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await converse(reader, writer)
        writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def port_of(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def silent(connection: ServerConnection) -> None:
    async for _ in connection:
        pass


def on_disk(folder: Path) -> bytes:
    """Every byte of every file below."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


class Bare(msgspec.Struct, frozen=True):
    """A client that speaks bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> str:
        """Up to the blank line."""
        head = await within(self.reader.readuntil(b"\r\n\r\n"))
        return head.decode("latin-1")

    async def rest(self) -> bytes:
        """All up to the end of the connection."""
        return await within(self.reader.read())

    def vanish(self) -> None:
        """Reset the connection."""
        transport = self.writer.transport
        transport.abort()


@contextlib.asynccontextmanager
async def bare_client(port: int, sent: bytes = b"") -> AsyncIterator[Bare]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        yield Bare(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def upgrade(target: str = PATH, *headers: str) -> bytes:
    """A client's request to become a WebSocket."""
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: relay.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(opcode: int, payload: bytes, *, masked: bool = True, fin: bool = True, rsv1: bool = False) -> bytes:
    """One frame as it is on the wire."""
    first = (0x80 if fin else 0) | (0x40 if rsv1 else 0) | opcode
    size, mask_bit = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes((first, mask_bit | size))
    elif size < 65536:
        head = bytes((first, mask_bit | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask_bit | 127)) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + apply_mask(payload, mask)


async def within(wait: Awaitable[Answer], seconds: float = WITHIN_S) -> Answer:
    async with asyncio.timeout(seconds):
        return await wait


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and localhost that signs itself, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    asked = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(["openssl", *asked.split(), *names, *made], check=True, capture_output=True)
    return cert, key


def served_with(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def trusting(cert: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(cert))
