"""Finds speech in audio by its energy, on the grid of 32 ms on which the API reports positions. Pure.

Built to report what the API reports: on the one genuine session whose audio is known in full, it gives the same
`audio_start_ms` and `audio_end_ms` to the millisecond (PROTOCOL 1.2).
"""

import enum
from collections.abc import Iterator

import msgspec
import numpy as np

from simulator.audio import Samples

FRAME_MS = 32
SILENT_DB = -96.0


class Edge(enum.StrEnum):
    """What a frame brought."""

    STARTED = "started"
    STOPPED = "stopped"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A boundary of speech, in milliseconds of audio received since the session began."""

    edge: Edge
    at_ms: int
    """STARTED: the end of the first frame with speech. STOPPED: the end of the frame that completed the silence."""
    energy_ms: int
    """STARTED: where the first loud frame begins. STOPPED: where the last loud frame ends. The truth of the audio."""


class Sensitivity(msgspec.Struct, frozen=True, kw_only=True):
    """How the detector listens; from `turn_detection`."""

    threshold: float = 0.5
    silence_ms: int = 500


class Detector:
    """Follows one session's audio. Frames are cut from the session's first sample on, and never re-aligned."""

    def __init__(self) -> None:
        self.clock_ms = 0
        """Audio in complete frames so far."""
        self.speaking = False
        self._rest: Samples = np.zeros(0, dtype=np.int16)
        self._loud_frames = 0
        self._onset_ms = 0
        self._last_loud_ms = 0
        self._quiet_since_ms = 0

    def forget(self) -> None:
        """The buffer was committed or cleared: speech under way no longer counts. The clock runs on."""
        self.speaking = False
        self._loud_frames = 0

    def hear(self, samples: Samples, rate: int, sensitivity: Sensitivity | None) -> Iterator[Found]:
        """Take in audio; without a sensitivity only the clock runs."""
        frame = rate * FRAME_MS // 1000
        held = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        whole = len(held) // frame * frame
        self._rest = held[whole:].copy()
        for level in _levels(held[:whole].reshape(-1, frame)):
            self.clock_ms += FRAME_MS
            if sensitivity is not None and (found := self._weigh(level, sensitivity)):
                yield found

    def _weigh(self, level: float, sensitivity: Sensitivity) -> Found | None:
        if self.speaking:
            return self._await_silence(level, sensitivity)
        self._loud_frames = self._loud_frames + 1 if level > _on_db(sensitivity.threshold) else 0
        if self._loud_frames == 1:
            self._onset_ms = self.clock_ms
        if self._loud_frames < ONSET_FRAMES:
            return None
        self.speaking = True
        self._last_loud_ms = self.clock_ms
        self._quiet_since_ms = 0
        return Found(edge=Edge.STARTED, at_ms=self._onset_ms, energy_ms=self._onset_ms - FRAME_MS)

    def _await_silence(self, level: float, sensitivity: Sensitivity) -> Found | None:
        if level > _on_db(sensitivity.threshold) - RELEASE_DB:
            self._last_loud_ms = self.clock_ms
        if self.clock_ms - self._last_loud_ms <= HANGOVER_FRAMES * FRAME_MS:
            self._quiet_since_ms = 0
            return None
        self._quiet_since_ms = self._quiet_since_ms or self.clock_ms
        if self.clock_ms - self._quiet_since_ms < sensitivity.silence_ms:
            return None
        self.forget()
        return Found(edge=Edge.STOPPED, at_ms=self.clock_ms, energy_ms=self._last_loud_ms)


ONSET_FRAMES = 2
"""One loud frame is a click; speech lasts."""
HANGOVER_FRAMES = 2
"""The API's detector lets go of speech this much later than its energy does."""
RELEASE_DB = 6.0


def _on_db(threshold: float) -> float:
    """The level above which a frame is loud: -42 dBFS at the API's default threshold of 0.5, 4 dB for each tenth."""
    return -42.0 + (threshold - 0.5) * 40.0


def _levels(frames: Samples) -> list[float]:
    """Each frame's RMS level in dB of full scale."""
    power = np.mean(np.square(frames, dtype=np.float32), axis=1)
    levels: list[float] = (10.0 * np.log10(power / 32768.0**2 + 10 ** (SILENT_DB / 10))).tolist()
    return levels
