"""A call as a sound file that is filled where somebody listens: a minute at a time, when it is first asked for.

So an hour of a call is heard at once from anywhere in it, and no more of it is decoded than is heard or looked at.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from dashboard.audio import WAV_HEADER_BYTES, Placed, Samples, lay, wav_header

Peaks = npt.NDArray[np.uint8]
Fetch = Callable[[int, int], Iterable[tuple[int, bytes]]]
"""The audio of a call's events from one `seq` to another, both included."""

PEAK_MS: Final = 10
"""The finest that a wave is drawn in."""
SEGMENT_S: Final = 60
AT_A_TIME: Final = 5
"""Segments that are asked for at once: a question takes longer than a minute of sound does."""
FULL_SCALE: Final = 255
FRAME_BYTES: Final = 4
READ_BYTES: Final = 1 << 18


class Sound:
    """The file, and which of it is filled. Safe to share between threads: a segment is filled by one of them."""

    def __init__(self, path: Path, *, frames: int, rate: int, places: Sequence[Placed], fetch: Fetch) -> None:
        """Takes the room for the file at once. Raises OSError where there is none."""
        self.path, self.frames, self.rate = path, frames, rate
        self._fetch = fetch
        self._header = wav_header(frames, rate)
        self._sides = _new_file(path, frames, self._header)
        self._places = {place.seq: place for place in places}
        self._segment = SEGMENT_S * rate
        self._of_segment = self._events_of_segments(places)
        self._filled = [False] * len(self._of_segment)
        self._lock = threading.Lock()
        stretches = -(-frames // self._stretch)
        self.peaks: Peaks = np.zeros((stretches, 2), np.uint8)
        """Shaped (stretches of PEAK_MS, 2): the loudest sample of each channel, 0 to 255; 0 where not yet filled."""

    @property
    def size_bytes(self) -> int:
        return WAV_HEADER_BYTES + self.frames * FRAME_BYTES

    @property
    def duration_ms(self) -> float:
        return self.frames * 1000 / self.rate

    @property
    def filled_segments(self) -> int:
        return sum(self._filled)

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """The bytes of the file from `first` to before `last`, filled as they are given."""
        at = first
        while at < last:
            if at < WAV_HEADER_BYTES:
                piece = self._header[at:last]
            else:
                until = min(last, at + READ_BYTES)
                piece = self._bytes(at - WAV_HEADER_BYTES, until - WAV_HEADER_BYTES)
            yield piece
            at += len(piece)

    def outline(self, from_ms: float, until_ms: float, points: int) -> Peaks:
        """The waves between two moments as that many peaks, shaped (points, 2)."""
        first, last = int(max(from_ms, 0) // PEAK_MS), int(min(until_ms, self.duration_ms) // PEAK_MS) + 1
        self.fill(first * self._stretch, min(last * self._stretch, self.frames))
        chosen = self.peaks[first:last]
        if not len(chosen):
            return np.zeros((0, 2), np.uint8)
        edges = np.unique(np.linspace(0, len(chosen), min(points, len(chosen)), endpoint=False).astype(np.int64))
        found: Peaks = np.maximum.reduceat(chosen, edges, axis=0)
        return found

    def fill(self, first: int, last: int) -> None:
        """Decode what lies between two frames, as far as that has not been done."""
        segment, end = first // self._segment, min(-(-last // self._segment), len(self._filled))
        while segment < end:
            # A few, and then a few more: whoever listens waits for these at most, not for an outline of all.
            with self._lock:
                missing = [one for one in range(segment, end) if not self._filled[one]][:AT_A_TIME]
                if not missing:
                    return
                self._fill(missing)
                segment = missing[-1] + 1

    @property
    def _stretch(self) -> int:
        return self.rate * PEAK_MS // 1000

    def _bytes(self, first: int, last: int) -> bytes:
        """Of the samples, which may begin and end within a frame."""
        begin, end = first // FRAME_BYTES, -(-last // FRAME_BYTES)
        self.fill(begin, end)
        skipped = first - begin * FRAME_BYTES
        return self._sides[begin:end].tobytes()[skipped : skipped + last - first]

    def _fill(self, segments: Sequence[int]) -> None:
        wanted: dict[int, list[int]] = {}
        for segment in segments:
            for seq in self._of_segment[segment]:
                wanted.setdefault(seq, []).append(segment)
        for seq, audio in self._fetch(min(wanted), max(wanted)) if wanted else ():
            for segment in wanted.get(seq, ()):
                lay(self._part(segment), self._places[seq], audio, self.rate, segment * self._segment)
        for segment in segments:
            peaks = _loudest(self._part(segment), self._stretch)
            at = segment * self._segment // self._stretch
            self.peaks[at : at + len(peaks)] = peaks
            self._filled[segment] = True

    def _part(self, segment: int) -> Samples:
        first = segment * self._segment
        return self._sides[first : first + self._segment]

    def _events_of_segments(self, places: Iterable[Placed]) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in range(-(-self.frames // self._segment))]
        for place in places:
            begin, end = int(max(place.start_ms, 0) / 1000 / SEGMENT_S), int(max(place.end_ms, 0) / 1000 / SEGMENT_S)
            for segment in found[begin : end + 1]:
                segment.append(place.seq)
        return found


def _new_file(path: Path, frames: int, header: bytes) -> Samples:
    """A silent WAV file whose frames are written like an array. Raises OSError where there is no room for it."""
    with path.open("wb") as file:
        file.write(header)
        # Room is taken now: a disk that fills up under a mapped file would end the process, not raise an error.
        os.posix_fallocate(file.fileno(), 0, WAV_HEADER_BYTES + frames * FRAME_BYTES)
    return np.memmap(path, np.int16, "r+", offset=WAV_HEADER_BYTES, shape=(frames, 2))


def _loudest(frames: Samples, size: int) -> Peaks:
    whole = np.pad(frames, ((0, -len(frames) % size), (0, 0))).reshape(-1, size, 2)
    loudest = np.maximum(whole.max(axis=1).astype(np.int32), -whole.min(axis=1).astype(np.int32))
    # What can be heard at all is seen.
    found: Peaks = np.minimum(-(-loudest * FULL_SCALE // 32_768), FULL_SCALE).astype(np.uint8)
    return found
