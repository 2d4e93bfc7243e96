"""Asks in SQL for the pages: hands questions to processes of their own, and ends one that does not come back."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from typing import Final

import msgspec
import pyarrow as pa

from dashboard.console_process import Asked, Question, Told, receive, send
from pipeline.dataset_store import Where
from pipeline.sql_guard import SqlRefused

AT_ONCE: Final = 2
"""Questions answered at a time. Further ones wait as long as a question may take, and are then told to come back."""
GRACE_S: Final = 2.0
"""What DuckDB can't break off (a single huge value, say) is ended with its process so much after its time."""
START_S: Final = 60.0


class Answered(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The rows of an answer."""

    rows: pa.Table
    cut: str | None
    """Why there are fewer rows than the answer has: rows, bytes."""
    took_ms: float


class Console:
    """A bounded number of processes that answer questions about one dataset. Safe to share between threads."""

    def __init__(self, place: Where, *, rows_max: int, within_s: float) -> None:
        self.rows_max, self.within_s = rows_max, within_s
        self._place = place
        self._free: Queue[_Process | None] = Queue()
        for _ in range(AT_ONCE):
            self._free.put(None)

    def ask(self, sql: str) -> Answered:
        """The answer. Raises SqlRefused, whose message says why there is none."""
        with self._process() as process:
            told, rows = process.ask(Question(sql=sql, rows_max=self.rows_max, within_s=self.within_s))
        if told.refused is not None:
            raise SqlRefused(told.refused)
        return Answered(rows=rows, cut=told.cut, took_ms=told.took_ms)

    def close(self) -> None:
        """End the processes that answer nothing just now; one that does ends with its answer."""
        while not self._free.empty():
            process = self._free.get()
            if process is not None:
                process.end()

    @contextmanager
    def _process(self) -> Iterator["_Process"]:
        try:
            process = self._free.get(timeout=self.within_s)
        except Empty:
            raise SqlRefused(f"{AT_ONCE} other questions are being answered: ask again in a moment") from None
        try:
            if process is not None and not process.alive:
                process.end()
                process = None
            process = process or _Process(self._place)
            yield process
        finally:
            self._free.put(process if process is not None and process.alive else None)


class _Process:
    """One process that answers, one question at a time."""

    def __init__(self, place: Where) -> None:
        self._process = subprocess.Popen(  # our own program
            [sys.executable, "-m", "dashboard.console_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        with self._within(START_S) as late:
            # Not in the command line: an object store's options may hold a key.
            send(self._to, msgspec.json.encode(Asked.of(place)))
            if receive(self._from) is None:
                self.end()
                raise SqlRefused(
                    "the console could not be started: the dashboard's log says why" + (" (too slow)" if late else "")
                )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, question: Question) -> tuple[Told, pa.Table]:
        with self._within(question.within_s + GRACE_S) as late:
            try:
                send(self._to, msgspec.json.encode(question))
                told, rows = receive(self._from), receive(self._from)
            except BrokenPipeError:
                told = rows = None
        if told is None or rows is None:
            self.end()
            raise SqlRefused(
                f"stopped after {question.within_s:g} s, the time limit: ask for less at once"
                if late
                else "the answer needs more memory than a question here may take: ask for less at once"
            )
        with pa.ipc.open_stream(rows) as stream:
            return msgspec.json.decode(told, type=Told), stream.read_all()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    @contextmanager
    def _within(self, seconds: float) -> Iterator[list[bool]]:
        """Kill the process unless the block ends in time; the list then holds something."""
        late: list[bool] = []

        def kill() -> None:
            late.append(True)
            self._process.kill()

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()
