"""A file without rows for each table: what is read where a table has none, or has not been written yet."""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.dataset_schemas import TABLES

_EMPTY = "date=1970-01-01/settled=true/empty.parquet"


@functools.cache
def empty_files() -> Path:
    """A folder with a file without rows for each table.

    It stands as long as the process lives, because a cursor may outlive its reader.
    """
    folder, process = Path(tempfile.mkdtemp(prefix="calltape-")), os.getpid()
    for name, table in TABLES.items():
        (folder / name / _EMPTY).parent.mkdir(parents=True)
        pq.write_table(table.columns.empty_table(), folder / name / _EMPTY)
    # A forked child that ends must not take them from its parent.
    atexit.register(_remove, folder, process)
    return folder


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def empty_file(table: str) -> Path:
    """The table's."""
    return empty_files() / table / _EMPTY
