"""Load for relays: many calls at the cadence of a microphone, and an upstream that answers in bursts. One process.

Speaks WebSocket by hand, so that what is measured is the relay. Client and upstream share a clock: a frame carries
when it was sent, and who gets it knows how long it took.
"""

import array
import asyncio
import base64
import hashlib
import random
import re
import time
from collections.abc import Callable

import msgspec
from websockets.speedups import apply_mask

APPEND_EVERY_SECONDS = 0.1
APPEND_BYTES = 6_500
BURST_EVERY_APPENDS = 20
BURST_FRAMES = 10
BURST_BYTES = (4_000, 20_000)
_STAMP = b'{"sent":"%020d","type":"%s","delta":"'
_SENT = re.compile(rb'\{"sent": ?"(\d{20})"')
"""LiteLLM writes messages anew, with blanks."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def message(kind: bytes, size: int) -> bytes:
    """A JSON text of that size that begins with room for the time."""
    begin = _STAMP % (0, kind)
    return begin + b"A" * (size - len(begin) - 2) + b'"}'


def head_of(size: int, *, masked: bool) -> bytes:
    """The frame's head. Masked by zeros: legal, and it costs the load nothing; the relay unmasks all the same."""
    bit, mask = (0x80, bytes(4)) if masked else (0, b"")
    if size < 126:
        return bytes((0x81, bit | size)) + mask
    if size < 1 << 16:
        return bytes((0x81, bit | 126)) + size.to_bytes(2, "big") + mask
    return bytes((0x81, bit | 127)) + size.to_bytes(8, "big") + mask


class Tally:
    """What arrived, and how long each frame was on its way, while it counts."""

    def __init__(self) -> None:
        self.counting = False
        self.took_ns = array.array("q")

    def arrived(self, payload: bytes) -> None:
        if self.counting and (sent := _SENT.match(payload)):
            self.took_ns.append(time.monotonic_ns() - int(sent[1]))


class Frames:
    """Cuts a stream of whole text frames, masked by zeros or not, into payloads."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._rest = b""

    def feed(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= 14:
            length, start = data[at + 1] & 0x7F, at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            start += 4 if data[at + 1] & 0x80 else 0
            if start + length > end:
                break
            payload, mask = data[start : start + length], data[start - 4 : start]
            # Those who mask anew don't use zeros.
            self._take(apply_mask(payload, mask) if data[at + 1] & 0x80 and mask != bytes(4) else payload)
            at = start + length
        self._rest = data[at:]


class Side(asyncio.Protocol):
    """What client and upstream have in common: a handshake, then frames."""

    transport: asyncio.Transport

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.open = asyncio.get_running_loop().create_future()
        self._head = b""
        self._frames = Frames(self.took)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is one by what it does

    def data_received(self, data: bytes) -> None:
        if self.open.done():
            self._frames.feed(data)
            return
        self._head += data
        if b"\r\n\r\n" in self._head:
            head, rest = self._head.split(b"\r\n\r\n", 1)
            self.answered(head)
            self.open.set_result(None)
            if rest:
                self._frames.feed(rest)

    def answered(self, head: bytes) -> None:
        raise NotImplementedError

    def took(self, payload: bytes) -> None:
        self.tally.arrived(payload)

    def send(self, kind: bytes, size: int, *, masked: bool) -> None:
        text = message(kind, size)
        stamped = text[:9] + b"%020d" % time.monotonic_ns() + text[29:]
        self.transport.write(head_of(size, masked=masked) + stamped)


class Upstream(Side):
    """Answers some of what it is sent."""

    def __init__(self, tally: Tally, chosen: random.Random) -> None:
        super().__init__(tally)
        self._chosen = chosen
        self._appends = 0

    def answered(self, head: bytes) -> None:
        lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
        headers = {name.lower(): value.strip() for name, _, value in lines}
        if b"sec-websocket-key" not in headers:
            # LiteLLM looks whether its models are well.
            self.transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()
            return
        accept = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + _GUID).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def took(self, payload: bytes) -> None:
        super().took(payload)
        self._appends += 1
        if self._appends % BURST_EVERY_APPENDS == 0:
            for _ in range(BURST_FRAMES):
                self.send(b"response.output_audio.delta", self._chosen.randint(*BURST_BYTES), masked=False)


class Client(Side):
    """Sends at the cadence of a microphone."""

    def __init__(self, tally: Tally, path: str) -> None:
        super().__init__(tally)
        self._path = path
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Authorization: Bearer sk-bench\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def answered(self, head: bytes) -> None:
        assert head.startswith(b"HTTP/1.1 101"), head[:200]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's name
        self.stop()
        if not self.open.done():
            self.open.set_exception(ConnectionError("lost before it was answered"))

    def begin(self, delay: float) -> None:
        """Talk from then on."""
        self._tick(asyncio.get_running_loop().time() + delay)

    def stop(self) -> None:
        """Say no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() >= due:
            self.send(b"input_audio_buffer.append", APPEND_BYTES, masked=True)
            due += APPEND_EVERY_SECONDS
        self._timer = loop.call_at(due, self._tick, due)


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """One run's outcome."""

    frames: int
    p50_us: float
    p99_us: float


async def hold_calls(
    address: str, path: str, tally: Tally, *, sessions: int, warm_up: float, seconds: float, measured: "Measured"
) -> Taken:
    """Hold that many calls at `host:port` for that long."""
    loop = asyncio.get_running_loop()
    host, port = address.split(":")
    calls: list[Client] = []
    try:
        for _ in range(sessions):
            _, call = await loop.create_connection(lambda: Client(tally, path), host, int(port))
            calls.append(call)
            async with asyncio.timeout(20):
                await call.open
        for number, call in enumerate(calls):
            call.begin(number / sessions * APPEND_EVERY_SECONDS)
        await asyncio.sleep(warm_up)
        tally.took_ns = array.array("q")
        tally.counting = True
        measured.begin()
        await asyncio.sleep(seconds)
        measured.end()
        tally.counting = False
    finally:
        for call in calls:
            call.stop()
            call.transport.close()
    took = sorted(tally.took_ns)
    if not took:
        raise RuntimeError("nothing arrived")
    return Taken(frames=len(took), p50_us=took[len(took) // 2] / 1000, p99_us=took[len(took) * 99 // 100] / 1000)


class Measured:
    """Told when the measured stretch begins and ends."""

    def begin(self) -> None: ...

    def end(self) -> None: ...
