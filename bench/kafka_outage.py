"""The broker away for minutes while calls go on through the real relay: are they harmed, and is anything lost?

    python -m bench.kafka_outage --minutes 3

Sessions of real cadence go through the relay to an upstream that echoes, and the time from sending a message to
hearing it back is taken before, during and after the outage. In the end everything must be in the dataset.
"""

import argparse
import asyncio
import base64
import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.kafka_verdict import judged
from calltape.up import free_port, port_open
from tests.kafka.broker import Broker
from tests.kafka.programs import Programs

CALM_S = 30.0
CALL_S = 20.0
APPEND_EVERY_S = 0.1
_SOUND = base64.b64encode(os.urandom(4_800)).decode()


class Taken(msgspec.Struct):
    """Round trips by phase, and calls that broke."""

    phase: str = "before"
    round_trips_ms: dict[str, list[float]] = {}
    calls: int = 0
    broken: int = 0

    def add(self, began: float) -> None:
        self.round_trips_ms.setdefault(self.phase, []).append((time.perf_counter() - began) * 1000)

    def table(self) -> str:
        """A line for each phase, against the first."""
        first = statistics.median(self.round_trips_ms["before"])
        lines = ["phase    round trip p50, p99 ms        p50 of before"]
        for phase, took in self.round_trips_ms.items():
            cuts = statistics.quantiles(took, n=100)
            lines.append(f"{phase:<8} {cuts[49]:8.2f} {cuts[98]:8.2f}  (n={len(took):,})   {cuts[49] / first:.2f}")
        return "\n".join([*lines, f"{self.calls} calls, {self.broken} broken"])


async def _echo(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)


async def _call(url: str, taken: Taken) -> None:
    taken.calls += 1
    try:
        async with connect(url, compression=None, max_size=None) as connection:
            for _ in range(int(CALL_S / APPEND_EVERY_S)):
                began = time.perf_counter()
                await connection.send(msgspec.json.encode({"type": "input_audio_buffer.append", "audio": _SOUND}))
                await connection.recv()
                taken.add(began)
                await asyncio.sleep(APPEND_EVERY_S)
    except (ConnectionClosed, OSError):
        taken.broken += 1


async def _calls(url: str, at_a_time: int, taken: Taken, over: asyncio.Event) -> None:
    """So many calls at a time, the next as soon as one ends."""

    async def one_after_the_other(number: int) -> None:
        await asyncio.sleep(number * CALL_S / at_a_time)
        while not over.is_set():
            await _call(url, taken)

    await asyncio.gather(*(one_after_the_other(number) for number in range(at_a_time)))


async def outage(broker: Broker, programs: Programs, minutes: float, calls: int) -> Taken:
    """Calls before, during and after; gives what was taken of them."""
    taken, over, relay = Taken(), asyncio.Event(), free_port(0, "127.0.0.1")
    async with serve(_echo, "127.0.0.1", 0, compression=None, max_size=None) as upstream:
        port = next(iter(upstream.sockets)).getsockname()[1]
        programs.start("ingest", "ingest", "--port", str(relay), "--upstream", f"ws://127.0.0.1:{port}")
        programs.worker("worker")
        programs.sink("sink")
        await asyncio.to_thread(programs.wait, lambda: port_open("127.0.0.1", relay), "the relay")
        going = asyncio.ensure_future(_calls(f"ws://127.0.0.1:{relay}/v1/realtime?model=m", calls, taken, over))
        await asyncio.sleep(CALM_S)
        taken.phase = "away"
        await asyncio.to_thread(broker.stop)
        await asyncio.sleep(minutes * 60)
        await asyncio.to_thread(broker.start)
        taken.phase = "after"
        await asyncio.sleep(CALM_S)
        over.set()
        await going
        await asyncio.to_thread(programs.stop, "ingest")
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0, help="that the broker is away")
    parser.add_argument("--calls", type=int, default=20, help="at a time")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="outage-") as folder:
        data_dir = Path(folder) / "data"
        with Broker(Path(folder) / "broker") as broker, Programs(broker.bootstrap, data_dir) as programs:
            taken = asyncio.run(outage(broker, programs, chosen.minutes, chosen.calls))
            print(taken.table())

            def revive() -> None:
                for name in ("worker", "sink"):
                    if not programs.running(name):
                        programs.again(name)
                if not programs.running("publisher"):
                    programs.start("publisher", "publish")

            verdict = judged(data_dir, programs.asked, within_s=300, meanwhile=revive)
            print(verdict.table())
    sys.exit(0 if verdict.good and not taken.broken else 1)


if __name__ == "__main__":
    main()
