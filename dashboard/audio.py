"""A call's sound on the session's clock: the user left, the agent right, as samples, as WAV and as a wave's outline.

The user's audio stands where it arrived at the ingest worker, the agent's where it was played: one delta after
another from the moment the first was seen, and only as far as it was heard (METRICS sections 2 to 4).
"""

import io
import re
import wave
from collections.abc import Iterable, Iterator, Mapping

import msgspec
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

JITTER_MS = 250.0
"""Audio that arrives this much later than the stream so far would have it still joins on without a hole: networks
bunch packets, microphones don't pause for it."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """The audio of one event."""

    source: str
    """client, server."""
    elapsed_ms: float
    response_id: str | None = None
    audio: bytes


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """How bytes become samples."""

    encoding: str
    """pcm16, ulaw, alaw."""
    rate: int


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Samples and where they begin on the session's clock."""

    source: str
    start_ms: float
    samples: Samples


class Stereo(msgspec.Struct, frozen=True, kw_only=True):
    """Two channels of one length that begin at `from_ms` of the session."""

    rate: int
    from_ms: float
    user: Samples
    agent: Samples

    @property
    def duration_ms(self) -> float:
        return len(self.user) * 1000 / self.rate


def audio_format(name: str | None) -> Format:
    """The format of a session's configuration, beta and GA names alike; PCM16 of 24 kHz where it says nothing."""
    text = (name or "").lower()
    if "pcmu" in text or "ulaw" in text:
        return Format(encoding="ulaw", rate=8000)
    if "pcma" in text or "alaw" in text:
        return Format(encoding="alaw", rate=8000)
    rate = re.search(r"\d{4,6}", text)
    return Format(encoding="pcm16", rate=int(rate.group()) if rate else 24_000)


def stereo(
    chunks: Iterable[Chunk],
    heard_ms: Mapping[str, float],
    *,
    user_format: Format,
    agent_format: Format,
    from_ms: float,
    until_ms: float,
) -> Stereo:
    """Both sides between two moments of the session, silence where nobody's audio was.

    `heard_ms` says for each response how much of it was heard; one that isn't named was heard to its end.
    """
    rate = max(user_format.rate, agent_format.rate)
    length = max(0, round((until_ms - from_ms) * rate / 1000))
    sides = {"client": np.zeros(length, np.int16), "server": np.zeros(length, np.int16)}
    ordered = list(chunks)
    for placed in (*_user(ordered, user_format), *_agent(ordered, agent_format, heard_ms)):
        own = user_format.rate if placed.source == "client" else agent_format.rate
        _lay(
            sides[placed.source],
            _resampled(placed.samples, own, rate),
            round((placed.start_ms - from_ms) * rate / 1000),
        )
    return Stereo(rate=rate, from_ms=from_ms, user=sides["client"], agent=sides["server"])


def wav(*channels: Samples, rate: int) -> bytes:
    """A WAV file of 16-bit PCM with the channels interleaved."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(len(channels))
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.stack(channels, axis=1).astype("<i2").tobytes())
    return file.getvalue()


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """How loud a moment is, from 0 to 1 of full scale."""

    at_s: float
    loudness: float


def outline(samples: Samples, *, rate: int, from_ms: float, points: int) -> list[Peak]:
    """The loudest sample of each of at most so many equal stretches."""
    size = max(1, -(-len(samples) // points))
    whole = np.abs(np.pad(samples, (0, -len(samples) % size)).astype(np.int32)).reshape(-1, size)
    step_s = size / rate
    return [
        Peak(at_s=from_ms / 1000 + (place + 0.5) * step_s, loudness=float(peak) / 32_768)
        for place, peak in enumerate(whole.max(axis=1) if len(samples) else ())
    ]


def _user(chunks: Iterable[Chunk], form: Format) -> Iterator[Placed]:
    """Audio lies where it was captured, as far as its arrival tells.

    Within a stream without a pause the packet that was delayed least gives the clock for all: one that came late, or
    a burst that catches up, moves nothing.
    """
    end = 0.0
    for stream in _streams(chunks, form):
        start = max(end, stream.start_ms)
        samples = np.concatenate(stream.samples)
        end = start + stream.duration_ms
        yield Placed(source="client", start_ms=start, samples=samples)


class _Stream(msgspec.Struct):
    """Audio of the user without a pause, while it is collected."""

    first_ms: float
    """When its first chunk was seen."""
    start_ms: float
    duration_ms: float = 0.0
    samples: list[Samples] = []

    def continued_by(self, seen_ms: float, duration_ms: float) -> bool:
        """Whether a chunk belongs to it: it comes without a pause, and not with far more than there was time for."""
        pause_ms = seen_ms - duration_ms - (self.start_ms + self.duration_ms)
        sent_at_once = seen_ms - self.first_ms < JITTER_MS
        return pause_ms < JITTER_MS and (pause_ms > -JITTER_MS or sent_at_once)


def _streams(chunks: Iterable[Chunk], form: Format) -> Iterator[_Stream]:
    stream: _Stream | None = None
    for chunk in chunks:
        if chunk.source != "client":
            continue
        samples = _decoded(chunk.audio, form)
        duration = len(samples) * 1000 / form.rate
        if stream is not None and not stream.continued_by(chunk.elapsed_ms, duration):
            yield stream
            stream = None
        if stream is None:
            stream = _Stream(first_ms=chunk.elapsed_ms, start_ms=chunk.elapsed_ms - duration)
        stream.samples.append(samples)
        stream.duration_ms += duration
        stream.start_ms = min(stream.start_ms, chunk.elapsed_ms - stream.duration_ms)
    if stream is not None:
        yield stream


def _agent(chunks: Iterable[Chunk], form: Format, heard_ms: Mapping[str, float]) -> Iterator[Placed]:
    """The playout clock: a delta is played when it was seen, or after the one before it, until the answer was cut."""
    playout_end = 0.0
    played: dict[str, float] = {}
    for chunk in chunks:
        if chunk.source == "server":
            response = chunk.response_id or ""
            left = heard_ms.get(response, float("inf")) - played.get(response, 0.0)
            samples = _decoded(chunk.audio, form)
            if left < float("inf"):
                samples = samples[: max(0, round(left * form.rate / 1000))]
            duration = len(samples) * 1000 / form.rate
            if duration:
                start = max(playout_end, chunk.elapsed_ms)
                playout_end = start + duration
                played[response] = played.get(response, 0.0) + duration
                yield Placed(source="server", start_ms=start, samples=samples)


def _lay(track: Samples, samples: Samples, at: int) -> None:
    """Write the samples on the track, as far as they lie on it."""
    begin, end = max(at, 0), min(at + len(samples), len(track))
    if begin < end:
        track[begin:end] = samples[begin - at : end - at]


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
