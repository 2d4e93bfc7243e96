"""Journal -> Kafka: every event to `*.events`, its signal to `*.signals`, in order.

The journal is let go only behind what the brokers have acknowledged, so whatever dies begins again from there and
sends a little twice; readers tell by `seq`. While the brokers are away the journal grows, within its own bound.
"""

import time
from collections import deque

import msgspec

from ingest import envelope
from ingest.envelope import EnvelopeUnreadable
from ingest.feed import Feed
from ingest.journal import JournalLine
from ingest.journals import Journals, Lines
from ingest.producing import Sent, acknowledged, settled
from ingest.stretches import Stretches

READER = "kafka"
"""Under this name the publisher tells the journals what it needs no more."""
IN_FLIGHT_MAX = 64
"""Blocks sent and not acknowledged; when there are more, reading waits for the oldest. A block is 1 MiB at most."""
RELEASE_EVERY_S = 1.0


class _Block(msgspec.Struct, frozen=True):
    """What was sent together, and how far it carried the journal."""

    position: int
    held_from: int | None
    """The place from which events were not sent as signals yet when this block was."""
    sent: list[Sent]


class _Progress:
    """One worker's journal on its way."""

    def __init__(self, position: int, wait_ns: int) -> None:
        self.read = position
        self.acknowledged = position
        """Everything before is at the brokers, as event and as signal."""
        self.stretches = Stretches(wait_ns)
        self.blocks: deque[_Block] = deque()

    def sent(self, sent: list[Sent]) -> None:
        """Note what was handed over."""
        if sent:
            self.blocks.append(_Block(self.read, self.stretches.held_from(), sent))

    def settle(self) -> None:
        """Take in what was acknowledged. Raises ClusterAway where something was refused."""
        while self.blocks and all(sent.done() for sent in self.blocks[0].sent):
            block = self.blocks.popleft()
            settled(block.sent)
            held = block.position if block.held_from is None else block.held_from
            self.acknowledged = max(self.acknowledged, min(block.position, held))

    async def settle_down_to(self, blocks: int) -> None:
        """Wait until no more blocks than that are under way. Raises ClusterAway."""
        self.settle()
        while len(self.blocks) > blocks:
            await acknowledged(self.blocks[0].sent)
            self.settle()


class Publisher:
    """Sends the journals' lines into one feed. After a ClusterAway it is of no use: make a new one."""

    def __init__(self, feed: Feed, journals: Journals, *, signal_wait_ms: int = 250) -> None:
        self._feed = feed
        self._journals = journals
        self._wait_ns = signal_wait_ms * 1_000_000
        self._progress: dict[str, _Progress] = {}
        self._released_at = 0.0

    async def turn(self) -> bool:
        """Send what is there and due; False where there was nothing to read. Raises ClusterAway, OSError."""
        busy = False
        for found in self._journals.look():
            busy = True
            await self._take(found)
        for progress in self._progress.values():
            await self._send_due(progress)
        if time.monotonic() - self._released_at >= RELEASE_EVERY_S:
            self.release()
        return busy

    async def finish(self) -> None:
        """Send what is held, wait for all acknowledgements, let go of the journals. Raises ClusterAway, OSError."""
        for progress in self._progress.values():
            progress.sent(await self._feed.signals(progress.stretches.take(0, everything=True)))
            await progress.settle_down_to(0)
        self.release()

    def release(self) -> None:
        """Let the recorder delete what is acknowledged. Raises ClusterAway, OSError."""
        self._released_at = time.monotonic()
        for progress in self._progress.values():
            progress.settle()
        self._journals.release({worker: each.acknowledged for worker, each in self._progress.items()}, READER)
        self._feed.counts.behind_bytes = sum(self._journals.behind_bytes(worker) for worker in self._progress)

    async def _take(self, found: Lines) -> None:
        if found.missing_from is not None:
            self._feed.counts.journal_holes += 1
        progress = self._progress.get(found.worker)
        if progress is None or found.begun_anew_at is not None:
            progress = self._progress[found.worker] = _Progress(_beginning(found), self._wait_ns)
        now_ns = time.monotonic_ns()
        sent: list[Sent] = []
        for line in found.lines:
            sent.append(await self._send_line(found.worker, progress, line, now_ns))
            progress.read = line.position
        progress.sent(sent)
        await self._send_due(progress)

    async def _send_line(self, worker: str, progress: _Progress, line: JournalLine, now_ns: int) -> Sent:
        try:
            event = envelope.decode(line.line)
        except EnvelopeUnreadable as error:
            return await self._feed.damaged(worker, line, error)
        progress.stretches.add(event, progress.read, now_ns)
        return await self._feed.event(event, line.position)

    async def _send_due(self, progress: _Progress) -> None:
        progress.sent(await self._feed.signals(progress.stretches.take(time.monotonic_ns())))
        await progress.settle_down_to(IN_FLIGHT_MAX)


def _beginning(found: Lines) -> int:
    if found.begun_anew_at is not None or not found.lines:
        return found.begun_anew_at or 0
    return found.lines[0].position - len(found.lines[0].line) - 1
