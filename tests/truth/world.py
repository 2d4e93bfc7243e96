"""Virtual time for generated sessions: what is due happens in order, and wires delay messages but never reorder them."""

import heapq
from collections.abc import Callable, Generator
from random import Random

import msgspec

NS_PER_MS = 1_000_000

Wait = float | Callable[[], bool]
"""Milliseconds to sleep, or what to wait for."""
Process = Generator[Wait, None, None]

_LOOK_EVERY_MS = 7
_PATIENCE_LOOKS = 5000
"""What is waited for happens within 35 s, or the process goes on without: a scene whose event the network swallowed."""


class World:
    """One session's time, in nanoseconds since it opened. Nothing in it sleeps."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.ended = False
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when_ns: int, do: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (when_ns, self._count, do))

    def after(self, ms: float, do: Callable[[], None]) -> None:
        self.at(self.now_ns + round(ms * NS_PER_MS), do)

    def go(self, process: Process) -> None:
        """Run a process: a generator that yields how long it sleeps, or what it waits for."""
        self._resume(process)

    def run(self) -> None:
        """Until the session has ended."""
        while self._due and not self.ended:
            self.now_ns, _, do = heapq.heappop(self._due)
            do()

    def _resume(self, process: Process) -> None:
        wait = next(process, None)
        if callable(wait):
            self._look(process, wait, _PATIENCE_LOOKS)
        elif wait is not None:
            self.after(wait, lambda: self._resume(process))

    def _look(self, process: Process, true: Callable[[], bool], looks: int) -> None:
        if looks == 0 or true():
            self._resume(process)
        else:
            self.after(_LOOK_EVERY_MS, lambda: self._look(process, true, looks - 1))


class Weather(msgspec.Struct, frozen=True):
    """How a wire behaves: a delay with jitter, and now and then a stall, after which all that waited comes in a burst."""

    base_ms: float
    jitter_ms: float = 0.0
    stall_chance: float = 0.0
    """Of each message to be held up."""
    stall_ms: float = 0.0
    """At most."""

    def delay_ns(self, chance: Random) -> int:
        delay = self.base_ms + chance.random() * self.jitter_ms
        if self.stall_chance and chance.random() < self.stall_chance:
            delay += chance.random() * self.stall_ms
        return round(delay * NS_PER_MS)


class Wire:
    """One direction of a connection, as TCP has it: late, together, but in order."""

    def __init__(self, world: World, weather: Weather, chance: Random) -> None:
        self._world = world
        self._weather = weather
        self._chance = chance
        self._last_ns = 0
        self._on_its_way = 0

    @property
    def empty(self) -> bool:
        return self._on_its_way == 0

    def send(self, arrive: Callable[[], None]) -> None:
        due = self._world.now_ns + self._weather.delay_ns(self._chance)
        self._last_ns = max(self._last_ns + 1, due)
        self._on_its_way += 1

        def do() -> None:
            self._on_its_way -= 1
            arrive()

        self._world.at(self._last_ns, do)
