"""One generated session: the worker between a client and a server, the wires between them, and the plan of it all."""

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import msgspec

from ingest.envelope import Source
from tests.truth import shapes
from tests.truth.recorder import ClockStep, Recorder, Seen
from tests.truth.shapes import Settings
from tests.truth.truths import Truth
from tests.truth.witness import Witness
from tests.truth.world import Weather, Wire, World

Note = Callable[[Seen], None]
"""What the one who sends a message has to say to it, once the worker has seen it pass."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that is decided before a session begins."""

    seed: int
    kind: str
    settings: Settings
    """What the client wants."""
    begins_as: Settings
    """What the session is before the client has said so."""
    waits: bool = False
    """The client sends nothing until its configuration is confirmed; others send audio at once behind it."""
    beta: bool = False
    sideband: bool = False
    chunk_ms: float = 20.0
    odd_sizes: bool = False
    """Audio comes in pieces of no whole milliseconds."""
    hurry: float = 1.0
    """How much faster than it was spoken the client sends its audio."""
    truncates: bool = True
    """What the client does when the user cuts in: it tells what was heard..."""
    cancels: bool = False
    """...and it cancels the response by itself."""
    names_items: bool = False
    gives_event_ids: bool = False
    near: Weather = Weather(5)
    """Between client and worker."""
    far: Weather = Weather(20)
    """Between worker and server."""
    opened_at_ns: int = 0
    steps: tuple[ClockStep, ...] = ()
    loses: frozenset[str] = frozenset()
    """Types of messages that may be missing from the log."""
    loss: float = 0.0
    explains_loss: bool = False
    usage_told: str = "whole"
    end: str = "client"
    """client, abrupt, expired, died, cut (while the agent speaks)."""


class Call:
    def __init__(self, plan: Plan, session_id: str) -> None:
        self.plan = plan
        self.chance = Random(plan.seed)
        self.world = World()
        self.recorder = Recorder(self.world, session_id, plan.opened_at_ns, plan.steps, self._loses)
        self.recorder.explains = plan.explains_loss
        self.truth = Truth(session_id, agentless=plan.settings.kind == "transcription")
        self.witness = Witness(self.truth, self.recorder, sideband=plan.sideband)
        self.deliver_to_server: Callable[[str, dict[str, Any], Any], None] = lambda *_: None
        self.deliver_to_client: Callable[[str, dict[str, Any], Any], None] = lambda *_: None
        self._loss_chance = Random(plan.seed + 1)
        self._ids = count(1)
        self._up, self._out = self._wire(plan.near), self._wire(plan.far)
        self._back, self._down = self._wire(plan.far), self._wire(plan.near)
        # Of a call that the worker only listens in on, client and server talk past it.
        self._past_out, self._past_down = self._wire(plan.near), self._wire(plan.near)

    def _wire(self, weather: Weather) -> Wire:
        return Wire(self.world, weather, self.chance)

    def _loses(self, _: Source, type_: str) -> bool:
        return type_ in self.plan.loses and self._loss_chance.random() < self.plan.loss

    @property
    def told(self) -> bool:
        """All that the server has said has come to everyone."""
        return self._back.empty and self._down.empty and self._past_down.empty

    def id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._ids):04d}"

    def recorder_says(self, type_: str, **fields: Any) -> Seen:
        return self.recorder.see(Source.RECORDER, type_, _encode({"type": type_, **fields}))

    def client_says(self, type_: str, note: Note | None = None, own: Any = None, **fields: Any) -> None:
        """Send to the server; `own` is what the world knows of the message beside its fields."""
        if self.plan.sideband:
            self._past_out.send(lambda: self.deliver_to_server(type_, fields, own))
            return

        def pass_by() -> None:
            seen = self.recorder.see(Source.CLIENT, type_, _encode({"type": type_, **fields}))
            if note is not None and seen.logged:
                note(seen)
            self._out.send(lambda: self.deliver_to_server(type_, fields, own))

        self._up.send(pass_by)

    def server_says(self, type_: str, note: Note | None = None, own: Any = None, **fields: Any) -> None:
        if self.plan.beta and type_ in shapes.NOT_IN_BETA:
            return
        wire_type = shapes.BETA_TYPES.get(type_, type_) if self.plan.beta else type_
        if self.plan.sideband:
            self._past_down.send(lambda: self.deliver_to_client(type_, fields, own))
            if type_ == "response.output_audio.delta":
                return
        data = _encode({"type": wire_type, "event_id": self.id("event"), **fields})

        def pass_by() -> None:
            seen = self.recorder.see(Source.SERVER, wire_type, data)
            if note is not None and seen.logged:
                note(seen)
            if not self.plan.sideband:
                self._down.send(lambda: self.deliver_to_client(type_, fields, own))

        self._back.send(pass_by)


_encode = msgspec.json.Encoder().encode
