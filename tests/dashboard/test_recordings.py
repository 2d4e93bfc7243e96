"""Calls as sound files: filled where they are listened to, kept within a bound, true to the events."""

import io
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dashboard.audio import WAV_HEADER_BYTES
from dashboard.desk import Desk, open_desk
from dashboard.recordings import Recordings
from dashboard.sound import PEAK_MS, SEGMENT_S, Sound
from tests.dashboard.demo import Call
from tests.dashboard.long_call import AGENT_HZ, HOUR, TURN_S, USER_HZ

ROOMY = 1 << 30


@pytest.fixture
def recordings(desk: Desk) -> Iterator[Recordings]:
    made = Recordings(desk, bytes_max=ROOMY)
    yield made
    made.close()


Sides = np.ndarray[tuple[int, ...], np.dtype[np.int16]]


def sides(found: Sound) -> Sides:
    """All of the call, as a player of WAV files reads it."""
    with wave.open(io.BytesIO(b"".join(found.read(0, found.size_bytes)))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, found.rate)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def loudest_hz(samples: Sides, rate: int) -> float:
    """The tone that is heard."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def test_a_call_is_as_long_as_it_was_and_loud_where_somebody_spoke(recordings: Recordings, told: list[Call]) -> None:
    call = told[5]
    found = recordings.find(call.session.session_id)
    assert found is not None

    frames = sides(found)
    assert len(frames) == int(call.session.duration_ms * 24)
    [first] = [event for event in call.events if event.type == "input_audio_buffer.append"][:1]
    spoken_from = round(first.elapsed_ns / 1e6 - 100) * 24
    assert not frames[: spoken_from - 24, 0].any()
    assert np.abs(frames[spoken_from : spoken_from + 2400, 0]).max() == pytest.approx(4000, abs=10)


def test_a_wave_shows_what_can_be_heard(recordings: Recordings, told: list[Call]) -> None:
    found = recordings.find(told[5].session.session_id)
    assert found is not None

    frames, size = sides(found), PEAK_MS * found.rate // 1000
    assert (
        (found.peaks > 0) == [np.abs(frames[at : at + size]).max(axis=0) > 0 for at in range(0, len(frames), size)]
    ).all()
    assert found.outline(0, found.duration_ms, 50).shape == (50, 2)
    assert found.outline(0, found.duration_ms, 50).max() == found.peaks.max()
    assert found.outline(2000, 2100, 1000).shape == (11, 2)
    assert found.outline(found.duration_ms + 5000, found.duration_ms + 6000, 10).shape == (0, 2)


def test_a_call_that_many_ask_for_at_once_is_put_together_once(recordings: Recordings, told: list[Call]) -> None:
    with ThreadPoolExecutor(8) as askers:
        found = list(askers.map(recordings.find, [told[3].session.session_id] * 8))

    assert len({id(one) for one in found}) == 1


def test_a_call_nobody_recorded_has_no_sound(recordings: Recordings) -> None:
    assert recordings.find("nonsense") is None


def test_the_longest_unused_goes_when_there_is_no_more_room(desk: Desk, told: list[Call]) -> None:
    tight = Recordings(desk, bytes_max=1)
    first, second = (tight.find(call.session.session_id) for call in told[:2])

    assert first is not None
    assert second is not None
    assert not first.path.exists()
    assert second.path.exists()
    tight.close()
    assert not second.path.exists()


@pytest.fixture
def long(hour: Path) -> Iterator[Sound]:
    made = Recordings(open_desk(hour / "dataset"), bytes_max=ROOMY)
    found = made.find(HOUR)
    assert found is not None
    yield found
    made.close()


@pytest.mark.parametrize("turn", [0, 7, 8, 239])
def test_each_side_sounds_as_it_did_before_and_after_the_format_changed(long: Sound, turn: int) -> None:
    rate, begins_s = long.rate, turn * TURN_S
    assert (rate, long.duration_ms) == (24_000, 3_600_000)

    def heard(from_s: float, until_s: float) -> Sides:
        first, last = (WAV_HEADER_BYTES + int((begins_s + at) * rate) * 4 for at in (from_s, until_s))
        return np.frombuffer(b"".join(long.read(first, last)), "<i2").reshape(-1, 2)

    user, agent = heard(1.5, 3.5)[:, 0], heard(5.5, 10.5)[:, 1]
    assert loudest_hz(user, rate) == pytest.approx(USER_HZ, abs=1)
    assert loudest_hz(agent, rate) == pytest.approx(AGENT_HZ, abs=1)
    assert np.abs(user).max() == pytest.approx(8000, rel=0.05)
    assert not heard(4.5, 10.5)[:, 0].any()
    assert not heard(1.0, 4.5)[:, 1].any()


def test_of_a_long_call_only_what_is_asked_for_is_decoded(long: Sound) -> None:
    assert long.filled_segments == 0

    middle = WAV_HEADER_BYTES + 30 * 60 * long.rate * 4
    assert len(next(long.read(middle, long.size_bytes))) > 0
    assert long.filled_segments == 1
    long.outline(10 * 60_000, 12 * 60_000 - 100, 500)
    assert long.filled_segments == 3


def test_a_sound_is_the_same_whether_it_is_read_at_once_or_in_pieces(long: Sound) -> None:
    # Across the border of two segments, which lies within an event's audio or at its end.
    border = WAV_HEADER_BYTES + SEGMENT_S * long.rate * 4
    first, last = border - 100_001, border + 100_003
    middle = border - 3
    in_pieces = b"".join(long.read(middle, last))
    in_pieces = b"".join(long.read(first, middle)) + in_pieces

    assert b"".join(long.read(first, last)) == in_pieces
    assert len(in_pieces) == last - first


def test_the_outline_of_an_hour_shows_every_turn(long: Sound) -> None:
    peaks = long.outline(0, long.duration_ms, 3600)

    assert peaks.shape == (3600, 2)
    seconds = peaks.reshape(-1, TURN_S, 2)
    assert (seconds[:, 1:4, 0] > 50).all()
    assert (seconds[:, 5:10, 1] > 50).all()
    assert (seconds[:, 12:, :] == 0).all()
