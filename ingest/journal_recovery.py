"""What a dead writer left behind: a torn tail, and sessions without their end."""

import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from ingest import envelope, markers
from ingest.envelope import RecordedEvent, Source
from ingest.journal_files import (
    Index,
    OpenSession,
    Segment,
    read_index,
    read_released,
    segment_of,
    segment_path,
    segments,
)

log = structlog.get_logger()

_BLOCK = 1 << 20
_CLOSED = b"session.closed"
_HEAD = re.compile(
    rb'\{"specversion":"1\.0","source":"[^"]*","subject":"([0-9a-f-]{36})","schemaversion":\d+,"id":"[^"]*",'
    rb'"sequence":(\d+),"elapsedns":(\d+),"time":"([^"]*)","type":"realtime\.(\w+)\.([^"]*)"'
)
"""A line's members before the message: all that recovery needs, so that it can look through gigabytes quickly."""


class LeftBehind(msgspec.Struct, frozen=True, kw_only=True):
    """What a predecessor left, clean or not."""

    last_segment: int
    """The highest number ever used: the next segment has the next one."""
    doubtful_from: int
    """The first segment that had to be looked through."""
    open: tuple[OpenSession, ...]


def mended(folder: Path) -> LeftBehind:
    """Cut torn tails and find the sessions left open. Raises OSError."""
    index = read_index(folder)
    doubtful_from = index.before if index else 0
    for segment in segments(folder):
        if segment.number >= doubtful_from:
            cut_torn_tail(segment_path(folder, segment.number))
    found = segments(folder)
    released = segment_of(read_released(folder))
    return LeftBehind(
        last_segment=max([doubtful_from - 1, released, *(segment.number for segment in found)]),
        doubtful_from=doubtful_from,
        open=tuple(open_sessions(folder, found, index)),
    )


def cut_torn_tail(path: Path) -> int:
    """Take away what stands behind the last whole line; return how many bytes that were.

    A tail that a power loss left as zero bytes is torn too. Raises OSError.
    """
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        end = _end_of_last_line(file.fileno(), size)
        if end < size:
            file.truncate(end)
            log.warning("torn tail cut", segment=str(path), offset=end, torn_bytes=size - end)
        return size - end


def _end_of_last_line(fd: int, size: int) -> int:
    block_end = size
    while block_end > 0:
        block_start = max(0, block_end - _BLOCK)
        found = os.pread(fd, block_end - block_start, block_start).rfind(b"\n")
        if found >= 0:
            return block_start + found + 1
        block_end = block_start
    return 0


def open_sessions(folder: Path, found: list[Segment], index: Index | None) -> list[OpenSession]:
    """The sessions that are not closed in the log, as far as their last whole line says."""
    known = {session.session_id: session for session in (index.open if index else ())}
    for segment in found:
        if index is None or segment.number >= index.before:
            _look_through(segment_path(folder, segment.number), known)
    return list(known.values())


def _look_through(path: Path, known: dict[str, OpenSession]) -> None:
    for head in _heads(path):
        session_id = head[1].decode()
        if head[5] == b"recorder" and head[6] == _CLOSED:
            known.pop(session_id, None)
            continue
        before = known.get(session_id)
        known[session_id] = OpenSession(
            session_id=session_id,
            next_seq=max(int(head[2]) + 1, before.next_seq if before else 0),
            elapsed_ns=int(head[3]),
            seen_at_ns=envelope.parse_rfc3339(head[4].decode()),
            client_events=(before.client_events if before else 0) + (head[5] == b"client"),
            server_events=(before.server_events if before else 0) + (head[5] == b"server"),
        )


def _heads(path: Path) -> Iterator[re.Match[bytes]]:
    """The heads of the segment's whole lines; a damaged one is passed over, as readers do."""
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = 0
        while (end := content.find(b"\n", start)) >= 0:
            if found := _HEAD.match(content, start, end):
                yield found
            start = end + 1


def closing(session: OpenSession, worker: str) -> RecordedEvent:
    """The end that its own worker could not write.

    It bears the times of the last event: the session lived at least until then, and no one saw more of it.
    """
    return RecordedEvent(
        session_id=session.session_id,
        seq=session.next_seq,
        elapsed_ns=session.elapsed_ns,
        seen_at_ns=session.seen_at_ns,
        source=Source.RECORDER,
        type="session.closed",
        worker=worker,
        data=markers.encode(
            markers.SessionClosed(
                closed_by="recorder",
                reason="the worker ended without closing the session",
                client_events=session.client_events,
                server_events=session.server_events,
                recovered=True,
            )
        ),
    )
