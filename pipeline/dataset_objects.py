"""A dataset on an object store: S3 and what speaks like it; the only file that imports obstore.

What commits rest upon is the conditional put (`If-None-Match: *`), which S3, R2, MinIO and others have; a store that
doesn't refuse it would lose commits, so opening one for writing tries it out first.
"""

import contextlib
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from pipeline.dataset_lease import Lease
from pipeline.dataset_remote_files import SCHEME, RemoteFiles
from pipeline.dataset_store import DatasetUrl, Draft, Lock

RETRIES_S = 20
"""How long one request is tried again; then the caller hears of it, and tries again in its own way."""
CLIENT_OPTIONS = frozenset({"allow_http", "allow_invalid_certificates", "connect_timeout", "proxy_url", "timeout"})


class ObjectStoreUnsafe(OSError):
    """The store overwrites where it was asked not to: two writers would lose commits."""


class ObjectStore:
    """A prefix in a bucket."""

    fresh_s = 1.0
    parallel = 8

    def __init__(self, place: DatasetUrl) -> None:
        self._place = place
        options = {name.lower(): value for name, value in place.options}
        client = {name: options.pop(name) for name in CLIENT_OPTIONS & set(options)}
        retries: Any = {"max_retries": 6, "retry_timeout": timedelta(seconds=RETRIES_S)}
        try:
            self._store = from_url(
                place.url.rstrip("/"), config=_any(options), client_options=_any(client), retry_config=retries
            )
        except (BaseError, ValueError, TypeError) as error:
            raise ValueError(f"{place.url}: {str(error).splitlines()[0]}") from error

    def __str__(self) -> str:
        return self._place.url

    def read(self, name: str) -> bytes | None:
        with self._failing():
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError:
                return None

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """A part of a file. Raises FileNotFoundError."""
        with self._failing():
            return bytes(obstore.get_range(self._store, name, start=start, length=length))

    def size(self, name: str) -> int:
        """Its size in bytes. Raises FileNotFoundError."""
        with self._failing():
            return int(obstore.head(self._store, name)["size"])

    def put_new(self, name: str, content: bytes) -> bool:
        with self._failing():
            try:
                obstore.put(self._store, name, content, mode="create")
            except AlreadyExistsError:
                # A request that was tried again finds what its first try left.
                return self.read(name) == content
        return True

    def replace(self, name: str, content: bytes, *, durably: bool = True) -> None:  # noqa: ARG002 -- it always is
        with self._failing():
            obstore.put(self._store, name, content)

    def remove(self, names: Iterable[str]) -> None:
        with self._failing(), contextlib.suppress(FileNotFoundError):
            if gone := list(names):
                obstore.delete(self._store, gone)

    def names(self, folder: str) -> set[str]:
        return set(self.modified(folder))

    def modified(self, folder: str) -> dict[str, datetime]:
        """All files under that folder, and when each was written by the store's clock."""
        with self._failing():
            return {
                found["path"]: found["last_modified"] for part in obstore.list(self._store, folder) for found in part
            }

    def holds(self, folder: str) -> bool:
        with self._failing():
            return any(obstore.list(self._store, folder, chunk_size=1))

    def begin(self, folder: str) -> None:
        """There are no folders."""

    def draft(self, table: str, name: str) -> Draft:
        return ObjectDraft(self, f"{table}/{name}")

    def upload(self, name: str, file: Any) -> None:
        """Put a file of any size in place."""
        with self._failing():
            obstore.put(self._store, name, file)

    def delta(self, folder: str) -> tuple[str, dict[str, str] | None]:
        return f"{self._place.url.rstrip('/')}/{folder}", dict(self._place.options)

    def readable(self, name: str) -> str:
        return f"{SCHEME}://{name}"

    def filesystem(self) -> RemoteFiles:
        return RemoteFiles(self)

    def spill_dir(self) -> Path:
        return Path(tempfile.gettempdir()) / f"calltape-merging-{uuid.uuid4()}"

    def lock(self, *, shared: bool) -> Lock:
        self._try_out()
        return Lease(self, shared=shared)

    def _try_out(self) -> None:
        name = f"writers/trial-{uuid.uuid4()}"
        try:
            self.put_new(name, b"first")
        except FileNotFoundError as error:
            raise OSError(f"{self}: there is no such bucket") from error
        if self.put_new(name, b"second"):
            raise ObjectStoreUnsafe(f"{self}: this store ignores If-None-Match, so a dataset can't be written there")
        self.remove([name])

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{self}: {str(error).splitlines()[0]}") from error
        except (BaseError, PermissionError) as error:
            raise OSError(f"{self}: {str(error).splitlines()[0]}") from error


class ObjectDraft:
    """A file on this machine until it is finished."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store, self._name = store, name
        self.target = tempfile.TemporaryFile("w+b")  # noqa: SIM115 -- it is closed when finished or abandoned

    def finish(self) -> int:
        size = self.target.tell()
        self.target.seek(0)
        self._store.upload(self._name, self.target)
        self.target.close()
        return size

    def abandon(self) -> None:
        self.target.close()
        # It may be there; whoever sweeps finds it where this fails too.
        with contextlib.suppress(OSError):
            self._store.remove([self._name])


def _any(options: dict[str, str]) -> Any:
    return options or None
