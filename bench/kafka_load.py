"""Calls of real cadence, handed to the real recorder: what ingest workers would write, without their sockets."""

import random
import threading
import time
from pathlib import Path
from typing import Self

from bench.freshness import APPEND_EVERY_S, Call
from ingest.journal import Journal
from ingest.recording import Recorder

WORKER = "bench"


class Load:
    """So many calls at a time, each of a length of its own, a new one for each that ends; until the block ends."""

    def __init__(self, data_dir: Path, *, calls: int, seed: int, length_s: tuple[float, float] = (5.0, 30.0)) -> None:
        # Nothing is deleted: in the end the journal is what the archive must hold.
        self._journal = Journal.open(data_dir / "journal", WORKER, keep_bytes=1 << 50, journal_max_bytes=1 << 50)
        self._recorder = Recorder(self._journal)
        self._calls = calls
        self._length_s = length_s
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._open: list[tuple[float, Call]] = []
        self.sessions = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._over.set()
        self._thread.join()
        for _, call in self._open:
            call.close()
        self._recorder.close()

    @property
    def running(self) -> int:
        """Calls that go on."""
        return len(self._open)

    @property
    def events(self) -> int:
        """Written so far."""
        return self._journal.counters.events_written

    def _run(self) -> None:
        began = time.monotonic()
        while not self._over.wait(max(0.0, began + APPEND_EVERY_S - time.monotonic())):
            began = time.monotonic()
            self._begin(began)
            for _, call in self._open:
                call.tick(began)
            self._end(began)

    def _begin(self, now: float) -> None:
        while len(self._open) < self._calls:
            ends = now + self._chance.uniform(*self._length_s)
            self._open.append((ends, Call(self._recorder, self.sessions % 97, now, 97)))
            self.sessions += 1

    def _end(self, now: float) -> None:
        for ends, call in list(self._open):
            if ends <= now:
                call.close()
                self._open.remove((ends, call))
