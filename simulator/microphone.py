"""The caller's microphone: recorded speech where something is said, the faint noise of a room where nothing is."""

import asyncio
import functools
import wave
from collections.abc import Awaitable, Callable
from importlib.resources import files

import numpy as np
import soxr

from simulator.audio import Format, Samples, encode
from simulator.voice import RATE

ROOM_LEVEL = 6
"""Amplitude of the room's noise: about -78 dBFS, far below what any detector takes for speech."""


class RecordingMissing(LookupError):
    """No recording has this name."""


@functools.cache
def recording(name: str) -> Samples:
    """A recording of human speech at 24 kHz. Raises RecordingMissing."""
    source = files("simulator") / "speech" / f"{name}.wav"
    if not source.is_file():
        raise RecordingMissing(f"no recording {name!r} in simulator/speech")
    with source.open("rb") as file, wave.open(file) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
        rate = sound.getframerate()
    raised = soxr.resample(samples.astype(np.float32), rate, RATE)
    spoken: Samples = np.clip(raised, -32768, 32767).astype(np.int16)
    return spoken


@functools.cache
def _room() -> Samples:
    """A second of a quiet room."""
    noise = np.random.default_rng(0).integers(-ROOM_LEVEL, ROOM_LEVEL + 1, RATE)
    return noise.astype(np.int16)


class Microphone:
    """Sends a chunk of sound each `chunk_ms`, on a clock that does not drift, whatever sending takes."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]], form: Format, chunk_ms: int) -> None:
        self._send = send
        self._format = form
        self._chunk_ms = chunk_ms
        self._chunk = RATE * chunk_ms // 1000
        self._saying: Samples = np.zeros(0, dtype=np.int16)
        self._said = asyncio.Event()

    async def say(self, samples: Samples) -> None:
        """Say something; returns when its last chunk has been sent. Needs `listen` to run."""
        self._saying = samples
        self._said.clear()
        await self._said.wait()

    async def listen(self) -> None:
        """Send sound until cancelled."""
        clock = asyncio.get_running_loop()
        due, place = clock.time(), 0
        while True:
            await self._send(encode(self._next(place), self._format))
            place += self._chunk
            due += self._chunk_ms / 1000
            await asyncio.sleep(max(due - clock.time(), 0))

    async def press(self, samples: Samples) -> None:
        """Send a recording in real time, and nothing before or after."""
        pressed = asyncio.ensure_future(self.listen())
        try:
            await self.say(samples)
        finally:
            pressed.cancel()
            await asyncio.wait([pressed])

    def _next(self, place: int) -> Samples:
        chunk = np.take(_room(), range(place, place + self._chunk), mode="wrap")
        spoken, self._saying = self._saying[: self._chunk], self._saying[self._chunk :]
        chunk[: len(spoken)] += spoken
        if not len(self._saying):
            self._said.set()
        return chunk
