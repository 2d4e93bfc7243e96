"""Formats and voices."""

import numpy as np
import pytest

from simulator import voice
from simulator.audio import Format, decode, encode
from tests.simulator.driven import tone


@pytest.mark.parametrize("form", list(Format))
def test_a_second_has_the_bytes_of_its_format(form: Format) -> None:
    assert len(encode(tone(1000), form)) == 1000 * form.bytes_per_ms


@pytest.mark.parametrize("form", [Format.PCMU, Format.PCMA])
def test_g711_survives_a_round_trip_of_every_code(form: Format) -> None:
    values = decode(bytes(range(256)), form)

    again = decode(encode(np.repeat(values, 3), form), form)

    assert np.array_equal(again, values)


def test_g711_codes_mean_what_the_standard_says() -> None:
    assert decode(b"\xff\x7f\x80\x00", Format.PCMU).tolist() == [0, 0, 32124, -32124]
    assert decode(b"\xd5\x55\xaa\x2a", Format.PCMA).tolist() == [8, -8, 32256, -32256]


def test_an_odd_byte_of_pcm_is_left_out() -> None:
    assert decode(b"\x01\x00\x02", Format.PCM).tolist() == [1]


def test_the_same_text_sounds_the_same_and_other_voices_differ() -> None:
    voice.speak.cache_clear()
    first = voice.speak("Hello there.", "alloy").copy()
    voice.speak.cache_clear()

    assert np.array_equal(first, voice.speak("Hello there.", "alloy"))
    assert not np.array_equal(first, voice.speak("Hello there.", "marin")[: len(first)])


def test_speech_lasts_whole_tokens_and_longer_for_longer_text() -> None:
    short, long = (voice.duration_ms(voice.speak(text)) for text in ("Hi.", "Hi. How are you doing today?"))

    assert short % 50 == long % 50 == 0
    assert short < long


def test_the_voice_is_audible_and_not_noise() -> None:
    samples = voice.speak("Amazing.").astype(float)
    spectrum = np.abs(np.fft.rfft(samples)) ** 2

    assert 3000 < np.abs(samples).max() < 20_000
    # Nearly all of its power lies in the thin lines of its harmonics below 4 kHz.
    strongest = np.sort(spectrum)[::-1][: len(spectrum) // 50]
    assert strongest.sum() > 0.8 * spectrum.sum()
