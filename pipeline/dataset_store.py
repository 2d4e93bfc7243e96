"""Where a dataset lies, and a port of the few things that its folder must be able to do.

Its adapters are `pipeline.dataset_folder` (a file system) and `pipeline.dataset_objects` (an object store).
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import msgspec

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Lock(Protocol):
    """The right to write, until it is closed."""

    def check(self) -> None:
        """Raise OSError where we can't be sure any more that we have it."""

    def close(self) -> None: ...


class Draft(Protocol):
    """A file in the making; it is there once it is finished."""

    @property
    def target(self) -> IO[bytes] | str:
        """Where to write it, as `pyarrow` takes it."""

    def finish(self) -> int:
        """Have it in place, whole and durably; gives its size in bytes. Raises OSError."""

    def abandon(self) -> None:
        """Leave nothing of it."""


class Store(Protocol):
    """The folder of a dataset. Names are relative to it, with slashes. All may raise OSError, and that is retried."""

    fresh_s: float
    """How long what was read of small files may be taken for true by who only reads: looking costs something."""
    parallel: int
    """How many tables are committed at once: what is far away is slow, and not busy."""

    def read(self, name: str) -> bytes | None:
        """What stands under that name; None where nothing does."""

    def put_new(self, name: str, content: bytes) -> bool:
        """Create the name with this content, whole and durably, or leave what is there: then False.

        No two contents may be equal: that is how one's own is known where the answer to a first try was lost.
        Raises FileNotFoundError where the folder is gone.
        """

    def replace(self, name: str, content: bytes, *, durably: bool = True) -> None:
        """Put a small file in place whole, or leave the old one."""

    def remove(self, names: Iterable[str]) -> None:
        """Delete files; those that aren't there are fine."""

    def names(self, folder: str) -> set[str]:
        """All files under that folder."""

    def holds(self, folder: str) -> bool:
        """Whether the folder is there."""

    def begin(self, folder: str) -> None:
        """Have the folder there."""

    def draft(self, table: str, name: str) -> Draft:
        """Begin a file of a table. Raises FileNotFoundError where the table is gone."""

    def delta(self, folder: str) -> tuple[str, dict[str, str] | None]:
        """The address of a table and the storage options for it, as `deltalake` takes them."""

    def readable(self, name: str) -> str:
        """The name by which DuckDB reads a file."""

    def filesystem(self) -> Any:
        """The fsspec file system by which DuckDB reads those names; None where it needs none."""

    def spill_dir(self) -> Path:
        """A folder on this machine for what doesn't fit into memory."""

    def lock(self, *, shared: bool) -> Lock:
        """The right to write, alone or beside others. Raises DatasetInUse."""


class DatasetUrl(msgspec.Struct, frozen=True, kw_only=True):
    """The address of a dataset on an object store."""

    url: str
    """Such as `s3://bucket/prefix`."""
    options: tuple[tuple[str, str], ...] = ()
    """Names and values as the Rust crate `object_store` knows them; the usual `AWS_*` variables count as well."""

    def __str__(self) -> str:
        return self.url


Where = Path | DatasetUrl
"""Where a dataset lies."""


def where(data_dir: Path, dataset: str, options: Mapping[str, str]) -> Where:
    """What the settings say: an address, a folder, or by default the folder `dataset` of the data directory."""
    if "://" in dataset:
        return DatasetUrl(url=dataset, options=tuple(options.items()))
    return Path(dataset) if dataset else data_dir / "dataset"


def open_store(place: Where) -> Store:
    """The store at that place; whether there is anything in it shows later. Raises ValueError for a bad address."""
    # Each adapter knows the port; here alone the port knows its adapters.
    from pipeline.dataset_folder import LocalStore  # noqa: PLC0415

    if isinstance(place, DatasetUrl):
        from pipeline.dataset_objects import ObjectStore  # noqa: PLC0415 -- 40 ms for what most never need

        return ObjectStore(place)
    return LocalStore(place)


def at_once(store: Store, work: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
    """The answers for all items, worked at together where the store is far away. Raises what the first one raised."""
    if store.parallel == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(store.parallel) as threads:
        return list(threads.map(work, items))
