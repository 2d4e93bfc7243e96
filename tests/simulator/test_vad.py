"""Speech is found where it is, on the API's grid of 32 ms."""

import numpy as np
import pytest

from simulator.audio import Samples
from simulator.vad import FRAME_MS, Detector, Edge, Found, Sensitivity
from tests.simulator.driven import silence, spoken, tone

RATE = 24_000


def found_in(sound: Samples, silence_ms: int = 500, chunk: int = 2400) -> list[Found]:
    detector, found = Detector(), list[Found]()
    for start in range(0, len(sound), chunk):
        found += detector.hear(sound[start : start + chunk], RATE, Sensitivity(silence_ms=silence_ms))
    return found


def loud_span_ms(sound: Samples) -> tuple[float, float]:
    """Where the sound is loud, measured without a grid: by the RMS of the 32 ms around each millisecond.

    From where it stays above -42 dBFS for two frames (a breath or a click doesn't) to where it is last above -48.
    """
    power = np.square(sound[: len(sound) // 24 * 24].astype(np.float64) / 32768).reshape(-1, 24).mean(axis=1)
    level = 10 * np.log10(np.convolve(power, np.ones(FRAME_MS) / FRAME_MS, mode="same") + 1e-12)
    stays = np.convolve(level > -42, np.ones(2 * FRAME_MS), mode="valid") == 2 * FRAME_MS
    return float(np.flatnonzero(stays)[0]), float(np.flatnonzero(level > -48)[-1])


@pytest.mark.parametrize("name", ["go_forward_ten_meters", "not_an_ill_disposed_young_man", "made_amiable_himself"])
def test_human_speech_is_found_within_a_frame_of_where_its_energy_is(name: str) -> None:
    sound = spoken(name, before_ms=500, after_ms=1000)

    started, stopped = found_in(sound)

    begins_ms, ends_ms = loud_span_ms(sound)
    assert abs(started.energy_ms - begins_ms) <= FRAME_MS
    assert abs(stopped.energy_ms - ends_ms) <= FRAME_MS


def test_a_tone_is_found_to_the_frame() -> None:
    sound = np.concatenate([silence(960), tone(640), silence(1000)])

    started, stopped = found_in(sound, silence_ms=200)

    assert (started.energy_ms, started.at_ms) == (960, 960 + FRAME_MS)
    assert stopped.energy_ms == 1600


def test_the_end_is_reported_with_the_silence_in_it() -> None:
    sound = np.concatenate([silence(960), tone(640), silence(1500)])

    ends = {ms: found_in(sound, silence_ms=ms)[1].at_ms for ms in (200, 500, 800)}

    # The detector holds on for two frames, and completes the silence on its grid.
    assert all(1600 + 2 * FRAME_MS <= end - ms <= 1600 + 5 * FRAME_MS for ms, end in ends.items())
    assert all(end % FRAME_MS == 0 for end in ends.values())


def test_a_click_is_not_speech() -> None:
    assert found_in(np.concatenate([silence(960), tone(20), silence(1000)])) == []


def test_a_pause_shorter_than_the_silence_does_not_end_speech() -> None:
    sound = np.concatenate([tone(640), silence(300), tone(640), silence(1000)])

    assert [edge.edge for edge in found_in(sound, silence_ms=500)] == [Edge.STARTED, Edge.STOPPED]
    assert len(found_in(sound, silence_ms=100)) == 4


@pytest.mark.parametrize("chunk", [1, 480, 2400, 100_000])
def test_how_the_audio_is_chunked_changes_nothing(chunk: int) -> None:
    sound = spoken("ten_of_clubs", before_ms=200, after_ms=700)[: 24 * 600 if chunk == 1 else None]

    assert found_in(sound, chunk=chunk) == found_in(sound, chunk=2400)


def test_the_clock_runs_on_without_a_sensitivity_and_after_forgetting() -> None:
    detector = Detector()
    list(detector.hear(tone(320), RATE, None))
    detector.forget()
    list(detector.hear(tone(320), RATE, Sensitivity()))

    assert detector.clock_ms == 640


def test_a_higher_threshold_needs_louder_speech() -> None:
    quiet = (tone(640) // 60).astype(np.int16)

    def heard(threshold: float) -> bool:
        return any(Detector().hear(quiet, RATE, Sensitivity(threshold=threshold)))

    assert heard(0.3)
    assert not heard(0.9)
