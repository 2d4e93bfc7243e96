"""What happened in a minute, as it is known by now: the value of the worker's windows. Pure.

A window holds each session's own share, and a share replaces the one before it: so a fact that comes twice, or is
told again after a repair, changes nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec

from pipeline.domain.facts import AudioMinute, Fact, Turn

SECONDS = 60
NS_PER_MS = 1_000_000


class Audio(msgspec.Struct, frozen=True, array_like=True):
    """What a session's row of `audio_minutes` says."""

    audio_in_ms: float = 0.0
    generated_ms: float = 0.0
    heard_ms: float = 0.0
    metered_usd_nanos: int = 0
    billed_usd_nanos: int = 0


class Share(msgspec.Struct, frozen=True, array_like=True):
    """One session's part of a minute."""

    audio: Audio | None = None
    perceived_ms: dict[int, float] = {}
    """Turn -> what its caller waited, of the turns that were answered in this minute."""


class LiveMinute(msgspec.Struct, frozen=True, kw_only=True):
    """All sessions of a minute together."""

    sessions: int
    audio_in_ms: float
    generated_ms: float
    heard_ms: float
    metered_usd_nanos: int
    billed_usd_nanos: int
    perceived_ms: tuple[float, ...]
    """Sorted."""


Shares = dict[str, Share]
"""Session -> its share."""

encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Shares)


def decode(value: bytes | None) -> Shares:
    """A window's value; empty where nothing was booked in it, or by a version that kept it otherwise."""
    try:
        return _decoder.decode(value) if value else {}
    except msgspec.DecodeError:
        return {}


class Booking:
    """Collects what facts say of minutes until it is taken to be kept."""

    def __init__(self) -> None:
        self._shares: dict[tuple[int, int], Shares] = {}

    def add(self, partition: int, facts: Iterable[Fact]) -> None:
        """Take in a session's facts."""
        for fact in facts:
            if isinstance(fact, AudioMinute):
                self._book_audio(partition, fact)
            elif isinstance(fact, Turn) and fact.perceived_latency_ms is not None:
                self._book_wait(partition, fact, fact.perceived_latency_ms)

    def take(self) -> dict[tuple[int, int], Shares]:
        """(partition, when its minute began in seconds since 1970) -> shares that are new or changed."""
        taken, self._shares = self._shares, {}
        return taken

    def _book_audio(self, partition: int, fact: AudioMinute) -> None:
        # Audio that does not pass the recorder is unknown and adds nothing to a running sum.
        audio = Audio(
            fact.audio_in_ms or 0.0,
            fact.generated_ms or 0.0,
            fact.heard_ms or 0.0,
            fact.metered_usd_nanos,
            fact.billed_usd_nanos,
        )
        self._book(partition, fact.minute.timestamp(), fact.session_id, Share(audio=audio))

    def _book_wait(self, partition: int, turn: Turn, perceived_ms: float) -> None:
        answered_ms = (turn.first_output_elapsed_ms or turn.opened_elapsed_ms) - turn.opened_elapsed_ms
        answered_at = turn.opened_at + timedelta(milliseconds=answered_ms)
        share = Share(perceived_ms={turn.turn_index: perceived_ms})
        self._book(partition, answered_at.timestamp(), turn.session_id, share)

    def _book(self, partition: int, at: float, session_id: str, share: Share) -> None:
        shares = self._shares.setdefault((partition, int(at) // SECONDS * SECONDS), {})
        shares[session_id] = _newer(shares.get(session_id), share)


def merged(kept: Mapping[str, Share], news: Mapping[str, Share]) -> Shares:
    """A window's shares with the news in it."""
    return {**kept, **{session_id: _newer(kept.get(session_id), share) for session_id, share in news.items()}}


def _newer(before: Share | None, share: Share) -> Share:
    """The newest word of the audio, and each turn's wait once."""
    if before is None:
        return share
    return Share(share.audio or before.audio, {**before.perceived_ms, **share.perceived_ms})


def summed(windows: Iterable[Mapping[str, Share]]) -> LiveMinute:
    """One minute of all partitions."""
    shares = [share for window in windows for share in window.values()]
    audio = [share.audio for share in shares if share.audio is not None]
    return LiveMinute(
        sessions=len(shares),
        audio_in_ms=sum(each.audio_in_ms for each in audio),
        generated_ms=sum(each.generated_ms for each in audio),
        heard_ms=sum(each.heard_ms for each in audio),
        metered_usd_nanos=sum(each.metered_usd_nanos for each in audio),
        billed_usd_nanos=sum(each.billed_usd_nanos for each in audio),
        perceived_ms=tuple(sorted(wait for share in shares for wait in share.perceived_ms.values())),
    )
