"""The ingest worker: relay, recorder and journal put together from settings, and stopped by signals."""

import asyncio
import contextlib
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import structlog

from ingest import assembly, journal_files, metrics
from ingest.counts import Counts
from ingest.journal import Journal
from ingest.listening import Listener
from ingest.recording import Recorder
from ingest.recordings import Recordings
from ingest.relay import Relay
from ingest.settings import IngestSettings
from ingest.warden import Spending

Metered = Callable[[Path, int], contextlib.AbstractAsyncContextManager[Spending]]
"""From a journal folder and the position at which this worker's sessions begin, to what they cost."""

log = structlog.get_logger("calltape.ingest")


def run(settings: IngestSettings, ready: Callable[[str], None] = print, metered: Metered | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Raises PortTaken, PortUnusable and JournalUnusable before anything is served."""
    _allow_many_sockets()
    if sys.platform == "win32":
        asyncio.run(serve(settings, ready, metered))
        return
    import uvloop  # noqa: PLC0415  # does not exist on Windows

    uvloop.run(serve(settings, ready, metered))


async def serve(settings: IngestSettings, ready: Callable[[str], None], metered: Metered | None = None) -> None:
    """Serve until a signal asks to stop: the first drains, the second ends at once.

    `ready` gets the relay's URL once clients are taken.
    """
    with _signals() as (first, second):
        async with running(settings, metered) as (relay, url):
            ready(url)
            await first.wait()
            await _whichever_first(relay.drain(settings.drain_seconds), second.wait())


@contextlib.asynccontextmanager
async def running(settings: IngestSettings, metered: Metered | None = None) -> AsyncIterator[tuple[Relay, str]]:
    """A relay that takes clients, and its URL. Leaving the block ends what is left at once, then closes the journal.

    `metered` knows what sessions cost; it is asked only where a limit of that is set.
    """
    journal = Journal.open(
        settings.data_dir / "journal",
        settings.worker,
        segment_max_bytes=settings.journal_segment_max_mib << 20,
        journal_max_bytes=int(settings.journal_max_gib * (1 << 30)),
        keep_bytes=int(settings.journal_keep_gib * (1 << 30)),
    )
    recorder = Recorder(journal)
    try:
        counts = Counts()
        async with contextlib.AsyncExitStack() as stack:
            spending = None
            if metered is not None and settings.limit_book().watch_spend:
                newest = journal_files.segments(journal.folder)[-1].number
                spending = await stack.enter_async_context(metered(journal.folder, journal_files.position(newest, 0)))
            parts = assembly.parts(settings, Recordings(recorder, counts), counts, spending)
            relay = Relay(parts)
            await stack.enter_async_context(_metrics(settings, relay, metrics.exposition(counts, journal.counters)))
            url = await relay.listen(settings.host, settings.port, settings.server_tls())
            watching = asyncio.ensure_future(parts.warden.watch())
            try:
                yield relay, url
            finally:
                await relay.stop()
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
    finally:
        recorder.close()


@contextlib.asynccontextmanager
async def _metrics(settings: IngestSettings, relay: Relay, text: Callable[[], bytes]) -> AsyncIterator[None]:
    if settings.metrics_port < 0:
        yield
        return
    listener = Listener(lambda wire: metrics.answer(wire, healthy=lambda: not relay.draining, metrics=text))
    address = await listener.listen(settings.metrics_host, settings.metrics_port, None, setting="metrics_port")
    log.info("metrics served", address=address)
    try:
        yield
    finally:
        listener.take_no_more()
        listener.cancel()
        await listener.over(1.0)


@contextlib.contextmanager
def _signals() -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Events for the first and the second signal that asks the worker to stop."""
    first, second = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        (second if first.is_set() else first).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    try:
        yield first, second
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _whichever_first(*waits: Coroutine[Any, Any, Any]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _allow_many_sockets() -> None:
    """A call takes two sockets, and the customary limit of 1,024 open files would be reached at 500 calls."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
