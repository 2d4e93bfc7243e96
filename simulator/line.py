"""What the parts of one session share: its clock, its agenda, its ids, and what goes out. Does no I/O.

Whoever drives a session says what time it is and performs the actions it gets back, in order.
"""

import heapq
import random
import string
from collections.abc import Callable
from typing import Any

import msgspec

Event = dict[str, Any]
MS = 1_000_000
"""Nanoseconds."""


class Send(msgspec.Struct, frozen=True):
    """Send this event to the client."""

    event: Event


class Close(msgspec.Struct, frozen=True):
    """Close the socket. The last action of a session."""

    code: int
    reason: str


class Note(msgspec.Struct, frozen=True):
    """Write this into the truth log, with the time at which it is performed."""

    what: str
    fields: Event


Action = Send | Close | Note


class Appointment:
    """Something to do later; `cancelled` is the only thing to change about it."""

    def __init__(self, call: Callable[[], None], at_ns: int) -> None:
        self.call = call
        self.at_ns = at_ns
        self.cancelled = False


class Chance:
    """All randomness of one session. The same seed and session number give the same ids and the same delays."""

    def __init__(self, seed: int | None, number: int) -> None:
        self._random = random.Random() if seed is None else random.Random(f"{seed}/{number}")  # noqa: S311 - no secrets

    def id(self, prefix: str) -> str:
        return f"{prefix}_{''.join(self._random.choices(ALPHABET, k=21))}"

    def letters(self, count: int) -> str:
        return "".join(self._random.choices(ALPHABET, k=count))

    def vary(self, part: float) -> float:
        """A factor around 1, off by up to `part`."""
        return self._random.uniform(1 - part, 1 + part)

    def between(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)


ALPHABET = string.ascii_letters + string.digits
OBFUSCATED_TO = 16
"""Deltas of text carry padding up to this length, so that their size tells nothing."""


class Line:
    """One session's connection, as its parts see it."""

    def __init__(self, chance: Chance, translate: Callable[[Event], Event | None], speed: float, now_ns: int) -> None:
        self.chance = chance
        self.now_ns = now_ns
        self.closed = False
        self._translate = translate
        self._speed = speed
        self._actions: list[Action] = []
        self._agenda: list[tuple[int, int, Appointment]] = []
        self._numbers = iter(range(1 << 62))

    def send(self, kind: str, **fields: Any) -> None:
        """Queue an event for the client. After the close nothing is sent."""
        event = self._translate({"type": kind, "event_id": self.chance.id("event"), **fields})
        if event is not None and not self.closed:
            self._actions.append(Send(event))

    def send_piece(self, kind: str, piece: str, **fields: Any) -> None:
        """Queue a delta of text, with the padding that the API gives it."""
        padding = self.chance.letters(-len(piece) % OBFUSCATED_TO or OBFUSCATED_TO)
        self.send(kind, **fields, delta=piece, obfuscation=padding)

    def send_error(
        self,
        message: str,
        *,
        code: str | None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        client_event_id: str | None = None,
    ) -> None:
        error = {"type": kind, "code": code, "message": message, "param": param, "event_id": client_event_id}
        self.send("error", error=error)
        self.note("error", code=code, message=message)

    def note(self, what: str, **fields: Any) -> None:
        self._actions.append(Note(what, fields))

    def close(self, code: int, reason: str) -> None:
        if not self.closed:
            self._actions.append(Close(code, reason))
        self.closed = True
        self._agenda.clear()

    def later(self, delay_ms: float, call: Callable[[], None], *, scaled: bool = True) -> Appointment:
        """Do something after a delay; `scaled` delays are the agent's and shrink with the speed that was asked for."""
        appointment = Appointment(call, self.now_ns + int(delay_ms * MS / (self._speed if scaled else 1)))
        if not self.closed:
            heapq.heappush(self._agenda, (appointment.at_ns, next(self._numbers), appointment))
        return appointment

    @property
    def next_ns(self) -> int | None:
        """When something is due; None while nothing is planned."""
        while self._agenda and self._agenda[0][2].cancelled:
            heapq.heappop(self._agenda)
        return self._agenda[0][0] if self._agenda else None

    def run_due(self, now_ns: int) -> None:
        """Do what is due by now, each at the time it was planned for."""
        while (due := self.next_ns) is not None and due <= now_ns:
            self.now_ns = max(self.now_ns, due)
            heapq.heappop(self._agenda)[2].call()
        self.now_ns = max(self.now_ns, now_ns)

    def take(self) -> list[Action]:
        """The actions since the last call."""
        actions, self._actions = self._actions, []
        return actions

    def give_back(self, actions: list[Action]) -> None:
        """Put actions in front of those that wait to be taken."""
        self._actions = [*actions, *self._actions]
