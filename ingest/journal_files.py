"""What lies in a journal folder: segment files in their order, positions in them, and the small files beside them."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

SUFFIX = ".jsonl"
LOCK_FILE = "writer.lock"
INDEX_FILE = "index.json"
RELEASED_PREFIX = "released."

_OFFSET_BITS = 40

sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
"""Have a file's bytes on the disk. macOS has no fdatasync."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the journal as it lies there now."""

    number: int
    size: int


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """How far a session had come that is not closed in the log."""

    session_id: str
    next_seq: int
    elapsed_ns: int
    """Of its last event, as is `seen_at_ns`."""
    seen_at_ns: int
    client_events: int
    server_events: int


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """Where a restarted writer begins to look for sessions that its predecessor left open."""

    before: int = 0
    """The sessions below were open when this segment began; what happened since stands in it and its successors."""
    open: tuple[OpenSession, ...] = ()


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """A reader's word that it needs nothing before a position any more."""

    position: int


def position(number: int, offset: int) -> int:
    """A place in the journal as one integer that grows with every line; fits 63 bits up to segment 8,388,607."""
    return number << _OFFSET_BITS | offset


def segment_of(place: int) -> int:
    return place >> _OFFSET_BITS


def offset_of(place: int) -> int:
    return place & (1 << _OFFSET_BITS) - 1


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:010d}{SUFFIX}"


def segments(folder: Path) -> list[Segment]:
    """The segments that exist, oldest first; none where the folder is missing."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                stem = entry.name.removesuffix(SUFFIX)
                if stem != entry.name and stem.isdecimal():
                    found.append(Segment(number=int(stem), size=_size(entry)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found, key=lambda segment: segment.number)


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:  # deleted between the listing and the look
        return 0


def read_index(folder: Path) -> Index | None:
    """The index, or None where there is none that can be read: then every segment has to be looked through."""
    try:
        return msgspec.json.decode((folder / INDEX_FILE).read_bytes(), type=Index)
    except (OSError, msgspec.DecodeError):
        return None


def write_index(folder: Path, index: Index) -> None:
    replace(folder / INDEX_FILE, msgspec.json.encode(index))


def write_released(folder: Path, reader: str, place: int) -> None:
    replace(folder / f"{RELEASED_PREFIX}{reader}", msgspec.json.encode(Released(position=place)))


def read_released_by(folder: Path, reader: str) -> int:
    """The position that this reader has let go; 0 where it never did or its word can't be understood."""
    try:
        found = msgspec.json.decode((folder / f"{RELEASED_PREFIX}{reader}").read_bytes(), type=Released)
    except (OSError, msgspec.DecodeError):
        return 0
    return found.position


def read_released(folder: Path) -> int:
    """The position before which no reader needs anything; 0 where none has said so or one can't be understood."""
    places = []
    for path in folder.glob(f"{RELEASED_PREFIX}*"):
        if path.name.endswith(".tmp"):
            continue
        try:
            places.append(msgspec.json.decode(path.read_bytes(), type=Released).position)
        except (OSError, msgspec.DecodeError):
            return 0
    return min(places, default=0)


def replace(path: Path, content: bytes) -> None:
    """Put a whole new content under a name, so that a reader sees the old one or the new one."""
    fresh = path.with_name(f"{path.name}.tmp")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        sync(file.fileno())
    fresh.replace(path)
