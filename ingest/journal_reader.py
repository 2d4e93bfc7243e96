"""The journal's reading side: whole lines in order from any position, while the writer goes on."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from ingest import envelope
from ingest import journal_files as files
from ingest.envelope import EnvelopeUnreadable, RecordedEvent

log = structlog.get_logger()

_BLOCK_BYTES = 4 << 20


class JournalLine(msgspec.Struct, frozen=True, gc=False):
    """A whole line without its end, as it lies in the journal; it may still be damaged."""

    position: int
    """Behind the line: where to go on once it is dealt with."""
    line: bytes


class JournalEvent(msgspec.Struct, frozen=True, gc=False):
    position: int
    """Behind the event: where to go on once it is dealt with."""
    event: RecordedEvent


class Skip(msgspec.Struct, frozen=True):
    """A stretch of the journal that is not there any more: the reader came too late, or somebody deleted it."""

    wanted: int
    found: int


class JournalReader:
    """Reads one worker's folder from a position on; 0 is the oldest line there is. It never waits for the writer."""

    def __init__(self, folder: Path, position: int = 0) -> None:
        self.position = position
        """Behind the last line handed out."""
        self.skips: list[Skip] = []
        self.damaged = 0
        """Lines that were no event, passed over by `events`."""
        self._folder = folder
        self._fd = -1
        self._number = -1

    def lines(self, max_bytes: int = _BLOCK_BYTES) -> list[JournalLine]:
        """The next lines, about so many bytes of them but at least one; none when all that is whole has been read.

        Never a torn tail.
        """
        while True:
            if self._open() and (found := self._lines_here(max_bytes)):
                return found
            following = self._following()
            if following is None:
                return []
            # The writer leaves a segment for good before the next one appears, so a second look sees all of it.
            if self._fd >= 0 and (found := self._lines_here(max_bytes)):
                return found
            self._leave_for(following)

    def events(self, max_bytes: int = _BLOCK_BYTES) -> Iterator[JournalEvent]:
        """The events that are there now, to the end; a damaged line is counted, logged by its place and passed over."""
        while found := self.lines(max_bytes):
            start = found[0].position - len(found[0].line) - 1
            for line in found:
                try:
                    event = envelope.decode(line.line)
                except EnvelopeUnreadable as error:
                    self.note_damage(start, error)
                else:
                    yield JournalEvent(line.position, event)
                start = line.position

    def note_damage(self, start: int, error: EnvelopeUnreadable) -> None:
        """Count and log a line that is no event, given the position before it. For those who decode for themselves."""
        self.damaged += 1
        path = files.segment_path(self._folder, files.segment_of(start))
        log.error("damaged journal line", place=f"{path}:{_line_number(path, files.offset_of(start))}", why=str(error))

    def behind_bytes(self) -> int:
        """How much of the journal has not been read yet."""
        number, offset = files.segment_of(self.position), files.offset_of(self.position)
        newer = sum(segment.size for segment in files.segments(self._folder) if segment.number > number)
        here = next((segment.size for segment in files.segments(self._folder) if segment.number == number), offset)
        return newer + max(0, here - offset)

    def release(self, position: int, reader: str = "pipeline") -> None:
        """Tell the writer that nothing before this position is needed any more. Raises OSError.

        Every reader that ever released counts: the writer deletes only what all of them let go.
        """
        files.write_released(self._folder, reader, position)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = self._number = -1

    def _open(self) -> bool:
        """Have the position's segment open. False where it is missing."""
        number = files.segment_of(self.position)
        if self._number == number:
            return True
        self.close()
        try:
            self._fd = os.open(files.segment_path(self._folder, number), os.O_RDONLY)
        except FileNotFoundError:
            return False
        self._number = number
        return True

    def _lines_here(self, max_bytes: int) -> list[JournalLine]:
        offset = files.offset_of(self.position)
        block = os.pread(self._fd, max_bytes, offset)
        while b"\n" not in block and len(block) >= max_bytes:  # a line longer than that
            max_bytes *= 2
            block = os.pread(self._fd, max_bytes, offset)
        found = []
        place = self.position
        texts = block.split(b"\n")
        texts.pop()  # what stands behind the last line's end is not whole yet
        for text in texts:
            place += len(text) + 1
            if text:
                found.append(JournalLine(place, text))
        self.position = place
        return found

    def _following(self) -> int | None:
        """The segment to go to from here; None while the position's own is the last one, or there are none at all."""
        here = files.segment_of(self.position)
        numbers = [segment.number for segment in files.segments(self._folder)]
        later = [number for number in numbers if number > here]
        if later:
            return later[0]
        if here in numbers or not numbers:
            return None
        return numbers[0]  # the folder was emptied and begun anew: its first segment is the oldest there is

    def _leave_for(self, following: int) -> None:
        here, offset = files.segment_of(self.position), files.offset_of(self.position)
        path = files.segment_path(self._folder, here)
        size = os.fstat(self._fd).st_size if self._fd >= 0 else -1
        if size > offset:
            self.damaged += 1
            log.error("torn line at a segment's end", segment=str(path), offset=offset)
        fresh = self.position == 0
        if not fresh and (size < offset or following != here + 1):
            skip = Skip(self.position, files.position(following, 0))
            self.skips.append(skip)
            log.error("journal was deleted before it was read", wanted=skip.wanted, found=skip.found)
        self.close()
        self.position = files.position(following, 0)


def _line_number(path: Path, offset: int) -> int:
    with path.open("rb") as file:
        return file.read(offset).count(b"\n") + 1
