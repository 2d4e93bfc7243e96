"""One segment file open for appending: whole lines or nothing, also when the disk says no half-way."""

import os
from collections.abc import Sequence
from pathlib import Path

IOV_MAX = 1024
"""How many pieces one writev takes (Linux and macOS); more are joined first."""


class WriteFailed(Exception):
    """Lines could not be written. The first `whole_lines` of them stand in the file, the rest left no trace."""

    def __init__(self, cause: OSError, whole_lines: int) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.whole_lines = whole_lines


class SegmentFile:
    """Appends to a file that nobody else writes. What it has written survives the death of the process."""

    def __init__(self, path: Path) -> None:
        """Create the file, which must not exist. Raises OSError."""
        self.path = path
        self.fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY, 0o640)
        self.size = 0
        self._torn = False
        """The file ends in a part of a line that could not be taken away: a line's end has to come first."""

    def append(self, pieces: Sequence[bytes]) -> int:
        """Write pieces that make up whole lines, each line's last piece ending it; return their bytes.

        Raises WriteFailed.
        """
        if self._torn:
            pieces = [b"\n", *pieces]
        total = sum(map(len, pieces))
        try:
            self._write(pieces, total)
        except OSError as error:
            raise WriteFailed(error, self._repair(pieces)) from error
        self._torn = False
        self.size += total
        return total

    def is_there(self) -> bool:
        """Whether the file still has its name: what is written to a deleted file nobody will read."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self.fd))
        except OSError:
            return False

    def _write(self, pieces: Sequence[bytes], total: int) -> None:
        written = os.writev(self.fd, pieces) if len(pieces) <= IOV_MAX else os.write(self.fd, b"".join(pieces))
        while written < total:  # a nearly full disk, or a limit: the next attempt says what is wrong
            written += os.write(self.fd, b"".join(pieces)[written:])

    def _repair(self, pieces: Sequence[bytes]) -> int:
        """Cut what was torn; return how many lines are whole.

        Whole lines stay, because a reader may have seen them already. A torn one no reader takes.
        """
        try:
            end = os.fstat(self.fd).st_size
        except OSError:
            self._torn = True
            return 0
        whole_bytes, whole_lines = _whole(pieces, end - self.size)
        self.size += whole_bytes
        if self._torn and whole_lines:  # the first of them was the lone end of a torn line
            self._torn = False
            whole_lines -= 1
        if end > self.size:
            self._cut(end)
        return whole_lines

    def _cut(self, end: int) -> None:
        try:
            os.ftruncate(self.fd, self.size)
        except OSError:
            self._torn = True
            self.size = end


def _whole(pieces: Sequence[bytes], written: int) -> tuple[int, int]:
    """How many bytes and lines are whole when only so many bytes were written."""
    place = whole_bytes = whole_lines = 0
    for piece in pieces:
        place += len(piece)
        if place > written:
            break
        if piece.endswith(b"\n"):
            whole_bytes = place
            whole_lines += 1
    return whole_bytes, whole_lines
