"""The worker's place in a generated session: it numbers what it sees, stamps both clocks, and may lose some of it."""

import base64
from collections.abc import Callable
from functools import lru_cache

import msgspec

from ingest.envelope import RecordedEvent, Source
from tests.truth.world import World

WORKER = "truth"


class Seen(msgspec.Struct, frozen=True):
    """A message as the worker saw it."""

    seq: int
    ns: int
    """Monotonic, since the session opened."""
    at_ns: int
    """UTC, by a clock that may have been set in between."""
    logged: bool = True

    @property
    def minute(self) -> int:
        return self.at_ns // 60_000_000_000


class ClockStep(msgspec.Struct, frozen=True):
    """The wall clock is set, forwards or back."""

    after_ns: int
    by_ns: int


class Gap(msgspec.Struct):
    seq: int
    count: int
    at_ns: int
    reason: str | None = None


class Recorder:
    def __init__(
        self,
        world: World,
        session_id: str,
        opened_at_ns: int,
        steps: tuple[ClockStep, ...],
        loses: Callable[[Source, str], bool],
    ) -> None:
        self.events: list[RecordedEvent] = []
        self.gaps: list[Gap] = []
        self.counts = dict.fromkeys(Source, 0)
        self.explains = False
        """Says why events are missing, as soon as it can."""
        self._world = world
        self._session_id = session_id
        self._opened_at_ns = opened_at_ns
        self._steps = steps
        self._loses = loses
        self._seq = 0
        self._lost_from: int | None = None

    @property
    def lossy(self) -> bool:
        """Something is missing from the log, and the log shows it by now."""
        return bool(self.gaps)

    def see(self, source: Source, type_: str, data: bytes) -> Seen:
        """Record a message; one that is lost takes a number all the same."""
        if self._loses(source, type_):
            self._lost_from = self._seq if self._lost_from is None else self._lost_from
            return self._numbered(logged=False)
        if self._lost_from is not None:
            self._notice(source, type_, data)
        self.counts[source] += 1
        seen = self._numbered(logged=True)
        self.events.append(self._event(seen, source, type_, data))
        return seen

    def _notice(self, source: Source, type_: str, data: bytes) -> None:
        assert self._lost_from is not None
        first, self._lost_from = self._lost_from, None
        gap = Gap(first, self._seq - first, self._wall_ns())
        self.gaps.append(gap)
        if self.explains:
            gap.reason = "disk_full"
            fields = {"type": "events.lost", "first_seq": first, "count": gap.count, "reason": "disk_full"}
            self.counts[Source.RECORDER] += 1
            marker = self._event(self._numbered(logged=True), Source.RECORDER, "events.lost", _json(fields))
            self.events.append(marker)

    def _numbered(self, *, logged: bool) -> Seen:
        seen = Seen(self._seq, self._world.now_ns, self._wall_ns(), logged)
        self._seq += 1
        return seen

    def _wall_ns(self) -> int:
        set_by = sum(step.by_ns for step in self._steps if step.after_ns <= self._world.now_ns)
        return self._opened_at_ns + self._world.now_ns + set_by

    def _event(self, seen: Seen, source: Source, type_: str, data: bytes) -> RecordedEvent:
        return RecordedEvent(
            session_id=self._session_id,
            seq=seen.seq,
            elapsed_ns=seen.ns,
            seen_at_ns=seen.at_ns,
            source=source,
            type=type_,
            worker=WORKER,
            data=data,
        )


_json = msgspec.json.Encoder().encode


@lru_cache(maxsize=4096)
def sound(size: int) -> str:
    """Base64 of so many bytes of audio. What is in them is of no matter: the world knows who speaks when."""
    return base64.b64encode(bytes(size)).decode()
