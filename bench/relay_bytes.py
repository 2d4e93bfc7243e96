"""Whether bytes out are bytes in: mixed frames from 20 bytes to 16 MiB, both directions at once, recorded.

`python -m bench.relay_bytes --frames 10000`. Compares what each side received with what the other sent by SHA-256, and
what the journal holds with both, message by message. Leaves with 1 where anything differs.
"""

import argparse
import asyncio
import hashlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop
from websockets.speedups import apply_mask

from bench.relay_load import head_of
from ingest import envelope
from ingest.envelope import Source
from ingest.settings import IngestSettings
from ingest.worker import running

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
ASK = (
    b"GET /v1/realtime?model=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GOODBYE = b"\x88\x02\x03\xe8"
MASKED_GOODBYE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
LARGE_EVERY = 500
SMALL_MAX, LARGE_MAX = 1 << 18, 16 << 20


class Direction:
    """One direction's frames: made while they are sent, and remembered only by their hashes."""

    def __init__(self, frames: int, seed: int, *, masked: bool) -> None:
        self._frames = frames
        self._chosen = random.Random(seed)
        self._masked = masked
        self.sent = hashlib.sha256()
        self.received = hashlib.sha256()
        self.sent_bytes = self.received_bytes = 0
        self.messages: list[bytes] = []
        """Digests of the messages, in order."""

    def frames(self) -> Iterator[bytes]:
        """As a peer could send them: text, binary, fragments, pings between them."""
        for number in range(self._frames):
            yield from self._message(self._payload(number), number)

    def _payload(self, number: int) -> bytes:
        top = LARGE_MAX if number % LARGE_EVERY == LARGE_EVERY - 1 else SMALL_MAX
        size = top if number == LARGE_EVERY - 1 else int(20 * (top / 20) ** self._chosen.random())
        begin = b'{"type":"bench.%d","audio":"' % number
        body = os.urandom(max(0, size - len(begin) - 2) // 2).hex().encode()
        payload = begin + body + b'"}' if size > 40 else os.urandom(size)
        self.messages.append(hashlib.sha256(payload).digest())
        return payload

    def _message(self, payload: bytes, number: int) -> Iterator[bytes]:
        if number % 5 == 0:
            cut = self._chosen.randrange(len(payload))
            yield self._frame(payload[:cut], 0x01)
            yield self._frame(b"ping", 0x89)
            yield self._frame(payload[cut:], 0x80)
        else:
            yield self._frame(payload, 0x82 if number % 7 == 0 else 0x81)

    def _frame(self, payload: bytes, first: int) -> bytes:
        head = bytearray(head_of(len(payload), masked=self._masked))
        head[0] = first
        if self._masked:
            mask = os.urandom(4)
            head[-4:] = mask
            payload = apply_mask(payload, mask)
        return bytes(head) + payload

    async def send(self, writer: asyncio.StreamWriter) -> None:
        for frame in self.frames():
            self.sent.update(frame)
            self.sent_bytes += len(frame)
            writer.write(frame)
            await writer.drain()
        writer.write(MASKED_GOODBYE if self._masked else GOODBYE)

    async def receive(self, reader: asyncio.StreamReader) -> None:
        """All but the close frame at the end."""
        goodbye, tail = MASKED_GOODBYE if self._masked else GOODBYE, b""
        while not tail.endswith(goodbye) or self.received_bytes + len(tail) - len(goodbye) < self.sent_bytes:
            data = await reader.read(1 << 20)
            if not data:
                break
            data = tail + data
            keep = len(goodbye)
            self.received.update(data[:-keep])
            self.received_bytes += len(data[:-keep])
            tail = data[-keep:]


async def exchange(frames: int, folder: Path) -> bool:
    """Send both ways at once. Whether everything is the same on the other side and in the journal."""
    up, down = Direction(frames, 1, masked=True), Direction(frames, 2, masked=False)
    done = asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED)
        await asyncio.gather(down.send(writer), up.receive(reader))
        done.set()
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0, limit=1 << 20)
    settings = {
        "upstream": f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        "port": 0,
        "metrics_port": -1,
        "worker": "bench",
        "data_dir": folder,
        "drain_seconds": 5,
    }
    began = time.monotonic()
    async with running(IngestSettings.model_validate(settings)) as (_, url):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), limit=1 << 20)
        writer.write(ASK)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.gather(up.send(writer), down.receive(reader))
        await done.wait()
        writer.close()
    seconds = time.monotonic() - began
    megabytes = (up.sent_bytes + down.sent_bytes) / 1e6
    print(f"{2 * frames} messages, {megabytes:.0f} MB in {seconds:.1f} s, {megabytes / seconds:.0f} MB/s")
    server.close()
    journal = _journalled(folder)
    same = [
        _same("client to upstream", up.sent.hexdigest(), up.received.hexdigest()),
        _same("upstream to client", down.sent.hexdigest(), down.received.hexdigest()),
        _same("journal, client", _digest(up.messages), _digest(journal[Source.CLIENT])),
        _same("journal, upstream", _digest(down.messages), _digest(journal[Source.SERVER])),
    ]
    return all(same)


def _journalled(folder: Path) -> dict[Source, list[bytes]]:
    found: dict[Source, list[bytes]] = {source: [] for source in Source}
    for path in sorted(folder.glob("journal/*/*.jsonl")):
        with path.open("rb") as lines:
            for line in lines:
                event = envelope.decode(line)
                found[event.source].append(hashlib.sha256(event.data).digest())
    return found


def _digest(messages: list[bytes]) -> str:
    return f"{len(messages)} messages, {hashlib.sha256(b''.join(messages)).hexdigest()}"


def _same(what: str, sent: str, arrived: str) -> bool:
    print(
        f"{what}: {'same' if sent == arrived else 'DIFFERENT'}: {sent}" + ("" if sent == arrived else f" / {arrived}")
    )
    return sent == arrived


def main() -> None:
    """The command."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--frames", type=int, default=10_000, help="messages for each direction")
    asked.add_argument("--folder", type=Path, help="where the journal goes meanwhile; it takes some gigabytes")
    chosen = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="relay-bytes-", dir=chosen.folder) as folder:
        sys.exit(0 if uvloop.run(exchange(chosen.frames, Path(folder))) else 1)


if __name__ == "__main__":
    main()
