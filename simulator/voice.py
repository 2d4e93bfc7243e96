"""The agent's voice: text to a sound that is speech-like, pleasant, always the same, and nobody's.

Each vowel of the text becomes a short sung syllable (a glottal tone under three formants), each pause of the
punctuation a pause. It isn't understandable; what was said stands in the transcript.
"""

import functools
import re
import zlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from simulator.audio import Samples

RATE = 24_000
GRAIN_MS = 50
"""Speech lasts a whole number of output tokens, 50 ms each, so that usage and duration agree (PROTOCOL 5.3)."""

Wave = NDArray[np.float32]


class Vowel(msgspec.Struct, frozen=True):
    """Centre frequencies of the first three formants, in Hz."""

    first: float
    second: float
    third: float


VOWELS = {
    "a": Vowel(730, 1090, 2440),
    "e": Vowel(530, 1840, 2480),
    "i": Vowel(270, 2290, 3010),
    "o": Vowel(570, 840, 2410),
    "u": Vowel(300, 870, 2240),
    "y": Vowel(310, 2020, 2960),
}
PAUSES_MS = {",": 180, ";": 200, ":": 200, ".": 280, "!": 280, "?": 300}
SYLLABLE = re.compile(r"[aeiouy]+|[,;:.!?]|\s+", re.IGNORECASE)
HARMONICS = 16


@functools.lru_cache(maxsize=256)
def speak(text: str, voice: str = "alloy") -> Samples:
    """The text as 24 kHz samples. Another voice sings it at another pitch."""
    pitch = 105.0 + zlib.crc32(voice.encode()) % 110
    syllables = SYLLABLE.findall(text.lower())
    parts = [_silence(40)]
    for place, syllable in enumerate(syllables):
        tone = pitch * (1.06 - 0.12 * place / len(syllables))
        parts.append(_sound(syllable, tone))
    wave = np.concatenate([*parts, _silence(60)])
    missing = -len(wave) % (RATE * GRAIN_MS // 1000)
    wave = np.concatenate([wave, np.zeros(missing, dtype=np.float32)])
    samples: Samples = (wave * 9000).astype(np.int16)
    samples.flags.writeable = False
    return samples


def duration_ms(samples: Samples) -> int:
    return len(samples) * 1000 // RATE


def _sound(syllable: str, pitch: float) -> Wave:
    if syllable.isspace():
        return _silence(35)
    if syllable in PAUSES_MS:
        return _silence(PAUSES_MS[syllable])
    return _sing(VOWELS[syllable[0]], pitch, 165 + 40 * min(len(syllable) - 1, 2))


def _sing(vowel: Vowel, pitch: float, length_ms: int) -> Wave:
    time = np.arange(RATE * length_ms // 1000, dtype=np.float32) / RATE
    phase = 2 * np.pi * pitch * time * (1 + 0.015 * np.sin(2 * np.pi * 5.2 * time))
    wave = np.zeros_like(time)
    for number in range(1, HARMONICS + 1):
        wave += np.float32(_gain(vowel, pitch * number) / number) * np.sin(number * phase)
    swell = np.clip(np.sin(np.pi * np.linspace(0, 1, len(time), dtype=np.float32)), 0, 1) ** 0.6
    peak = float(np.max(np.abs(wave))) or 1.0
    sung: Wave = (wave / peak * swell).astype(np.float32)
    return sung


def _gain(vowel: Vowel, frequency: float) -> float:
    """How strongly the mouth passes a frequency on: a resonance at each formant."""
    formants = ((vowel.first, 1.0, 90.0), (vowel.second, 0.6, 120.0), (vowel.third, 0.25, 160.0))
    return 0.06 + sum(weight / (1 + ((frequency - centre) / width) ** 2) for centre, weight, width in formants)


def _silence(length_ms: int) -> Wave:
    return np.zeros(RATE * length_ms // 1000, dtype=np.float32)
