"""The pipeline as a program: replays the journals into the dataset until it is told to stop, come what may.

When the dataset can't be written (full, read-only, deleted), the journal keeps what isn't in it, and the run begins
again from what the dataset has: there is one way to start, and a crash takes it too.
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import structlog

from pipeline import rebuild
from pipeline.dataset import DatasetUnreadable, Reader
from pipeline.dataset_store import open_store
from pipeline.dataset_writer import DatasetInUse, DatasetLost, Writer
from pipeline.domain import fold
from pipeline.price_lists import default_rules, rules_of
from pipeline.replay import CheckpointTooOld, Counts, Replay
from pipeline.replay_sessions import Step
from pipeline.rule_settings import RuleSettings
from pipeline.settings import PipelineSettings
from pipeline.status import Status, write_status
from pipeline.upkeep import Upkeep

log = structlog.get_logger()

STATUS_EVERY_S = 1.0


def default_step() -> Step:
    """The fold with the rules that come with this version."""
    return partial(fold.step, rules=default_rules())


def step_of(settings: RuleSettings) -> Step:
    """The fold with the rules as configured. Raises PriceListUnreadable."""
    return partial(fold.step, rules=rules_of(settings))


def run(
    settings: PipelineSettings,
    ready: Callable[[str], object] = lambda _: None,
    stop: threading.Event | None = None,
    step: Step | None = None,
) -> None:
    """Replay until `stop` is set. Raises DatasetInUse where another pipeline is at work from the start."""
    Pipeline(settings, step or step_of(settings), stop or threading.Event()).run(ready)


async def serve(settings: PipelineSettings, ready: Callable[[str], object]) -> None:
    """The same in a thread of a running loop; cancel it to stop it."""
    stop = threading.Event()
    work = asyncio.ensure_future(asyncio.to_thread(run, settings, ready, stop))
    try:
        await asyncio.shield(work)
    finally:
        stop.set()
        await asyncio.wait([work])


class Pipeline:
    """Begins again until it is stopped."""

    def __init__(self, settings: PipelineSettings, step: Step, stop: threading.Event) -> None:
        self._settings = settings
        self._step = step
        self._stop = stop
        self._counts = Counts()
        self._status = StatusFile(settings)
        self._dataset_id: str | None = None

    def run(self, ready: Callable[[str], object]) -> None:
        """Replay until stopped, whatever the disk does."""
        use_checkpoint = True
        while not self._stop.is_set():
            try:
                self._replay(ready, use_checkpoint=use_checkpoint)
            except CheckpointTooOld as error:
                log.warning("journal is gone beyond the saved states, folding the archive again", worker=str(error))
                use_checkpoint = False
            except DatasetInUse:
                if self._dataset_id is None:
                    raise
                self._wait("another pipeline writes the dataset")
            except (OSError, DatasetLost, DatasetUnreadable) as error:
                self._wait(str(error))
            else:
                use_checkpoint = True

    def _replay(self, ready: Callable[[str], object], *, use_checkpoint: bool) -> None:
        with self._opened() as replay:
            replay.resume(use_checkpoint=use_checkpoint)
            log.info("pipeline runs", dataset=str(self._settings.place), sessions=len(replay.sessions))
            ready(str(self._settings.place))
            while not self._stop.is_set():
                if not replay.turn():
                    self._stop.wait(self._settings.poll_interval_ms / 1000)
                self._status.say("running", replay)
            replay.save()
            self._status.say("stopped", replay, now=True)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Replay]:
        place = self._settings.place
        with contextlib.ExitStack() as open_things:
            writer = Writer.open(place)
            open_things.callback(writer.close)
            reader = Reader(place, memory_limit="512MB", threads=1)
            open_things.callback(reader.close)
            self._notice(writer.id)
            replay = Replay(self._settings, writer, reader, self._step, self._counts)
            open_things.callback(replay.close)
            if writer.owed:
                log.info("folding the archive into new tables", tables=writer.owed)
                rebuild.rebuild_tables(writer, replay.archive, self._step, lambda _: None, writer.owed)
            open_things.callback(Upkeep(self._settings, writer).close)
            yield replay

    def _notice(self, dataset_id: str) -> None:
        """Count it when the dataset was deleted under us: the journal gives back what it still holds."""
        if self._dataset_id not in {None, dataset_id}:
            log.error("dataset was deleted, begun again from what the journal holds", dataset=dataset_id)
            self._status.datasets_lost += 1
        self._dataset_id = dataset_id

    def _wait(self, why: str) -> None:
        self._status.failed(why)
        self._stop.wait(self._settings.retry_seconds)


class StatusFile:
    """Says in the dataset's folder how the pipeline fares, about once a second."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._store = open_store(settings.place)
        self._started_at = datetime.now(UTC)
        self._said_at = 0.0
        self._last: Status | None = None
        self.datasets_lost = 0
        self._failed_commits = 0
        self._last_error: str | None = None

    def say(self, state: str, replay: Replay, *, now: bool = False) -> None:
        """Renew the file where it is time."""
        if now or time.monotonic() - self._said_at >= STATUS_EVERY_S:
            self._said_at = time.monotonic()
            self._write(self._status(state, replay))

    def failed(self, why: str) -> None:
        """Something keeps the dataset from being written."""
        if why != self._last_error:
            # The log may go to the very disk that is full.
            with contextlib.suppress(OSError):
                log.error("dataset can't be written, the journal keeps what isn't in it", why=why)
        self._failed_commits += 1
        self._last_error = why
        if self._last is not None:
            self._write(msgspec.structs.replace(self._last, state="retrying", at=datetime.now(UTC), **self._failures()))

    def _status(self, state: str, replay: Replay) -> Status:
        counts = replay.counts
        return Status(
            state=state,
            pid=os.getpid(),
            at=datetime.now(UTC),
            started_at=self._started_at,
            last_commit_at=counts.last_commit_at,
            commits=counts.commits,
            events=counts.events,
            rows=counts.rows,
            open_sessions=len(replay.sessions),
            workers=replay.workers(),
            set_aside=tuple(replay.sessions.set_aside.values()),
            **self._failures(),
        )

    def _failures(self) -> dict[str, Any]:
        return {
            "datasets_lost": self.datasets_lost,
            "failed_commits": self._failed_commits,
            "last_error": self._last_error,
        }

    def _write(self, status: Status) -> None:
        self._last = status
        # Where the status can't be written, its age says so.
        with contextlib.suppress(OSError):
            write_status(self._store, status)
