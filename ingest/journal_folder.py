"""A worker's own folder in the journal: made once, written by one process at a time."""

import fcntl
import os
from pathlib import Path

import structlog

from ingest.journal_files import LOCK_FILE

log = structlog.get_logger()


class JournalUnusable(Exception):
    """The journal's folder can't be made, locked or written: a mistake of set-up, told before anything starts."""


class JournalTaken(JournalUnusable):
    """Another process writes the folder at this moment."""


def made(directory: Path, worker: str) -> Path:
    """The worker's folder, which exists afterwards. Raises JournalUnusable."""
    if not worker or worker in {".", ".."} or "/" in worker or not worker.isprintable():
        raise JournalUnusable(f"worker name {worker!r} can't be a folder's name: use letters, digits, dots and hyphens")
    folder = directory / worker
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalUnusable(
            f"journal folder {folder} can't be made ({error.strerror}): choose a data directory that can be written"
        ) from error
    return folder


def locked(folder: Path) -> int:
    """A file that holds the folder for as long as it is open; the kernel closes it when the process dies.

    Raises JournalUnusable, and JournalTaken, naming the process that holds the folder already.
    """
    path = folder / LOCK_FILE
    try:
        fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o640)
    except OSError as error:
        raise JournalUnusable(
            f"journal folder {folder} can't be written ({error.strerror}): choose a data directory that can be"
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(fd)
        raise JournalTaken(
            f"journal folder {folder} is being written by process {holder}: stop that, or give this worker another name"
        ) from error
    _write_pid(fd)
    return fd


def _write_pid(fd: int) -> None:
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:  # a full disk; the lock holds without the name in it
        log.warning("pid not noted in the lock file", why=str(error))
