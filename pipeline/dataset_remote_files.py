"""Parquet files of an object store as DuckDB reads them: by ranges, each fetched once and kept in bounded memory.

The files never change and their sizes stand in the tables' logs, so nothing is asked twice. Nothing but the dataset's
own files can be reached by these names, and nothing can be written.
"""

import io
import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from fsspec import AbstractFileSystem

SCHEME = "calltape"
BLOCK_BYTES = 1 << 20
"""A small file is one request; of a large one only what a query touches is fetched."""
CACHE_BYTES = 256 << 20
"""What a process keeps; when that is full, what was used longest ago is fetched anew."""


class Blobs(Protocol):
    """What is needed of the store."""

    def read_range(self, name: str, start: int, length: int) -> bytes: ...
    def size(self, name: str) -> int: ...


class Blocks:
    """Parts of files in memory, the most recently used ones."""

    def __init__(self, store: Blobs, bytes_max: int) -> None:
        self._store = store
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, name: str, size: int, start: int, end: int) -> bytes:
        """The bytes of a file from `start` to before `end`."""
        first, last = start // BLOCK_BYTES, (end - 1) // BLOCK_BYTES
        whole = b"".join(self._block(name, size, number) for number in range(first, last + 1))
        return whole[start - first * BLOCK_BYTES : end - first * BLOCK_BYTES]

    def _block(self, name: str, size: int, number: int) -> bytes:
        key = (name, number)
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return found
        at = number * BLOCK_BYTES
        # Outside of the lock: two threads may fetch one block, and none waits for another's.
        found = self._store.read_range(name, at, min(BLOCK_BYTES, size - at))
        with self._lock:
            self._bytes += len(found) - len(self._kept.pop(key, b""))
            self._kept[key] = found
            while self._bytes > self._bytes_max:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return found


class RemoteFile(io.RawIOBase):
    """One file, read from anywhere."""

    def __init__(self, blocks: Blocks, name: str, size: int) -> None:
        super().__init__()
        self._blocks, self._name, self._size, self._at = blocks, name, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        found = self._blocks.read(self._name, self._size, self._at, end)
        self._at = end
        return found


class RemoteFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files of one dataset, for one connection's readers."""

    protocol = SCHEME
    cachable = False  # fsspec would hand out one dataset's for another's

    def __init__(self, store: Blobs) -> None:
        super().__init__()
        self._store = store
        self._blocks = Blocks(store, CACHE_BYTES)
        self.sizes: Mapping[str, int] = {}
        """The sizes of the files that are known; of others the store is asked."""

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        name = self._strip_protocol(path)
        return {"name": name, "size": self._size(name), "type": "file"}

    def modified(self, _: str) -> datetime:
        """They never change."""
        return datetime(1970, 1, 1, tzinfo=UTC)

    def ls(self, *_: Any, **__: Any) -> list[Any]:
        """Nothing to be listed: which files make a table stands in its log."""
        return []

    def _open(self, path: str, mode: str = "rb", **_: Any) -> RemoteFile:
        if mode != "rb":
            raise PermissionError(f"{path}: the dataset is read-only here")
        name = self._strip_protocol(path)
        return RemoteFile(self._blocks, name, self._size(name))

    def _size(self, name: str) -> int:
        known = self.sizes.get(name)
        if known is None:
            # Of a table as it was a while ago. The states of running sessions are nobody's business.
            if not name.endswith(".parquet") or ".." in name:
                raise FileNotFoundError(f"{name}: no file of a table")
            return self._store.size(name)
        return known
