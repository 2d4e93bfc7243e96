"""All workers' journals as one stream of lines, each from where its reader left off. Part of the log's CONTRACT."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import structlog

from ingest.journal import JournalLine, JournalReader, offset_of, segment_of

log = structlog.get_logger()

LOOK_BYTES = 1 << 20
"""How much one look takes from one worker, so that none waits long for the others."""


HEAD_BYTES = 300
CHECK_EVERY_S = 1.0


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines of one worker's journal."""

    worker: str
    lines: list[JournalLine]
    begun_anew_at: int | None = None
    """The journal was deleted and begun again: its positions start over, here."""
    missing_from: int | None = None
    """The journal had gone on without us: what it held from here on is gone."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """How a segment begins: by that it is known again, because its first line says when it was written."""

    number: int
    begins: bytes
    size: int


class Journals:
    """Follows every worker's folder, also those that appear later."""

    def __init__(self, folder: Path, start: Callable[[str], int], only: str = "") -> None:
        self._folder = folder
        self._start = start
        self._only = only
        """Follow this worker alone."""
        self.readers: dict[str, JournalReader] = {}
        self.heads: dict[str, Head] = {}
        """Of the segment at which each worker's reader is."""
        self._checked_at = 0.0

    def look(self) -> Iterator[Lines]:
        """What is there to read now, worker by worker."""
        self._discover()
        yield from self._begun_anew()
        for worker, reader in self.readers.items():
            seen = len(reader.skips)
            lines = reader.lines(LOOK_BYTES)
            found = Lines(worker=worker, lines=lines)
            for skip in reader.skips[seen:]:
                log.error("journal has a hole", worker=worker, wanted=skip.wanted, found=skip.found)
                if skip.found < skip.wanted:
                    found = msgspec.structs.replace(found, begun_anew_at=skip.found)
                elif skip.wanted > 0:
                    found = msgspec.structs.replace(found, missing_from=skip.wanted)
            if lines or found.begun_anew_at is not None:
                yield found

    def heads_at(self, positions: dict[str, int]) -> dict[str, Head]:
        """How the segments begin in which these positions lie, to know the journals again after a restart."""
        heads = {worker: self._head(worker, segment_of(position)) for worker, position in positions.items()}
        return {worker: head for worker, head in heads.items() if head is not None}

    def release(self, positions: dict[str, int], reader: str = "pipeline") -> None:
        """Let the recorder delete what this reader needs no more. Raises OSError."""
        for worker, position in positions.items():
            if worker in self.readers:
                self.readers[worker].release(position, reader)

    def behind_bytes(self, worker: str) -> int:
        """How much of a worker's journal was not read yet."""
        return self.readers[worker].behind_bytes()

    def close(self) -> None:
        """Let go of the files."""
        for reader in self.readers.values():
            reader.close()

    def _begun_anew(self) -> Iterator[Lines]:
        """Notice journals that were deleted and begin again with the same numbers: their readers start over."""
        if time.monotonic() - self._checked_at < CHECK_EVERY_S:
            return
        self._checked_at = time.monotonic()
        for worker, reader in self.readers.items():
            if self._is_another(worker, reader.position):
                log.error("journal was deleted and begun anew", worker=worker, position=reader.position)
                reader.close()
                self.readers[worker] = JournalReader(self._folder / worker, 0)
                yield Lines(worker=worker, lines=[], begun_anew_at=0)

    def _is_another(self, worker: str, position: int) -> bool:
        head = self._head(worker, segment_of(position))
        if head is None:
            return False
        known = self.heads.get(worker)
        self.heads[worker] = head
        if known is not None and known.number == head.number and not head.begins.startswith(known.begins):
            return True
        return head.size < offset_of(position)

    def _head(self, worker: str, number: int) -> Head | None:
        try:
            with (self._folder / worker / f"{number:010d}.jsonl").open("rb") as segment:
                begins = segment.read(HEAD_BYTES)
                return Head(number=number, begins=begins, size=segment.seek(0, os.SEEK_END))
        except FileNotFoundError:
            return None

    def _discover(self) -> None:
        try:
            found = [self._only] if self._only else [entry.name for entry in self._folder.iterdir() if entry.is_dir()]
        except FileNotFoundError:
            return
        for worker in found:
            if worker not in self.readers:
                self.readers[worker] = JournalReader(self._folder / worker, max(0, self._start(worker)))
