"""Whether memory and open files stay flat while calls come and go: `python -m bench.soak --seconds 600`.

Calls live a few seconds and end in every way there is: goodbye, reset, half a frame, nobody answering. Prints what the
worker holds over time. Leaves with 1 where it holds more at the end than after its warm-up.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil
import uvloop

from bench.relay_load import Client, Tally, Upstream
from bench.relay_programs import started
from ingest.journal import JournalReader

GOODBYE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
HALF_A_FRAME = b"\x81\xfe\x20\x00\x00\x00\x00\x00half"
REPORT_EVERY_SECONDS = 10
GROWN_MAX_BYTES = 8 << 20
"""What the allocator may keep between the warm-up and the end; a leak of 1 KiB a call would be several times that."""
PATH = "/v1/realtime?model=gpt-realtime"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker holds at one moment."""

    at_seconds: float
    resident_bytes: int
    open_files: int
    threads: int


class Soak:
    """Calls that come and go until the time is over."""

    def __init__(self, address: str, seed: int) -> None:
        self.calls = 0
        self.failed = 0
        self._address = address
        self._chosen = random.Random(seed)
        self._tally = Tally()

    async def callers(self, concurrent: int, until: float) -> None:
        """So many callers, each with one call after the other."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrent):
                tasks.create_task(self._caller(until))

    async def _caller(self, until: float) -> None:
        while time.monotonic() < until:
            try:
                await self._call()
                self.calls += 1
            except (OSError, TimeoutError):
                self.failed += 1

    async def _call(self) -> None:
        host, port = self._address.split(":")
        loop = asyncio.get_running_loop()
        _, call = await loop.create_connection(lambda: Client(self._tally, PATH), host, int(port))
        try:
            async with asyncio.timeout(10):
                await call.open
            call.begin(0)
            await asyncio.sleep(self._chosen.uniform(0.2, 6))
            call.stop()
            if not call.transport.is_closing():
                self._end(call)
                await asyncio.sleep(self._chosen.uniform(0, 0.2))
        finally:
            call.transport.abort()

    def _end(self, call: Client) -> None:
        match self._chosen.randrange(4):
            case 0 | 1:
                call.transport.write(GOODBYE)
            case 2:
                call.transport.write(HALF_A_FRAME)
            case _:
                call.transport.abort()


class Moody(Upstream):
    """An upstream that now and then leaves without a word."""

    def took(self, payload: bytes) -> None:
        super().took(payload)
        if random.random() < 0.005:
            self.transport.abort()


def held(process: psutil.Process, began: float) -> Held:
    """What the worker holds now."""
    return Held(
        at_seconds=time.monotonic() - began,
        resident_bytes=process.memory_info().rss,
        open_files=process.num_fds(),
        threads=process.num_threads(),
    )


async def watch(process: psutil.Process, soak: Soak, folder: Path, until: float) -> list[Held]:
    """Note what the worker holds, and release its journal as a pipeline would."""
    began, seen = time.monotonic(), []
    reader = JournalReader(folder / "journal" / "bench")
    while time.monotonic() < until:
        await asyncio.sleep(REPORT_EVERY_SECONDS)
        while lines := await asyncio.to_thread(reader.lines):
            reader.release(lines[-1].position)
        seen.append(held(process, began))
        print(described(seen[-1]), f"{soak.calls:>7} calls over, {soak.failed} failed", flush=True)
    reader.close()
    return seen


def described(held: Held) -> str:
    """A line for the reader's eye."""
    return (
        f"{held.at_seconds:6.0f} s  {held.resident_bytes / (1 << 20):7.1f} MiB resident  {held.open_files:>5} files  "
        f"{held.threads} threads"
    )


async def run(seconds: float, concurrent: int) -> bool:
    """Soak a worker. Whether it held no more at the end."""
    loop, tally, chosen = asyncio.get_running_loop(), Tally(), random.Random(1)
    server = await loop.create_server(lambda: Moody(tally, chosen), "127.0.0.1", 0, backlog=1024)
    upstream = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with (
        tempfile.TemporaryDirectory(prefix="relay-soak-") as folder,
        started("recording", upstream, Path(folder), None) as (address, process),
    ):
        idle, until = held(process, time.monotonic()), time.monotonic() + seconds
        print(described(idle), "before the first call")
        soak = Soak(address, seed=2)
        watching = asyncio.ensure_future(watch(process, soak, Path(folder), until))
        await soak.callers(concurrent, until)
        seen = await watching
        # The last calls linger until their other side has left, or for the splice's patience.
        await asyncio.sleep(12)
        after = held(process, time.monotonic() - seconds)
        print(described(after), f"after {soak.calls} calls, {soak.failed} failed")
    server.close()
    return flat(idle, seen, after)


def flat(idle: Held, seen: list[Held], after: Held) -> bool:
    """Whether memory stayed where it was after a quarter of the time, and all files of the calls were closed."""
    warm = max(each.resident_bytes for each in seen[: max(1, len(seen) // 4)])
    last = max(each.resident_bytes for each in seen[-max(1, len(seen) // 4) :])
    files_left = after.open_files - idle.open_files
    print(f"grown since the warm-up: {(last - warm) / (1 << 20):.1f} MiB; files left open: {files_left}")
    return last - warm <= GROWN_MAX_BYTES and files_left <= 2


def main() -> None:
    """The command."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seconds", type=float, default=600)
    asked.add_argument("--sessions", type=int, default=30, help="calls at a time")
    chosen = asked.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(0 if uvloop.run(run(chosen.seconds, chosen.sessions)) else 1)


if __name__ == "__main__":
    main()
