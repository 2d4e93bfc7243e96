"""Twenty minutes of calls while workers and sinks are restarted in turn: does the lag come back, does memory stay flat?

    python -m bench.kafka_soak --minutes 20

Prints a line a minute: signals not committed yet, the longest that the commits stood still, and the memory of each
program in MiB; in the end, the most of each in the last five minutes against the five after the first. Everything must
be in the dataset as the fold gives it. Leaves with 1 where a commit stalled, the lag stayed, or a row is wrong.
"""

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.kafka_load import Load
from bench.kafka_verdict import judged
from tests.kafka.broker import Broker
from tests.kafka.programs import Programs

PROGRAMS = ("publisher", "worker-1", "worker-2", "sink-1", "sink-2")
IN_TURN = ("worker-1", "sink-1", "worker-2", "sink-2")
LOOK_EVERY_S = 5.0
STALL_S = 60.0
"""Commits that stand still for longer while signals wait are stuck; a rebalance takes a few seconds."""


class Look(msgspec.Struct, frozen=True):
    """The signals' consumers at one moment."""

    at: float
    committed: int
    lag: int


async def looked(bootstrap: str, group: str, topic: str, partitions: int) -> Look:
    """Committed offsets and what is behind them, as any onlooker can ask for them."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        each = [TopicPartition(topic, number) for number in range(partitions)]
        ends = await consumer.end_offsets(each)
        committed = {partition: await consumer.committed(partition) or 0 for partition in each}
    finally:
        await consumer.stop()
    return Look(time.monotonic(), sum(committed.values()), sum(ends[each] - committed[each] for each in committed))


class Soak:
    """The programs and what was seen of them."""

    def __init__(self, programs: Programs, load: Load) -> None:
        self._programs, self._load = programs, load
        self._moved_at = time.monotonic()
        self._last = Look(0.0, 0, 0)
        self.stall_s = 0.0
        """The longest that commits stood still while signals waited."""
        self._memory: dict[str, list[int]] = {name: [] for name in PROGRAMS}

    def look(self) -> Look:
        """Note whether commits move."""
        programs = self._programs
        group, topic = f"{programs.prefix}-worker", f"{programs.prefix}.signals"
        found = asyncio.run(looked(programs.bootstrap, group, topic, programs.partitions))
        if found.committed != self._last.committed or not found.lag:
            self._moved_at = found.at
        self.stall_s = max(self.stall_s, found.at - self._moved_at)
        self._last = found
        return found

    def minute(self, number: int, restarted: str) -> str:
        """A line of what a minute brought."""
        for name in PROGRAMS:
            self._memory[name].append(psutil.Process(self._programs.pid(name)).memory_info().rss >> 20)
        mebibytes = "  ".join(f"{self._memory[name][-1]:9}" for name in PROGRAMS)
        return f"{number:6} {self._load.events:9,} {self._last.lag:6} {self.stall_s:6.0f} s  {mebibytes}  {restarted}"

    def growth(self) -> str:
        """The most memory of the last minutes against that of the first."""
        ratios = (f"{name} {max(seen[-5:]) / max(seen[1:6] or seen):.2f}" for name, seen in self._memory.items())
        return "memory, end against beginning: " + ", ".join(ratios)


def soak(minutes: int, calls: int, folder: Path) -> bool:
    """The whole of it."""
    with Broker(folder / "broker") as broker, Programs(broker.bootstrap, folder / "data") as programs:
        programs.start("publisher", "publish")
        for name in ("worker-1", "worker-2"):
            programs.worker(name)
        for name in ("sink-1", "sink-2"):
            programs.sink(name)
        turns = itertools.cycle(IN_TURN)
        with Load(folder / "data", calls=calls, seed=1) as load:
            seen = Soak(programs, load)
            for number in range(1, minutes + 1):
                ends = time.monotonic() + 60.0
                restarted = next(turns) if number > 1 else ""
                if restarted:
                    programs.stop(restarted)
                    programs.again(restarted)
                while time.monotonic() < ends:
                    time.sleep(LOOK_EVERY_S)
                    seen.look()
                print(seen.minute(number, restarted), flush=True)
        verdict = judged(folder / "data", programs.asked, within_s=300)
        lag = seen.look().lag
        print(verdict.table())
        print(seen.growth())
        print(f"lag at the end {lag}; longest that commits stood still while signals waited {seen.stall_s:.0f} s")
        return verdict.good and lag == 0 and seen.stall_s < STALL_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--calls", type=int, default=10, help="at a time")
    chosen = parser.parse_args()
    print("minute    events    lag  stalled  " + "  ".join(f"{name:>9}" for name in PROGRAMS) + "  restarted")
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        good = soak(chosen.minutes, chosen.calls, Path(folder))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
