"""Collects each session's events into signals, and says when a signal is due. Pure: the caller brings the time.

What only goes on (audio, deltas) may wait a little for company; anything else makes its session's signal due at once.
"""

from collections.abc import Iterator

import msgspec

from ingest import signals
from ingest.envelope import RecordedEvent
from ingest.signals import Slim

WAIT_NS = 250_000_000
"""How long audio and deltas wait for company: at 250 ms, four records a second for a caller who speaks."""
EVENTS_MAX = 500
BYTES_MAX = 256 << 10
"""Of one signal. More than that is due at once, so a session holds no more memory than that and one message."""

_GOING_ON = frozenset({"input_audio_buffer.append", "session.input_audio_buffer.append"})
_DELTA = ".delta"


class DueSignal(msgspec.Struct, frozen=True):
    session_id: str
    value: bytes
    events: int


class _Stretch(msgspec.Struct):
    worker: str
    began_ns: int
    place: int
    """Where in the journal its first event begins."""
    events: list[Slim] = []
    size: int = 0
    due: bool = False


class Stretches:
    """The signals in the making, one a session. Holds nothing of a session once its signal is taken."""

    def __init__(self, wait_ns: int = WAIT_NS) -> None:
        self._wait_ns = wait_ns
        self._open: dict[str, _Stretch] = {}

    def add(self, event: RecordedEvent, place: int, now_ns: int) -> None:
        """The next event, which begins at that place of its worker's journal."""
        stretch = self._open.get(event.session_id)
        if stretch is None:
            stretch = self._open[event.session_id] = _Stretch(event.worker, now_ns, place)
        found = signals.slim(event)
        stretch.events.append(found)
        stretch.size += len(found.data)
        full = len(stretch.events) >= EVENTS_MAX or stretch.size >= BYTES_MAX
        stretch.due = stretch.due or full or not (event.type in _GOING_ON or event.type.endswith(_DELTA))

    def take(self, now_ns: int, *, everything: bool = False) -> Iterator[DueSignal]:
        """The signals that are due by now, or all; they are not held here any more."""
        for session_id, stretch in list(self._open.items()):
            if everything or stretch.due or now_ns - stretch.began_ns >= self._wait_ns:
                del self._open[session_id]
                value = signals.encode(session_id, stretch.worker, stretch.events)
                yield DueSignal(session_id, value, len(stretch.events))

    def held_from(self) -> int | None:
        """The earliest place in the journal that is still held here; None where nothing is."""
        return min((stretch.place for stretch in self._open.values()), default=None)
