"""The Faust runner: signals in, facts out, states saved; the same fold as everywhere.

An event is acknowledged only after its facts are with the brokers and its session's state is saved, in that order.
So a crash anywhere makes some signals come again: those that are in the state already are dropped by their `seq`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

import structlog

from ingest import signals
from ingest.envelope import RecordedEvent
from ingest.producing import Producer, Sent, acknowledged
from ingest.signals import SignalUnreadable
from pipeline.archive_reader import ArchiveReader
from pipeline.dataset import DatasetUnreadable, Reader
from pipeline.domain.facts import Fact
from pipeline.domain.fold import SessionState
from pipeline.fact_feed import send_fact
from pipeline.folding import Folding, Saved, mended
from pipeline.folding_counts import FoldingCounts
from pipeline.live_minutes import Booking
from pipeline.replay_sessions import Step
from pipeline.worker_app import WorkerApp
from pipeline.worker_settings import WorkerSettings

log = structlog.get_logger("calltape.worker")

HELD_MAX = 20_000
"""Events folded and not acknowledged; when there are more, states are saved at once."""
LOOK_EVERY_S = 0.05
"""How soon a rebalance that waits for us is noticed."""


class Worker:
    """One run of the runner over one Faust application."""

    def __init__(self, settings: WorkerSettings, partitions: int, producer: Producer, step: Step) -> None:
        self._settings = settings
        self._producer = producer
        self._step = step
        self._lock = asyncio.Lock()
        """Held while facts go out: what is saved never runs ahead of what was told."""
        self._outbox: deque[Fact] = deque()
        """Told and not handed over yet. Empty but while the producer is full."""
        self._sent: list[Sent] = []
        self._held: list[Any] = []
        self._booking = Booking()
        self.counts = FoldingCounts()
        self.moved_at = time.monotonic()
        """When something was last acknowledged."""
        self.faust = WorkerApp(settings, partitions, self.take)
        self.folding = Folding(step, self, self.counts)
        self._reader = Reader(settings.place, memory_limit="512MB", threads=1)
        self._archive = ArchiveReader(self._reader)
        self.faust.app.on_partitions_revoked.connect(self._revoked)
        self.faust.app.on_rebalance_complete.connect(self._complete)

    async def start(self) -> None:
        """Join the group and begin."""
        await self.faust.app.start()

    async def stop(self) -> None:
        """Save what was folded, and leave the group."""
        try:
            await self.save()
        finally:
            await self.faust.app.stop()
            self._reader.close()

    async def take(self, event: Any) -> None:
        """One signal: fold it and hand its facts over."""
        self._held.append(event)
        try:
            signal = signals.decode(event.value)
        except SignalUnreadable as error:
            self.counts.unreadable += 1
            message = event.message
            log.warning("record passed over", partition=message.partition, offset=message.offset, why=str(error))
            return
        partition = event.message.partition
        await self._tell(partition, self.folding.take(partition, signal.session_id, signals.events_of(signal)))

    async def keep_saving(self, stop: asyncio.Event) -> None:
        """Save every so often, and at once where a rebalance waits for it or too much is held; until told to stop.

        Not to be cancelled in a run that ends well: a save that was broken off has forgotten what it was to save.
        """
        saved_at = time.monotonic()
        while not stop.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            is_time = time.monotonic() - saved_at >= self._settings.save_every_seconds
            if self._held and (is_time or self.faust.suspended() or len(self._held) > HELD_MAX):
                await self.save()
                saved_at = time.monotonic()

    async def keep_repairing(self) -> None:
        """Ask the archive for what ailing sessions lack, every so often."""
        while True:
            await asyncio.sleep(self._settings.repair_every_seconds)
            self.folding.look_after_quiet()
            for session_id in self.folding.ailing():
                if self.faust.settled():
                    await self._repair(session_id)

    async def save(self) -> None:
        """Have the facts with the brokers, then the states in the tables, then acknowledge. Raises ClusterAway."""
        async with self._lock:
            await self._drain()
            saved, windows = self.folding.saved(), self._booking.take()
            held, self._held = self._held, []
            sent, self._sent = self._sent, []
        await acknowledged(sent)
        self._write(saved)
        for (partition, minute), shares in windows.items():
            if partition in self.faust.assigned():
                with self.faust.writing(partition):
                    self.faust.book(partition, minute, shares)
        for event in held:
            event.ack()
        if held:
            self.moved_at = time.monotonic()

    def read(self, session_id: str) -> bytes | None:
        """A session's state as it was saved last."""
        found: bytes | None = self.faust.sessions.get(session_id.encode())
        return found

    def _write(self, saved: Iterable[Saved]) -> None:
        for each in saved:
            # Where it is not ours any more, its new owner folds from what was acknowledged.
            if each.partition not in self.faust.assigned():
                continue
            key = each.session_id.encode()
            with self.faust.writing(each.partition):
                if each.state is None:
                    self.faust.sessions.pop(key, None)
                else:
                    self.faust.sessions[key] = each.state
                if each.ailing:
                    self.faust.ailing[key] = b"%d" % each.reaches
                elif key in self.faust.ailing:
                    del self.faust.ailing[key]

    async def _tell(self, partition: int, facts: list[Fact]) -> None:
        self._booking.add(partition, facts)
        self._outbox += facts
        async with self._lock:
            await self._drain()

    async def _drain(self) -> None:
        while self._outbox:
            # It leaves the outbox only once it is handed over: whoever is cancelled here loses nothing by it.
            sent = await send_fact(self._producer, self._settings.kafka_topic_prefix, self._outbox[0])
            self._outbox.popleft()
            self._sent.append(sent)

    async def _repair(self, session_id: str) -> None:
        ailing = self.folding.ailment(session_id)
        if ailing is None:
            return
        try:
            state, facts = await asyncio.to_thread(self._mended, session_id, ailing.state)
        except DatasetUnreadable as error:
            log.warning("archive can't be read, trying again", session_id=session_id, why=str(error))
        except Exception as error:  # noqa: BLE001 -- a mistake in the fold: one session's, not the others'
            self.folding.set_aside(session_id, error)
        else:
            if self.folding.ailment(session_id) is not None:
                await self._tell(ailing.partition, [*facts, *self.folding.repaired(session_id, state)])

    def _mended(self, session_id: str, state: SessionState) -> tuple[SessionState, list[Fact]]:
        def archived() -> Iterable[RecordedEvent]:
            return (found.event for found in self._archive.events(session_id, state.next_seq))

        return mended(self._step, state, archived())

    async def _revoked(self, _app: Any, revoked: Iterable[Any], **_: Any) -> None:
        partitions = {tp.partition for tp in revoked}
        self.folding.give_up(partitions)

    async def _complete(self, _app: Any, **_: Any) -> None:
        """Partitions are ours, with their states: take up the sessions that run, and those that are ailing."""
        self.moved_at = time.monotonic()
        for key in list(self.faust.sessions.keys()):
            partition = self.faust.partition_of(key)
            if partition in self.faust.assigned():
                reaches = self.faust.ailing.get(key)
                self.folding.resume(partition, key.decode(), None if reaches is None else int(reaches))
