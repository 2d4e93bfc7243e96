"""The stream processor as a program: one run, ended by a signal or by whatever it can't get over."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric

from ingest.exposition import exposed
from ingest.kafka import signals_topic
from ingest.producing import ClusterAway, producing
from pipeline import topics
from pipeline.replay_sessions import Step
from pipeline.worker import Worker
from pipeline.worker_app import changelog_topics
from pipeline.worker_settings import WorkerSettings

log = structlog.get_logger("calltape.worker")

METRICS_PREFIX = "calltape_worker_"
FALLING = frozenset({"sessions", "ailing", "state_bytes"})
STUCK_EXIT_CODE = 75
"""EX_TEMPFAIL: whoever starts us should do so again."""
NS_PER_USD = 1_000_000_000


class WorkerFailed(Exception):
    """The run can't go on; the message says why. Starting again takes up where it was."""


def run(settings: WorkerSettings, step: Step, ready: Callable[[str], object]) -> None:
    """Fold until SIGTERM or SIGINT. Raises WorkerFailed."""
    import uvloop  # noqa: PLC0415  # does not exist on Windows

    try:
        uvloop.run(_serve(settings, step, ready))
    except (ClusterAway, topics.ClusterUnusable) as error:
        raise WorkerFailed(str(error)) from error


async def _serve(settings: WorkerSettings, step: Step, ready: Callable[[str], object]) -> None:
    partitions = await topics.partitions_of(settings, signals_topic(settings.kafka_topic_prefix))
    await topics.create(settings, topics.changelogs(changelog_topics(settings.group)), partitions, settings.replication)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with producing(settings, f"calltape-worker-{settings.name}", "lz4") as producer:
        worker = Worker(settings, partitions, producer, step)
        await worker.start()
        host, port = settings.metrics_host, settings.metrics_port
        watch = Watch(worker, settings.stuck_after_seconds)
        with exposed(METRICS_PREFIX, worker.counts, host, port, falling=FALLING, more=watch.metrics), watch.running():
            ready(f"{settings.kafka} as {settings.group}, {partitions} partitions")
            await _until(stop, worker, watch)


async def _until(stop: asyncio.Event, worker: Worker, watch: "Watch") -> None:
    tasks = [
        asyncio.ensure_future(work)
        for work in (worker.keep_saving(stop), worker.keep_repairing(), watch.keep_looking(), _crash(worker))
    ]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    failures = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    failure = next((each for each in failures if each is not None), None)
    if failure is not None:
        # Nothing more is saved or acknowledged: what was not is folded again by whoever takes over.
        raise WorkerFailed(str(failure) or type(failure).__name__) from failure
    await worker.stop()


async def _crash(worker: Worker) -> None:
    """Raise what Faust crashed with, once it does."""
    app = worker.faust.app
    await app.wait_for_stopped(asyncio.Event())
    raise WorkerFailed(f"Faust stopped: {app.crash_reason!r}")


class Watch:
    """Sees whether anything moves, from a thread of its own: a loop that hangs can't say so itself."""

    def __init__(self, worker: Worker, stuck_after_s: float) -> None:
        self._worker = worker
        self._stuck_after_s = stuck_after_s
        self._beat_at = time.monotonic()
        self._over = threading.Event()
        self._lag: dict[int, int] = {}
        self._minutes: list[tuple[str, dict[str, float]]] = []

    async def keep_looking(self) -> None:
        """Beat, and note what /metrics shows: Faust may only be asked from its own loop."""
        while True:
            self._beat_at = time.monotonic()
            self._lag = self._worker.faust.lag()
            if not any(self._lag.values()):
                self._worker.moved_at = self._beat_at
            if self._worker.faust.settled():
                minute = int(time.time()) // 60 * 60
                self._minutes = [("current", self._known(minute)), ("last", self._known(minute - 60))]
            await asyncio.sleep(1.0)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Watch within the block; when nothing moves for too long, the process ends."""
        thread = threading.Thread(target=self._run, name="watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def metrics(self) -> Iterable[Metric]:
        """Lag by partition, and the minute that runs beside the one that is over."""
        lag = GaugeMetricFamily(METRICS_PREFIX + "lag", "signals not committed yet", labels=["partition"])
        for partition, count in self._lag.items():
            lag.add_metric([str(partition)], count)
        yield lag
        live = GaugeMetricFamily(
            METRICS_PREFIX + "minute", "calls of a UTC minute, known so far", labels=["minute", "what"]
        )
        for minute, numbers in self._minutes:
            for what, value in numbers.items():
                live.add_metric([minute, what], value)
        yield live

    def _known(self, minute: int) -> dict[str, float]:
        known = self._worker.faust.minute(minute)
        waits = known.perceived_ms
        found = {
            "sessions": float(known.sessions),
            "audio_in_ms": known.audio_in_ms,
            "generated_ms": known.generated_ms,
            "heard_ms": known.heard_ms,
            "metered_usd": known.metered_usd_nanos / NS_PER_USD,
            "billed_usd": known.billed_usd_nanos / NS_PER_USD,
            "answered_turns": float(len(waits)),
        }
        if waits:
            found |= {"perceived_p50_ms": waits[len(waits) // 2], "perceived_p95_ms": waits[len(waits) * 95 // 100]}
        return found

    def _run(self) -> None:
        while not self._over.wait(1.0):
            now = time.monotonic()
            if now - self._beat_at > self._stuck_after_s:
                self._end("the event loop hangs")
            if any(self._lag.values()) and now - self._worker.moved_at > self._stuck_after_s:
                self._end("signals wait and none is acknowledged")

    @staticmethod
    def _end(why: str) -> None:
        log.error("stuck, ending to be started again", why=why)
        os._exit(STUCK_EXIT_CODE)
