"""Builders for the simulator's tests: a session driven by hand with its own clock, and one over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pybase64
from websockets.asyncio.client import ClientConnection, connect

from simulator.audio import Format, Samples, encode
from simulator.line import Close, Note, Send
from simulator.microphone import recording
from simulator.scenario import Kind, Scenario
from simulator.server import serve
from simulator.session import Opening, Session
from simulator.settings import SimulatorSettings

MS = 1_000_000
HEADERS = {"Authorization": "Bearer sk-test"}

SCENARIO = """
[timing]
jitter = 0.0

[[scripts]]
name = "test"
transcripts = ["ten of clubs", "and one more"]
replies = [
    { to = "text", heard = "weather", call = [{ name = "get_weather", arguments = { city = "London" } }] },
    { to = "text", heard = "both", call = [{ name = "get_weather", arguments = { city = "London" } }, \
{ name = "get_weather", arguments = { city = "Lisbon" } }] },
    { to = "text", heard = "fail", status = "failed", reason = "rate_limit_exceeded" },
    { to = "text", heard = "much", say = "This is far too", status = "incomplete", reason = "max_output_tokens" },
    { to = "text", heard = "stall", say = "One moment please, one moment.", stall = { after_ms = 500, for_ms = 900 } },
    { to = "text", heard = "slowly", say = "A slow and a very long answer, which is sent no faster than it is spoken, and not short.", timing = { pace = 1.0 } },
    { to = "tool_output", say = "It is foggy." },
    { to = "idle", say = "Are you still there?" },
    { to = "out_of_band", say = "About cards.", repeat = true },
    { to = "none", say = "Hello!" },
    { say = "Yes, I can hear you.", repeat = true },
]
"""
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def scenario(text: str = SCENARIO) -> Scenario:
    return msgspec.toml.decode(text, type=Scenario)


def silence(length_ms: int) -> Samples:
    return np.zeros(24 * length_ms, dtype=np.int16)


def spoken(name: str, *, before_ms: int = 0, after_ms: int = 0) -> Samples:
    """A recording with silence around it."""
    return np.concatenate([silence(before_ms), recording(name), silence(after_ms)])


def tone(length_ms: int) -> Samples:
    """Something loud."""
    return (12_000 * np.sin(np.arange(24 * length_ms) / 20)).astype(np.int16)


class Driven:
    """A session without a socket; its clock is moved by hand."""

    def __init__(
        self,
        *,
        model: str = "gpt-realtime",
        kind: Kind = "realtime",
        beta: bool = False,
        played: Scenario | None = None,
        seed: int = 1,
        minutes: float = 60,
    ) -> None:
        self.now_ns = 1000 * MS
        opening = Opening(kind=kind, model=model, beta=beta, number=0, now_ns=self.now_ns, unix_seconds=1_700_000_000)
        self.session = Session(opening, played or scenario(), seed=seed, session_minutes=minutes, speed=1)
        self.events: list[dict[str, Any]] = []
        self.times_ms: list[float] = []
        self.notes: list[Note] = []
        self.closes: list[Close] = []
        self._collect()

    def send(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Send one event; the events that it brings at once."""
        return self.send_raw(json.dumps({"type": kind, **fields}))

    def send_raw(self, message: str | bytes) -> list[dict[str, Any]]:
        known = len(self.events)
        self.session.receive(message, self.now_ns)
        self._collect()
        return self.events[known:]

    def wait(self, length_ms: float) -> list[dict[str, Any]]:
        """Let time pass; the events that come meanwhile, each at its time."""
        known, end_ns = len(self.events), self.now_ns + int(length_ms * MS)
        while (due := self.session.next_ns) is not None and due <= end_ns:
            self.now_ns = max(self.now_ns, due)
            self.session.wake(self.now_ns)
            self._collect()
        self.now_ns = end_ns
        return self.events[known:]

    def hear(self, samples: Samples, form: Format = Format.PCM, chunk_ms: int = 100) -> list[dict[str, Any]]:
        """Send sound in real time."""
        known = len(self.events)
        for start in range(0, len(samples), 24 * chunk_ms):
            sound = encode(samples[start : start + 24 * chunk_ms], form)
            self.wait(chunk_ms)
            self.send("input_audio_buffer.append", audio=pybase64.b64encode(sound).decode())
        return self.events[known:]

    def append(self, samples: Samples) -> None:
        """Send sound at once."""
        self.send("input_audio_buffer.append", audio=pybase64.b64encode(encode(samples, Format.PCM)).decode())

    def update(self, **session: Any) -> dict[str, Any]:
        """Change the configuration; the answer."""
        return self.send("session.update", session={"type": "realtime", **session})[-1]

    def type(self, text: str, **response: Any) -> None:
        """Write something and ask for an answer."""
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.send("response.create", **({"response": response} if response else {}))

    def types(self, since: int = 0) -> list[str]:
        return [event["type"] for event in self.events[since:]]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        [event] = self.all(kind)
        return event

    def at_ms(self, kind: str) -> float:
        """When the first event of this type came."""
        return self.times_ms[self.types().index(kind)]

    def noted(self, what: str) -> list[dict[str, Any]]:
        return [note.fields for note in self.notes if note.what == what]

    def _collect(self) -> None:
        for action in self.session.take():
            match action:
                case Send(event):
                    self.events.append(msgspec.json.decode(msgspec.json.encode(event)))
                    self.times_ms.append(self.now_ns / MS)
                case Note():
                    self.notes.append(action)
                case Close():
                    self.closes.append(action)


@asynccontextmanager
async def connected(
    query: str = "model=gpt-realtime", *, headers: dict[str, str] | None = None, path: str = "", **options: Any
) -> AsyncIterator[ClientConnection]:
    """A socket to a simulator of its own."""
    settings = SimulatorSettings(port=0, seed=1, **options)
    wanted = HEADERS | (headers or {})
    async with (
        asyncio.timeout(60),
        serve(settings) as simulator,
        connect(f"{simulator.url}{path}?{query}", additional_headers=wanted, max_size=None) as socket,
    ):
        yield socket


async def received(socket: ClientConnection) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(await socket.recv())
    return event


def written(folder: Path, text: str = SCENARIO) -> Path:
    """A scenario file."""
    path = folder / "scenario.toml"
    path.write_text(text)
    return path
