"""Formats, lengths of audio, and the clock that says when the worker saw which position of the input audio.

Lengths are whole nanoseconds, always computed from a sum of bytes, so that odd bytes carry over (PROTOCOL section 5.4).
"""

import struct
from bisect import bisect_left

import msgspec

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class AudioFormat(msgspec.Struct, frozen=True):
    name: str
    """pcm16, g711_ulaw, g711_alaw; with the rate behind it where it is not the usual one: pcm16@16000."""
    bytes_per_second: int


PCM16 = AudioFormat("pcm16", 48_000)
"""Mono, 24 kHz: the API's own default, taken as in force where nothing was reported."""
ULAW = AudioFormat("g711_ulaw", 8_000)
ALAW = AudioFormat("g711_alaw", 8_000)

_PCM_RATE = 24_000
_NAMES = {
    "pcm16": PCM16,
    "audio/pcm": PCM16,
    "g711_ulaw": ULAW,
    "audio/pcmu": ULAW,
    "g711_alaw": ALAW,
    "audio/pcma": ALAW,
}


def audio_format(name: str | None, rate: int | None = None) -> AudioFormat | None:
    """The format of a GA type or a beta name, None where it is neither. The rate matters for PCM alone."""
    known = _NAMES.get(name or "")
    if known is not PCM16 or rate is None or rate == _PCM_RATE:
        return known
    return AudioFormat(f"pcm16@{rate}", rate * 2)


def duration_ns(size: int, bytes_per_second: int) -> int:
    return size * NS_PER_S // bytes_per_second


# --- the append clock

_ENTRY = struct.Struct("<qq")
_CHUNK_BYTES = 64 * _ENTRY.size
_CHUNKS = 32
"""64 x 33 appends are remembered: 42 s of 20 ms chunks, 3.5 min of 100 ms ones, in 34 KB. VAD looks back seconds."""


class AppendClock(msgspec.Struct, frozen=True):
    """For each recent append: the input audio up to and with it, and when it was seen. Of bounded size."""

    tail: bytes = b""
    chunks: tuple[bytes, ...] = ()
    forgotten_ns: int = -1
    """Positions up to here are no longer known. -1: all are."""


class Located(msgspec.Struct, frozen=True):
    """When a position of the input audio was seen, or why that is unknown."""

    elapsed_ns: int | None = None
    reason: str | None = None


def appended(clock: AppendClock, end_ns: int, elapsed_ns: int) -> AppendClock:
    """The clock after an append that carried the input audio to `end_ns`. Positions must not go backwards."""
    tail = clock.tail + _ENTRY.pack(end_ns, elapsed_ns)
    if len(tail) < _CHUNK_BYTES:
        return AppendClock(tail, clock.chunks, clock.forgotten_ns)
    chunks = (*clock.chunks, tail)
    if len(chunks) <= _CHUNKS:
        return AppendClock(b"", chunks, clock.forgotten_ns)
    return AppendClock(b"", chunks[1:], _last_position(chunks[0]))


def locate(clock: AppendClock, position_ns: int) -> Located:
    """When the append was seen that carried this position of the input audio."""
    if position_ns <= clock.forgotten_ns:
        return Located(reason="append_forgotten")
    for chunk in (*clock.chunks, clock.tail):
        if chunk and _last_position(chunk) >= position_ns:
            entries = list(_ENTRY.iter_unpack(chunk))
            _, elapsed_ns = entries[bisect_left(entries, (position_ns, -1))]
            return Located(elapsed_ns=elapsed_ns)
    return Located(reason="not_appended")


def _last_position(chunk: bytes) -> int:
    position, _ = _ENTRY.unpack_from(chunk, len(chunk) - _ENTRY.size)
    return int(position)
