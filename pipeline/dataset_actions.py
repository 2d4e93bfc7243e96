"""What an entry of a Delta table's log says, as the open protocol writes it: files added, files removed, positions."""

import json
import os
import time
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import msgspec
from deltalake import DeltaTable

APP_PREFIX = "journal:"
"""The app id of a commit's position: `journal:<worker>`."""


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """A Parquet file that is part of the table."""

    path: str
    """Relative to the table's folder."""
    date: str
    settled: bool
    size_bytes: int
    rows: int
    first_session: str = ""
    last_session: str = ""


def commit_entry(
    added: Sequence[DataFile],
    removed: Sequence[DataFile],
    positions: Mapping[str, int],
    operation: str,
    *,
    data_change: bool,
) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    actions: list[dict[str, object]] = [
        {"commitInfo": {"timestamp": now_ms, "operation": operation, "engineInfo": "calltape"}}
    ]
    actions += [{"add": _add(file, now_ms, data_change=data_change)} for file in added]
    actions += [{"remove": _remove(file, now_ms, data_change=data_change)} for file in removed]
    actions += [{"txn": {"appId": APP_PREFIX + worker, "version": at}} for worker, at in positions.items()]
    return b"\n".join(msgspec.json.encode(action) for action in actions)


def _partition(file: DataFile) -> dict[str, str]:
    return {"date": file.date, "settled": str(file.settled).lower()}


def _add(file: DataFile, now_ms: int, *, data_change: bool) -> dict[str, object]:
    stats = {
        "numRecords": file.rows,
        "minValues": {"session_id": file.first_session} if file.first_session else {},
        "maxValues": {"session_id": file.last_session} if file.last_session else {},
        "nullCount": {},
    }
    return {
        "path": file.path,
        "partitionValues": _partition(file),
        "size": file.size_bytes,
        "modificationTime": now_ms,
        "dataChange": data_change,
        "stats": msgspec.json.encode(stats).decode(),
    }


def _remove(file: DataFile, now_ms: int, *, data_change: bool) -> dict[str, object]:
    return {
        "path": file.path,
        "deletionTimestamp": now_ms,
        "dataChange": data_change,
        "extendedFileMetadata": True,
        "partitionValues": _partition(file),
        "size": file.size_bytes,
    }


def file_of(add: dict[str, typing.Any]) -> DataFile:
    stats = json.loads(add.get("stats") or "{}")
    return DataFile(
        path=unquote(add["path"]),
        date=add["partitionValues"]["date"],
        settled=add["partitionValues"]["settled"] == "true",
        size_bytes=add["size"],
        rows=stats.get("numRecords", 0),
        first_session=stats.get("minValues", {}).get("session_id", ""),
        last_session=stats.get("maxValues", {}).get("session_id", ""),
    )


def files_of(delta: DeltaTable) -> Iterable[DataFile]:
    actions = delta.get_add_actions(flatten=True)
    columns = {name: actions.column(name).to_pylist() for name in actions.schema.names}
    nothing = [None] * actions.num_rows
    for at in range(actions.num_rows):
        yield DataFile(
            path=unquote(columns["path"][at]),
            date=str(columns["partition.date"][at]),
            settled=columns["partition.settled"][at],
            size_bytes=columns["size_bytes"][at],
            rows=columns.get("num_records", nothing)[at] or 0,
            first_session=columns.get("min.session_id", nothing)[at] or "",
            last_session=columns.get("max.session_id", nothing)[at] or "",
        )


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and have it on the disk: an entry of the log must never outlive the files that it names."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
