"""Who may write a dataset on an object store, which has no locks: small files that their writers keep renewing.

This keeps mistakes away, such as a rebuild beside running sinks. What keeps rows right does not rest on it: that is
the log's exclusive entries, and the positions in them.
"""

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from pipeline.dataset_lock import DatasetInUse

LEASE_S = 60.0
FOLDER = "writers"


class Leases(Protocol):
    """What a lease needs of its store."""

    def read(self, name: str) -> bytes | None: ...
    def replace(self, name: str, content: bytes) -> None: ...
    def remove(self, names: Iterable[str]) -> None: ...
    def modified(self, folder: str) -> dict[str, datetime]: ...


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lease."""

    host: str
    pid: int
    started: str
    """When the process started, in whatever its system counts; tells it from a later one of the same number."""
    shared: bool


class Lease:
    """The right to write, renewed by a thread. A dead writer's lasts a minute, or until its own machine looks."""

    def __init__(self, store: Leases, *, shared: bool) -> None:
        self._store = store
        self._name = f"{FOLDER}/{uuid.uuid4()}.json"
        holder = Holder(host=socket.gethostname(), pid=os.getpid(), started=_started(os.getpid()), shared=shared)
        self._content = msgspec.json.encode(holder)
        self._renewed = time.monotonic()
        store.replace(self._name, self._content)
        # Whoever comes at the same moment sees ours as we see theirs: at worst both are refused.
        if (other := self._in_the_way(shared=shared)) is not None:
            store.remove([self._name])
            raise DatasetInUse(f"{store}: {_words(other)}")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise OSError where it could not be renewed for too long."""
        if (age := time.monotonic() - self._renewed) > LEASE_S * 0.75:
            raise OSError(f"{self._store}: our right to write could not be renewed for {age:.0f} s")

    def close(self) -> None:
        """Give it back."""
        self._stopping.set()
        self._thread.join()
        # Where that fails it runs out by itself.
        with contextlib.suppress(OSError):
            self._store.remove([self._name])

    def _renew(self) -> None:
        while not self._stopping.wait(LEASE_S / 4):
            now = time.monotonic()
            try:
                self._store.replace(self._name, self._content)
            except OSError:
                continue  # `check` tells whoever writes.
            self._renewed = now

    def _in_the_way(self, *, shared: bool) -> Holder | None:
        found = self._store.modified(FOLDER)
        now = found.pop(self._name)
        for name, at in found.items():
            holder = _holder(self._store.read(name))
            if holder is None or (now - at).total_seconds() > LEASE_S or _is_dead(holder):
                self._store.remove([name])
            elif not (shared and holder.shared):
                return holder
        return None


def _holder(content: bytes | None) -> Holder | None:
    try:
        return msgspec.json.decode(content or b"", type=Holder)
    except msgspec.DecodeError:
        return None


def _is_dead(holder: Holder) -> bool:
    """Whether it ran on this machine and doesn't any more."""
    return holder.host == socket.gethostname() and _started(holder.pid) != holder.started


def _started(pid: int) -> str:
    try:
        # The 22nd field; the second is the program's name in parentheses, whatever that holds.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "gone" if pid != os.getpid() else ""


def _words(holder: Holder) -> str:
    who = f"process {holder.pid} on {holder.host}"
    return (
        f"sinks write this dataset, such as {who}; stop them first"
        if holder.shared
        else (f"{who} writes this dataset; stop it first (after a crash on another machine: wait {LEASE_S:.0f} s)")
    )
