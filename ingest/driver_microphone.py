"""The driver's microphone: sends sound in real time, on a clock that doesn't drift, whatever sending takes."""

import asyncio
from collections.abc import Awaitable, Callable

from ingest.driver_sound import Sounds, bytes_per_ms


class Microphone:
    """While it is open it sends a quiet room where nothing is said; closed, it sends only what is said."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]], sounds: Sounds, chunk_ms: int) -> None:
        self.open = False
        self.form = "audio/pcm"
        """As the server has it in force; what is being said already goes on as it began."""
        self._send = send
        self._sounds = sounds
        self._chunk_ms = chunk_ms
        self._saying = memoryview(b"")
        self._room_place = 0
        self._said = asyncio.Event()

    async def say(self, name: str) -> None:
        """Say a recording; returns when the last of it was sent. Needs `run`. Raises SoundMissing, SoundUnreadable."""
        self._saying = memoryview(self._sounds.wire(name, self.form))
        self._said.clear()
        await self._said.wait()

    async def run(self) -> None:
        """Send until cancelled."""
        clock = asyncio.get_running_loop()
        due = clock.time()
        while True:
            chunk = self._next()
            if chunk:
                await self._send(chunk)
            if not self._saying:
                self._said.set()
            due += self._chunk_ms / 1000
            await asyncio.sleep(max(due - clock.time(), 0))

    def _next(self) -> bytes:
        size = self._chunk_ms * bytes_per_ms(self.form)
        spoken, self._saying = bytes(self._saying[:size]), self._saying[size:]
        return spoken + self._room(size - len(spoken)) if self.open else spoken

    def _room(self, size: int) -> bytes:
        room = self._sounds.room(self.form)
        begin = self._room_place % len(room)
        self._room_place += size
        return (room[begin:] + room * (size // len(room) + 1))[:size]
