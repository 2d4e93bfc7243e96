"""A WebRTC or SIP call under way: its clock, and who is told what happens in it."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from simulator.audio import Samples
from simulator.line import Close, Note, Send
from simulator.media import NS, Hush, MediaSession, Play
from simulator.truth import TruthLog


class Leg(Protocol):
    """Somebody who follows a call's events: the caller's data channel, or a sideband."""

    def tell(self, event: bytes) -> None:
        """An event of the server, as JSON."""

    def hang_up(self, code: int, reason: str) -> None:
        """The call is over, and this leg is told so."""


class Loudspeaker(Protocol):
    """Where the caller hears the agent."""

    def play(self, samples: Samples) -> None:
        """Play this behind what is playing; 24 kHz."""

    def hush(self) -> None:
        """Play nothing more of what was given."""


class Silence:
    """A loudspeaker that nobody listens to."""

    def play(self, samples: Samples) -> None:
        pass

    def hush(self) -> None:
        pass


class Opening:
    """Keeps what is said before anybody is there."""

    def __init__(self) -> None:
        self.events: list[bytes] = []

    def tell(self, event: bytes) -> None:
        self.events.append(event)

    def hang_up(self, code: int, reason: str) -> None:
        pass


class LiveCall:
    """Performs what its session decides, when it is due."""

    def __init__(self, call_id: str, session: MediaSession, truth: TruthLog, on_over: Callable[[str], None]) -> None:
        self.id = call_id
        self.legs: set[Leg] = set()
        self.loudspeaker: Loudspeaker = Silence()
        self.over = asyncio.Event()
        """Set once the call has ended, however."""
        self.began_ns = time.monotonic_ns()
        self._session = session
        self._truth = truth
        self._on_over = on_over
        self._timer: asyncio.TimerHandle | None = None
        self._opening: tuple[bytes, ...] = ()

    def open(self) -> None:
        """Begin. What is said of it now is for the caller alone, who may not be there yet: see `greet`."""
        opening = Opening()
        self.legs.add(opening)
        self._perform()
        self.legs.discard(opening)
        self._opening = tuple(opening.events)

    def greet(self, leg: Leg) -> None:
        """The caller's own leg is there: tell it that the session exists. Sidebands are never told (PROTOCOL 4.15)."""
        self.legs.add(leg)
        for event in self._opening:
            leg.tell(event)

    def receive(self, message: str | bytes) -> None:
        """Take in a message of a leg."""
        if not self.over.is_set():
            self._session.receive(message, time.monotonic_ns())
            self._perform()

    def hear(self, samples: Samples) -> None:
        """Take in the caller's sound, 24 kHz."""
        if not self.over.is_set():
            self._session.hear(samples, time.monotonic_ns())
            self._perform()

    def press(self, digit: str) -> None:
        """The caller pressed a key of the telephone."""
        if not self.over.is_set():
            self._session.press(digit, time.monotonic_ns(), int(time.time()))
            self._perform()

    def hang_up(self, code: int = 1000, reason: str = "") -> None:
        """End the call and tell all legs."""
        legs, self.legs = self.legs, set()
        self._end(code, reason)
        for leg in legs:
            leg.hang_up(code, reason)

    def caller_left(self) -> None:
        """The browser is gone. As with the API, nobody is told: sidebands stay open and hear nothing more."""
        self._end(1000, "the caller left")

    def _perform(self) -> None:
        for action in self._session.take():
            match action:
                case Send(event):
                    data = msgspec.json.encode(event)
                    for leg in list(self.legs):
                        leg.tell(data)
                case Note(what, fields):
                    self._truth.write(self._session.id, what, fields)
                case Play(samples):
                    self.loudspeaker.play(samples)
                case Hush():
                    self.loudspeaker.hush()
                case Close(code, reason):
                    self.hang_up(code, reason)
                    return
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_ns = self._session.next_ns
        if due_ns is not None and not self.over.is_set():
            wait = max((due_ns - time.monotonic_ns()) / NS, 0)
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake)

    def _wake(self) -> None:
        self._session.wake(time.monotonic_ns())
        self._perform()

    def _end(self, code: int, reason: str) -> None:
        if self.over.is_set():
            return
        self.over.set()
        if self._timer is not None:
            self._timer.cancel()
        ended = {"code": code, "reason": reason, "call_id": self.id, **self._session.totals()}
        self._truth.write(self._session.id, "session_closed", ended)
        self._on_over(self.id)
