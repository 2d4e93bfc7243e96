"""Kills publisher, workers, sinks and broker at random under load, and shows that nothing is lost and nothing doubled.

    python -m bench.kafka_campaign --rounds 30 --seed 1

A real broker, real programs, each killed by `kill -9` or asked by SIGTERM, while calls of real cadence go on and a
third worker joins and leaves. In the end every event of the journal must be in the archive once, every session
complete, and every table must hold the rows that the fold gives of that journal. Leaves with 1 where that is not so.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.kafka_load import Load
from bench.kafka_verdict import judged
from tests.kafka.broker import Broker
from tests.kafka.programs import Programs

GUEST = "guest"
"""The worker that joins and leaves."""
VICTIMS = ("publisher", "worker-1", "worker-2", "sink-1", "sink-2", GUEST, "broker")
CAUGHT_UP_WITHIN_S = 300.0


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to whom."""

    number: int
    victim: str
    how: str
    down_s: float
    """Until it was started again."""
    calls: int
    """That were going on."""


class Campaign:
    """The programs, and what befalls them."""

    def __init__(self, broker: Broker, programs: Programs, load: Load, chance: random.Random) -> None:
        self._broker, self._programs, self._load, self._chance = broker, programs, load, chance

    def start(self) -> None:
        """Everything but the guest."""
        for name in VICTIMS:
            if name not in {GUEST, "broker"}:
                self._start(name)

    def round(self, number: int) -> Round:
        """Let the calls go on for a while, bring one down, and up again a little later."""
        time.sleep(self._chance.uniform(1.0, 5.0))
        victim, down_s = self._chance.choice(VICTIMS), self._chance.uniform(0.0, 4.0)
        calls = self._load.running
        if victim == GUEST and not self._programs.running(GUEST):
            self._start(GUEST)
            return Round(number=number, victim=victim, how="joins", down_s=0.0, calls=calls)
        how = self._chance.choice(("kill -9", "SIGTERM"))
        self._end(victim, kill=how == "kill -9")
        if victim != GUEST:
            time.sleep(down_s)
            self._start(victim)
        return Round(number=number, victim=victim, how=how, down_s=down_s, calls=calls)

    def revive(self) -> None:
        """Programs that gave up by themselves are started again, as whatever runs them in production would."""
        for name in VICTIMS:
            if name not in {GUEST, "broker"} and not self._programs.running(name):
                self._start(name)

    def _start(self, name: str) -> None:
        if name == "broker":
            self._broker.start()
        elif name == "publisher":
            self._programs.start(name, "publish")
        elif name.startswith("sink"):
            self._programs.sink(name)
        else:
            self._programs.worker(name)

    def _end(self, name: str, *, kill: bool) -> None:
        if name == "broker":
            (self._broker.kill if kill else self._broker.stop)()
        elif kill:
            self._programs.kill(name)
        else:
            self._programs.stop(name)


def campaign(rounds: int, seed: int, calls: int, folder: Path, told: Callable[[Round], None]) -> bool:
    """All rounds, then the verdict."""
    with Broker(folder / "broker") as broker, Programs(broker.bootstrap, folder / "data") as programs:
        with Load(folder / "data", calls=calls, seed=seed) as load:
            played = Campaign(broker, programs, load, random.Random(seed))
            played.start()
            for number in range(1, rounds + 1):
                told(played.round(number))
                played.revive()
        print(f"calls over: {load.events:,} events of {load.sessions:,} sessions; waiting for the rows", flush=True)
        verdict = judged(folder / "data", programs.asked, within_s=CAUGHT_UP_WITHIN_S, meanwhile=played.revive)
        print(verdict.table())
        if not verdict.good:
            print(f"logs: {folder / 'data'}")
        return verdict.good


def _tell(done: Round) -> None:
    print(f"{done.number:5} {done.victim:<10} {done.how:<8} {done.down_s:6.1f} s {done.calls:6}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="times that somebody is brought down")
    parser.add_argument("--seed", type=int, default=1, help="of whom, how and when")
    parser.add_argument("--calls", type=int, default=10, help="at a time")
    parser.add_argument("--keep", type=Path, help="a folder for everything, kept; default: a temporary one")
    chosen = parser.parse_args()
    print("round victim     how      down   calls going on")
    with tempfile.TemporaryDirectory(prefix="campaign-") as temporary:
        folder = chosen.keep or Path(temporary)
        good = campaign(chosen.rounds, chosen.seed, chosen.calls, folder, _tell)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
