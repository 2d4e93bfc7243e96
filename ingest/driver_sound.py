"""Sound for a session: files of any rate and kind as the bytes that an append carries, and the quiet between them."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

RATES = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
"""Samples per second by the API's name of a format (PROTOCOL 5.4)."""
_SUBTYPES = {"audio/pcm": "PCM_16", "audio/pcmu": "ULAW", "audio/pcma": "ALAW"}
_ROOM_LEVEL = 6 / 32768
"""Amplitude of a quiet room's noise, about -78 dBFS: far below what any detector takes for speech."""


class SoundMissing(LookupError):
    """No such recording; the message says where it was looked for."""


class SoundUnreadable(ValueError):
    """A file that holds no sound we can read; the message names it."""


def bytes_per_ms(form: str) -> int:
    return RATES[form] * (2 if form == "audio/pcm" else 1) // 1000


class Sounds:
    """Reads each file once for each format. Names are looked for in the folders, first as they are, then as WAV."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._wire: dict[tuple[str, str], bytes] = {}

    def wire(self, name: str, form: str) -> bytes:
        """A recording as it goes over the wire in a format. Raises SoundMissing and SoundUnreadable."""
        if (name, form) not in self._wire:
            self._wire[name, form] = _encoded(_resampled(self._find(name), RATES[form]), form)
        return self._wire[name, form]

    def room(self, form: str) -> bytes:
        """A second in which nobody speaks."""
        if ("", form) not in self._wire:
            noise = np.random.default_rng(0).uniform(-_ROOM_LEVEL, _ROOM_LEVEL, RATES[form])
            self._wire["", form] = _encoded(noise.astype(np.float32), form)
        return self._wire["", form]

    def _find(self, name: str) -> Path:
        for folder in self._folders:
            for path in (folder / name, folder / f"{name}.wav"):
                if path.is_file():
                    return path
        raise SoundMissing(f"no recording {name!r} in {', '.join(map(str, self._folders))}")


def _resampled(path: Path, rate: int) -> NDArray[np.float32]:
    """All channels of a file as one, at a rate."""
    try:
        samples, from_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise SoundUnreadable(f"{path}: no sound that can be read: {error}") from error
    mixed: NDArray[np.float32] = soxr.resample(samples.mean(axis=1), from_rate, rate)
    return mixed


def _encoded(samples: NDArray[np.float32], form: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATES[form], format="RAW", subtype=_SUBTYPES[form], endian="LITTLE")
    return buffer.getvalue()
