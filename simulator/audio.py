"""Audio formats of the Realtime API: bytes to samples and back, and how long a piece lasts (PROTOCOL 5.4)."""

import enum

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


class Format(enum.Enum):
    """A wire format: its GA name."""

    PCM = "audio/pcm"
    PCMU = "audio/pcmu"
    PCMA = "audio/pcma"

    @property
    def rate(self) -> int:
        """Samples per second."""
        return 24_000 if self is Format.PCM else 8_000

    @property
    def bytes_per_ms(self) -> int:
        return 48 if self is Format.PCM else 8


def decode(data: bytes, form: Format) -> Samples:
    """Samples at the format's own rate. An odd last byte of PCM is left out."""
    if form is Format.PCM:
        return np.frombuffer(data, dtype="<i2", count=len(data) // 2).astype(np.int16)
    table = _MU_LAW if form is Format.PCMU else _A_LAW
    return table[np.frombuffer(data, dtype=np.uint8)]


def encode(samples: Samples, form: Format) -> bytes:
    """Wire bytes of 24 kHz samples."""
    if form is Format.PCM:
        return samples.astype("<i2").tobytes()
    whole = samples[: len(samples) // 3 * 3].reshape(-1, 3)
    slow = whole.mean(axis=1).astype(np.int16)
    table, order = (_MU_LAW, _MU_ORDER) if form is Format.PCMU else (_A_LAW, _A_ORDER)
    return _nearest(slow, table, order)


def _nearest(samples: Samples, table: Samples, order: NDArray[np.intp]) -> bytes:
    """The codes whose decoded values lie next to the samples: right by construction, no second formula to trust."""
    levels = table[order].astype(np.int32)
    at = np.clip(np.searchsorted(levels, samples), 1, len(levels) - 1)
    lower = (samples - levels[at - 1]) <= (levels[at] - samples)
    codes: NDArray[np.uint8] = order[at - lower.astype(int)].astype(np.uint8)
    return codes.tobytes()


def _mu_law() -> Samples:
    """What each of the 256 codes of G.711 mu-law means."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4) & 7
    magnitude = (((code & 15).astype(np.int32) << 3) + 0x84 << exponent.astype(np.int32)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_law() -> Samples:
    """What each of the 256 codes of G.711 A-law means."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = ((code >> 4) & 7).astype(np.int32)
    mantissa = ((code & 15).astype(np.int32) << 4) + 8
    magnitude = np.where(exponent == 0, mantissa, (mantissa + 0x100) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_MU_LAW = _mu_law()
_A_LAW = _a_law()
_MU_ORDER = np.argsort(_MU_LAW, kind="stable")
_A_ORDER = np.argsort(_A_LAW, kind="stable")
