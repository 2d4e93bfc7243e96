"""Both sides of a call on the session's clock."""

import io
import wave
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from dashboard.audio import Carried, Format, Samples, audio_format, lay, placed, wav_header
from pipeline.domain import audio as formats

PCM = Format(encoding="pcm16", rate=24_000)
ULAW = Format(encoding="ulaw", rate=8_000)


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """The audio of one event."""

    source: str
    elapsed_ms: float
    response_id: str | None = None
    audio: bytes


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """Both channels of a call."""

    rate: int
    frames: Samples

    @property
    def user(self) -> Samples:
        return self.frames[:, 0]

    @property
    def agent(self) -> Samples:
        return self.frames[:, 1]


def loud(duration_ms: float, level: int = 1000) -> bytes:
    """PCM16 at 24 kHz that is nowhere silent."""
    return np.full(round(duration_ms * 24), level, "<i2").tobytes()


def user(at_ms: float, duration_ms: float) -> Chunk:
    return Chunk(source="client", elapsed_ms=at_ms, audio=loud(duration_ms))


def agent(at_ms: float, duration_ms: float, response: str = "r1", level: int = 1000) -> Chunk:
    return Chunk(source="server", elapsed_ms=at_ms, response_id=response, audio=loud(duration_ms, level))


def made(
    *chunks: Chunk,
    heard: dict[str, float] | None = None,
    until_ms: float = 5000,
    user_format: Format = PCM,
    agent_format: Format = PCM,
) -> Sides:
    """The call's frames, each event's audio laid where it stands. Events may be laid in any order."""
    carried = [
        Carried(
            seq=seq,
            source=chunk.source,
            elapsed_ms=chunk.elapsed_ms,
            response_id=chunk.response_id,
            size_bytes=len(chunk.audio),
            form=user_format if chunk.source == "client" else agent_format,
        )
        for seq, chunk in enumerate(chunks)
    ]
    rate = max(user_format.rate, agent_format.rate)
    frames = np.zeros((round(until_ms * rate / 1000), 2), np.int16)
    for where in reversed(placed(carried, heard or {})):
        lay(frames, where, chunks[where.seq].audio, rate)
    return Sides(rate=rate, frames=frames)


def spans(samples: Samples, rate: int = 24_000) -> list[tuple[int, int]]:
    """From when to when there is sound, in milliseconds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (samples != 0).astype(int), [0])))) * 1000 / rate
    return [(round(begin), round(end)) for begin, end in pairwise(edges.tolist())][::2]


def test_the_users_audio_ends_when_it_was_seen() -> None:
    assert spans(made(user(1000, 100)).user) == [(900, 1000)]


def test_audio_that_comes_a_little_late_joins_on_without_a_hole() -> None:
    found = made(user(1000, 100), user(1180, 100), user(1200, 100))

    assert spans(found.user) == [(900, 1200)]


def test_a_pause_of_the_microphone_stays_a_pause() -> None:
    found = made(user(1000, 100), user(3000, 100))

    assert spans(found.user) == [(900, 1000), (2900, 3000)]


def test_audio_that_was_sent_in_one_burst_is_laid_out_in_full_and_ends_when_it_was_seen() -> None:
    found = made(user(1000, 300), user(1001, 300), user(1002, 300))

    assert spans(found.user) == [(102, 1002)]


def test_a_packet_that_was_held_up_does_not_move_those_after_it() -> None:
    held_up = made(user(1240, 100), user(1250, 100), user(1300, 100), user(1400, 100))

    assert spans(held_up.user) == [(1000, 1400)]


def test_a_burst_never_covers_what_was_said_before_it() -> None:
    found = made(user(1000, 100), user(2000, 1500))

    assert spans(found.user) == [(900, 2500)]


def test_the_agent_is_heard_from_its_first_delta_on_at_the_speed_of_sound() -> None:
    found = made(agent(1000, 400), agent(1010, 400), agent(1020, 400))

    assert spans(found.agent) == [(1000, 2200)]


def test_an_answer_is_cut_where_it_was_cut_off() -> None:
    found = made(agent(1000, 400), agent(1010, 400), agent(1700, 400, "r2"), heard={"r1": 500.0})

    assert spans(found.agent) == [(1000, 1500), (1700, 2100)]


def test_an_answer_of_which_nothing_was_heard_is_silent() -> None:
    assert spans(made(agent(1000, 400), heard={"r1": 0.0}).agent) == []


def test_the_next_answer_waits_until_the_one_before_was_played() -> None:
    found = made(agent(1000, 1000, "r1", 1000), agent(1100, 500, "r2", 2000))

    assert spans(found.agent) == [(1000, 2500)]
    assert found.agent[round(1.9 * 24_000)] == 1000
    assert found.agent[round(2.1 * 24_000)] == 2000


def test_what_lies_beyond_the_end_of_the_call_is_left_out() -> None:
    found = made(user(1000, 100), agent(1200, 400), until_ms=1300)

    assert len(found.frames) == round(1.3 * 24_000)
    assert spans(found.agent) == [(1200, 1300)]


def test_telephone_audio_stands_beside_wideband_at_one_rate() -> None:
    narrow = Chunk(source="client", elapsed_ms=1000, audio=bytes([0x00]) * 800)

    found = made(narrow, agent(1200, 400), user_format=ULAW)

    assert found.rate == 24_000
    assert spans(found.user) == [(900, 1000)]
    assert spans(found.agent) == [(1200, 1600)]


@pytest.mark.parametrize(
    ("encoding", "code", "level"),
    [
        ("ulaw", 0x00, -32124),
        ("ulaw", 0x80, 32124),
        ("ulaw", 0xFF, 0),
        ("ulaw", 0x7F, 0),
        ("ulaw", 0xEF, 132),
        ("alaw", 0xD5, 8),
        ("alaw", 0x55, -8),
        ("alaw", 0xAA, 32256),
        ("alaw", 0x2A, -32256),
        ("alaw", 0xC5, 264),
    ],
)
def test_g711_decodes_as_the_standard_says(encoding: str, code: int, level: int) -> None:
    form = Format(encoding=encoding, rate=8_000)
    chunk = Chunk(source="client", elapsed_ms=100, audio=bytes([code]) * 800)

    found = made(chunk, until_ms=100, user_format=form, agent_format=form)

    assert found.user[400] == level


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, PCM),
        (formats.PCM16.name, PCM),
        (formats.ULAW.name, ULAW),
        (formats.ALAW.name, Format(encoding="alaw", rate=8_000)),
        ("pcm16@16000", Format(encoding="pcm16", rate=16_000)),
        ("audio/pcmu", ULAW),
    ],
)
def test_the_folds_names_of_formats_are_understood(name: str | None, expected: Format) -> None:
    assert audio_format(name) == expected


def test_a_wav_holds_the_user_left_and_the_agent_right() -> None:
    found = made(user(1000, 100), agent(1200, 400, level=2000))
    file_ = wav_header(len(found.frames), found.rate) + found.frames.tobytes()

    with wave.open(io.BytesIO(file_)) as file:
        sides = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)

    assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 24_000, 120_000)
    assert sides[round(0.95 * 24_000)].tolist() == [1000, 0]
    assert sides[round(1.3 * 24_000)].tolist() == [0, 2000]
