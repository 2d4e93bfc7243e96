"""A call's sound on the session's clock: which samples of which event stand where, and how they get there.

The user's audio stands where it arrived at the ingest worker, the agent's where it was played: one delta after
another from the moment the first was seen, and only as far as it was heard (METRICS sections 2 to 4).
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping

import msgspec
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

CHANNELS = ("client", "server")
"""Left, right."""
JITTER_MS = 250.0
"""Audio that arrives this much later than the stream so far would have it still joins on without a hole: networks
bunch packets, microphones don't pause for it."""
WAV_HEADER_BYTES = 44


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """How bytes become samples."""

    encoding: str
    """pcm16, ulaw, alaw."""
    rate: int

    def samples(self, size_bytes: int) -> int:
        """How many samples so many bytes are; half a sample is none."""
        return size_bytes // 2 if self.encoding == "pcm16" else size_bytes

    def duration_ms(self, samples: int) -> float:
        return samples * 1000 / self.rate


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """That an event carries audio, and how much. The audio itself is not needed to know where it stands."""

    seq: int
    source: str
    """client, server."""
    elapsed_ms: float
    response_id: str | None = None
    size_bytes: int
    form: Format
    """In force for it: see `formats`."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Where an event's audio begins on the session's clock, and how many of its samples were heard."""

    seq: int
    source: str
    start_ms: float
    samples: int
    form: Format

    @property
    def end_ms(self) -> float:
        return self.start_ms + self.form.duration_ms(self.samples)


def audio_format(name: str | None) -> Format:
    """The format of a session's configuration, beta and GA names alike; PCM16 of 24 kHz where it says nothing."""
    text = (name or "").lower()
    if "pcmu" in text or "ulaw" in text:
        return Format(encoding="ulaw", rate=8000)
    if "pcma" in text or "alaw" in text:
        return Format(encoding="alaw", rate=8000)
    rate = re.search(r"\d{4,6}", text)
    return Format(encoding="pcm16", rate=int(rate.group()) if rate else 24_000)


def placed(carried: Iterable[Carried], heard_ms: Mapping[str, float]) -> list[Placed]:
    """Where all audio of a call stands, given in the order in which it was seen.

    `heard_ms` says for each response how much of it was heard; one that isn't named was heard to its end.
    """
    ordered = list(carried)
    return [*_user(ordered), *_agent(ordered, heard_ms)]


def lay(frames: Samples, where: Placed, audio: bytes, rate: int, first: int = 0) -> None:
    """Write an event's audio into its channel of `frames`, shaped (frames, 2) at `rate`, as far as it lies on them.

    `frames` are those of the call from its `first` one on.
    """
    samples = _resampled(_decoded(audio, where.form)[: where.samples], where.form.rate, rate)
    at = round(where.start_ms * rate / 1000) - first
    begin, end = max(at, 0), min(at + len(samples), len(frames))
    if begin < end:
        frames[begin:end, CHANNELS.index(where.source)] = samples[begin - at : end - at]


def wav_header(frames: int, rate: int) -> bytes:
    """What stands before the interleaved samples in a stereo WAV file of 16-bit PCM."""
    block, size = 4, frames * 4
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", WAV_HEADER_BYTES - 8 + size, b"WAVE"),
        *(b"fmt ", 16, 1, 2, rate, rate * block, block, 16),
        *(b"data", size),
    )


def _user(carried: Iterable[Carried]) -> Iterator[Placed]:
    """Audio lies where it was captured, as far as its arrival tells.

    Within a stream without a pause the packet that was delayed least gives the clock for all: one that came late, or
    a burst that catches up, moves nothing.
    """
    end = 0.0
    for stream in _streams(carried):
        start = max(end, stream.start_ms)
        end = start + stream.duration_ms
        for seq, samples, form in stream.parts:
            yield Placed(seq=seq, source="client", start_ms=start, samples=samples, form=form)
            start += form.duration_ms(samples)


class _Stream(msgspec.Struct):
    """Audio of the user without a pause, while it is collected."""

    first_ms: float
    """When its first event was seen."""
    start_ms: float
    duration_ms: float = 0.0
    parts: list[tuple[int, int, Format]] = []
    """`seq`, samples and what they are."""

    def continued_by(self, seen_ms: float, duration_ms: float) -> bool:
        """Whether audio belongs to it: it comes without a pause, and not with far more than there was time for."""
        pause_ms = seen_ms - duration_ms - (self.start_ms + self.duration_ms)
        sent_at_once = seen_ms - self.first_ms < JITTER_MS
        return pause_ms < JITTER_MS and (pause_ms > -JITTER_MS or sent_at_once)


def _streams(carried: Iterable[Carried]) -> Iterator[_Stream]:
    stream: _Stream | None = None
    for one in carried:
        if one.source != "client":
            continue
        samples = one.form.samples(one.size_bytes)
        duration = one.form.duration_ms(samples)
        if stream is not None and not stream.continued_by(one.elapsed_ms, duration):
            yield stream
            stream = None
        if stream is None:
            stream = _Stream(first_ms=one.elapsed_ms, start_ms=one.elapsed_ms - duration)
        stream.parts.append((one.seq, samples, one.form))
        stream.duration_ms += duration
        stream.start_ms = min(stream.start_ms, one.elapsed_ms - stream.duration_ms)
    if stream is not None:
        yield stream


def _agent(carried: Iterable[Carried], heard_ms: Mapping[str, float]) -> Iterator[Placed]:
    """The playout clock: a delta is played when it was seen, or after the one before it, until the answer was cut."""
    playout_end = 0.0
    played: dict[str, float] = {}
    for one in carried:
        if one.source != "server":
            continue
        response, form = one.response_id or "", one.form
        samples = form.samples(one.size_bytes)
        left = heard_ms.get(response, float("inf")) - played.get(response, 0.0)
        if left < form.duration_ms(samples):
            samples = max(0, round(left * form.rate / 1000))
        duration = form.duration_ms(samples)
        if duration:
            start = max(playout_end, one.elapsed_ms)
            playout_end = start + duration
            played[response] = played.get(response, 0.0) + duration
            yield Placed(seq=one.seq, source="server", start_ms=start, samples=samples, form=form)


def _decoded(audio: bytes, form: Format) -> Samples:
    match form.encoding:
        case "ulaw":
            return _ULAW[np.frombuffer(audio, np.uint8)]
        case "alaw":
            return _ALAW[np.frombuffer(audio, np.uint8)]
        case _:
            return np.frombuffer(audio[: len(audio) // 2 * 2], "<i2").astype(np.int16)


def _resampled(samples: Samples, own: int, rate: int) -> Samples:
    """By straight lines between samples: good enough to listen to, and without another library."""
    if own == rate or not len(samples):
        return samples
    places = np.arange(round(len(samples) * rate / own)) * (own / rate)
    found: Samples = np.interp(places, np.arange(len(samples)), samples).astype(np.int16)
    return found


def _ulaw_table() -> Samples:
    """ITU-T G.711, mu-law: sign, three bits of exponent, four of mantissa, all inverted."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = (((code & 0x0F).astype(np.int32) << 3) + 0x84 << ((code & 0x70) >> 4).astype(np.int32)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> Samples:
    """ITU-T G.711, A-law: every other bit inverted; exponent 0 has no hidden bit."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = ((code & 0x70) >> 4).astype(np.int32)
    mantissa = ((code & 0x0F).astype(np.int32) << 4) + 8
    magnitude = np.where(exponent == 0, mantissa, mantissa + 0x100 << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_ULAW = _ulaw_table()
_ALAW = _alaw_table()
