"""Signals: a session's events without their audio, for the stream processors. Pure. THE CONTRACT of `*.signals`.

A stream processor spends about 100 us on each record whatever it holds, and nine tenths of a call are base64 of
audio that no number depends on but by its length. So a signal is a stretch of consecutive events of one session in
one record, and of each string of audio it keeps the length alone. Read back, the string stands there again with its
length and padding, filled up: whatever is computed from events without listening to them comes out the same.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from ingest.envelope import RecordedEvent, Source

_SOURCES = tuple(Source)
_CUT_MIN_CHARS = 64
"""Shorter strings are cheaper kept than cut."""
_TAIL_CHARS = 2
"""Base64 pads with at most two characters; with them the length in bytes stays what it was."""
_DELTAS = frozenset({"response.output_audio.delta", "response.audio.delta", "session.output_audio.delta"})
_OPENINGS = re.compile(rb'"(?:audio|image_url)"\s*:\s*"')
_DELTA_OPENINGS = re.compile(rb'"(?:audio|delta)"\s*:\s*"')


class Cut(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A string whose beginning was taken out of a message."""

    offset: int
    """Where in what is left of the message it stood."""
    chars: int


class Slim(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event without its audio."""

    seq: int
    elapsed_ns: int
    seen_at_ns: int
    source: int
    """Index in `ingest.envelope.Source`."""
    type: str
    data: bytes
    cuts: tuple[Cut, ...] = ()


class Signal(msgspec.Struct, frozen=True, array_like=True):
    """Consecutive events of one session, in order."""

    session_id: str
    worker: str
    events: tuple[Slim, ...]
    format: int = 1


class SignalUnreadable(ValueError):
    """A record that is no signal of a format that this version knows."""


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Signal)


def slim(event: RecordedEvent) -> Slim:
    """The event less its audio."""
    data, cuts = _without_audio(event)
    return Slim(event.seq, event.elapsed_ns, event.seen_at_ns, _SOURCES.index(event.source), event.type, data, cuts)


def encode(session_id: str, worker: str, events: Sequence[Slim]) -> bytes:
    """A signal as the value of a record."""
    return _encode(Signal(session_id, worker, tuple(events)))


def decode(value: bytes | None) -> Signal:
    """The signal of a record's value. Raises SignalUnreadable."""
    try:
        return _decoder.decode(value or b"")
    except msgspec.DecodeError as error:
        raise SignalUnreadable(f"not a signal: {error}") from error


def events_of(signal: Signal) -> Iterator[RecordedEvent]:
    """The events with made-up audio of the right length: good for every fold that does not listen."""
    for event in signal.events:
        yield RecordedEvent(
            session_id=signal.session_id,
            seq=event.seq,
            elapsed_ns=event.elapsed_ns,
            seen_at_ns=event.seen_at_ns,
            source=_SOURCES[event.source],
            type=event.type,
            worker=signal.worker,
            data=_filled(event) if event.cuts else event.data,
        )


def _without_audio(event: RecordedEvent) -> tuple[bytes, tuple[Cut, ...]]:
    data = event.data
    if len(data) < _CUT_MIN_CHARS or event.source is Source.RECORDER:
        return data, ()
    openings = _DELTA_OPENINGS if event.type in _DELTAS else _OPENINGS
    kept: list[bytes] = []
    cuts: list[Cut] = []
    taken = size = 0
    while (opening := openings.search(data, taken)) is not None:
        start = opening.end()
        end = data.find(b'"', start)
        chars = end - start - _TAIL_CHARS
        # A backslash is an escape: then it is no plain base64, and its length in characters is not that of its bytes.
        if end < 0 or chars < _CUT_MIN_CHARS or b"\\" in data[start:end]:
            kept.append(data[taken:start])
            size += start - taken
            taken = start
            continue
        kept.append(data[taken:start])
        size += start - taken
        cuts.append(Cut(size, chars))
        taken = start + chars
    if not cuts:
        return data, ()
    kept.append(data[taken:])
    return b"".join(kept), tuple(cuts)


def _filled(event: Slim) -> bytes:
    parts: list[bytes] = []
    taken = 0
    for cut in event.cuts:
        parts += (event.data[taken : cut.offset], b"A" * cut.chars)
        taken = cut.offset
    return b"".join((*parts, event.data[taken:]))
