"""A dataset in a folder of a file system."""

import contextlib
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.dataset_lock import lock_dataset
from pipeline.dataset_store import Draft, Lock


class LocalStore:
    """A folder, on this machine or mounted from another one that has hard links and locks (NFS 4 does)."""

    fresh_s = 0.0
    parallel = 1

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        if any("=" in part for part in self.root.parts):
            # DuckDB reads `key=value` anywhere in a path as a partition.
            raise ValueError(f"{root}: a dataset's path can't hold a '='; choose another data_dir")

    def __str__(self) -> str:
        return str(self.root)

    def read(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put_new(self, name: str, content: bytes) -> bool:
        final = self.root / name
        # The name is one that readers of the Delta format skip.
        draft = final.with_name(f"_commit_{uuid.uuid4()}.json.tmp")
        _write(draft, content, durably=True)
        try:
            os.link(draft, final)
        except FileExistsError:
            # A network file system may have linked it and then repeated the question.
            return self.read(name) == content
        finally:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()
        return True

    def replace(self, name: str, content: bytes, *, durably: bool = True) -> None:
        path = self.root / name
        draft = path.with_name(f".{path.name}.{uuid.uuid4()}.tmp")
        try:
            _write(draft, content, durably=durably)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self.root / name).unlink(missing_ok=True)

    def names(self, folder: str) -> set[str]:
        found = (Path(at) / file for at, _, files in os.walk(self.root / folder) for file in files)
        return {path.relative_to(self.root).as_posix() for path in found}

    def holds(self, folder: str) -> bool:
        return (self.root / folder).is_dir()

    def begin(self, folder: str) -> None:
        (self.root / folder).mkdir(parents=True, exist_ok=True)

    def draft(self, table: str, name: str) -> Draft:
        # Whoever deletes the dataset just now must not find its folders made again behind their back.
        if not (self.root / table / "_delta_log").is_dir():
            raise FileNotFoundError(f"{self.root / table}: the table is gone")
        path = self.root / table / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return LocalDraft(path)

    def delta(self, folder: str) -> tuple[str, dict[str, str] | None]:
        return str(self.root / folder), None

    def readable(self, name: str) -> str:
        return f"{self.root}/{name}"

    def filesystem(self) -> Any:
        return None

    def spill_dir(self) -> Path:
        # A folder of its own: a compactor on another machine may still be at work.
        return self.root / ".merging" / str(uuid.uuid4())

    def lock(self, *, shared: bool) -> Lock:
        return LocalLock(lock_dataset(self.root / "writer.lock", shared=shared))


class LocalDraft:
    """A file in its place, whose name nobody knows yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.target = str(path)

    def finish(self) -> int:
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        return self._path.stat().st_size

    def abandon(self) -> None:
        # What fails because the disk is full must not fill it further.
        self._path.unlink(missing_ok=True)


class LocalLock:
    """A lock that ends with its process."""

    def __init__(self, lock: int) -> None:
        self._lock = lock

    def check(self) -> None:
        """The system holds it."""

    def close(self) -> None:
        os.close(self._lock)


def _write(path: Path, content: bytes, *, durably: bool) -> None:
    with path.open("wb") as file:
        file.write(content)
        if durably:
            # An entry of the log must never outlive the files that it names.
            file.flush()
            os.fsync(file.fileno())
