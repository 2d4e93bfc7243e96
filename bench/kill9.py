"""Kills the ingest worker at random moments under load, and shows that the log holds all that reached the other peer.

`python -m bench.kill9 --rounds 50 --seed 1`. A real worker, a real upstream, real clients over TCP, `kill -9` each
time. Leaves with 1 where the log lacks a message, holds one twice, or a session has no end.
"""

import argparse
import asyncio
import contextlib
import hashlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from bench.kill9_verdict import Verdict, judged
from bench.ports import free_port
from ingest.settings import IngestSettings

PROGRAM = """
import sys
from ingest import worker
from ingest.settings import IngestSettings
worker.run(IngestSettings.model_validate_json(sys.argv[1]), lambda url: print(url, flush=True))
"""
WORKER = "killed"
CLIENTS = 12
PAUSE_SECONDS = 0.02
SIZES = (20, 300, *[6_500] * 10, *[14_000] * 5, 60_000, 400_000)
"""Of the messages: as large as real ones, mostly, and some that take many TCP segments."""
PATH = "/v1/realtime?model=gpt-realtime"
PATIENCE_SECONDS = 60


class Peers:
    """Both ends of the calls, and the digest of each message that reached one of them."""

    def __init__(self, seed: int) -> None:
        self.at_upstream: list[bytes] = []
        self.at_clients: list[bytes] = []
        self._chosen = random.Random(seed)
        self._padding = self._chosen.randbytes(max(SIZES)).hex().encode()
        self._said = 0
        self._served: set[asyncio.Task[None]] = set()

    async def upstream(self, connection: ServerConnection) -> None:
        """Answers each message with up to two of its own."""
        self._served.add(cast("asyncio.Task[None]", asyncio.current_task()))
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                self.at_upstream.append(_digest(message))
                for _ in range(self._chosen.randrange(3)):
                    await connection.send(self._message("response.output_audio.delta"), text=True)

    async def client(self, url: str) -> None:
        """Talks until the connection breaks."""
        with contextlib.suppress(ConnectionClosed, InvalidHandshake, InvalidMessage, OSError, EOFError):
            async with connect(url, compression=None, max_size=None, ping_interval=None) as connection:
                listening = asyncio.ensure_future(self._listen(connection))
                try:
                    while True:
                        await connection.send(self._message("input_audio_buffer.append"), text=True)
                        await asyncio.sleep(PAUSE_SECONDS * self._chosen.random() * 2)
                finally:
                    await listening  # what the dead worker had sent is still on its way

    async def all_left(self) -> None:
        """Once the upstream has read to the end of every connection."""
        await asyncio.gather(*self._served, return_exceptions=True)

    async def _listen(self, connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                self.at_clients.append(_digest(message))

    def _message(self, type_: str) -> bytes:
        self._said += 1
        size = self._chosen.choice(SIZES)
        return b'{"event_id":"%d","type":"%s","audio":"%s"}' % (self._said, type_.encode(), self._padding[:size])


def _digest(message: str | bytes) -> bytes:
    return hashlib.sha256(message.encode() if isinstance(message, str) else message).digest()


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One life of a worker."""

    number: int
    lived_ms: float
    """From its start to the kill."""
    ready_ms: float | None
    """Until it took clients, its predecessor's journal mended; None where it was killed before."""
    at_upstream: int
    """Messages that arrived there in this round."""
    at_clients: int


async def campaign(rounds: int, seed: int, data_dir: Path, told: Callable[[Round], None]) -> Verdict:
    """Kill so many workers one after the other on one journal, let a last one mend it, and judge the log."""
    chosen = random.Random(seed)
    peers = Peers(seed)
    async with serve(peers.upstream, "127.0.0.1", 0, compression=None, max_size=None, ping_interval=None) as server:
        settings = _settings(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", data_dir)
        for number in range(1, rounds + 1):
            # One in eight dies while it starts and mends; the others anywhere in the first second and a half of calls.
            early = chosen.random() < 1 / 8
            delay = chosen.uniform(0.2, 0.7) if early else chosen.uniform(0.0, 1.5)
            told(await _round(number, settings, peers, delay, early=early))
        async with _worker(settings) as process:
            await _ready(process)
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
        await asyncio.wait_for(peers.all_left(), PATIENCE_SECONDS)
    return judged(data_dir / "journal" / WORKER, peers.at_upstream, peers.at_clients)


def _settings(upstream: str, data_dir: Path) -> IngestSettings:
    chosen: dict[str, Any] = {"port": free_port(), "metrics_port": -1, "journal_segment_max_mib": 4}
    return IngestSettings(upstream=upstream, data_dir=data_dir, worker=WORKER, **chosen)


async def _round(number: int, settings: IngestSettings, peers: Peers, delay: float, *, early: bool) -> Round:
    before = len(peers.at_upstream), len(peers.at_clients)
    start, ready = time.monotonic(), None
    async with _worker(settings) as process, asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as calls:
        if not early:
            await _ready(process)
            ready = time.monotonic()
            for _ in range(CLIENTS):
                calls.create_task(peers.client(f"ws://{settings.host}:{settings.port}{PATH}"))
        await asyncio.sleep(delay)
        process.kill()
        killed = time.monotonic()
        await process.wait()
    return Round(
        number=number,
        lived_ms=(killed - start) * 1e3,
        ready_ms=None if ready is None else (ready - start) * 1e3,
        at_upstream=len(peers.at_upstream) - before[0],
        at_clients=len(peers.at_clients) - before[1],
    )


@contextlib.asynccontextmanager
async def _worker(settings: IngestSettings) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, settings.model_dump_json(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _ready(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    while not (line := await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)).startswith(b"ws"):
        assert line, "the worker ended before it was ready"


def _tell(done: Round) -> None:
    ready = "killed first" if done.ready_ms is None else f"{done.ready_ms:9.0f} ms"
    print(f"{done.number:5} {ready:>12} {done.lived_ms:9.0f} ms {done.at_upstream:12} {done.at_clients:11}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="workers to kill")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and the messages")
    chosen = parser.parse_args()
    print("round        ready        killed  at upstream  at clients")
    with tempfile.TemporaryDirectory(prefix="kill9-") as folder:
        verdict = asyncio.run(campaign(chosen.rounds, chosen.seed, Path(folder), _tell))
    print(verdict.table())
    sys.exit(0 if verdict.good else 1)


if __name__ == "__main__":
    main()
