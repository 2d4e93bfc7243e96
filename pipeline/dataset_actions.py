"""What an entry of a Delta table's log says, as the open protocol writes it: files added, files removed, positions."""

import json
import time
import typing
import uuid
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

import msgspec
from deltalake import DeltaTable

JOURNAL, KAFKA = "journal:", "kafka:"
"""The app id of a commit's position: `journal:<worker>` or `kafka:<topic>/<partition>`."""

CONFIGURATION = {
    # We ask for checkpoints and clean-ups ourselves, between batches.
    "delta.checkpointInterval": "100000",
    "delta.logRetentionDuration": "interval 10 minutes",
    "delta.enableExpiredLogCleanup": "true",
    "delta.deletedFileRetentionDuration": "interval 1 hour",
}


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


def app_id(origin: str) -> str:
    """Under which name a table keeps the position of an origin. A worker's name, being a folder's, has no slash."""
    return (KAFKA if "/" in origin else JOURNAL) + origin


def origin_of(app_id: str) -> str | None:
    """The origin of such a name; None where it is somebody else's."""
    kind, colon, origin = app_id.partition(":")
    return origin if kind + colon in {JOURNAL, KAFKA} else None


def commit_entry(
    added: Sequence[DataFile],
    removed: Sequence[DataFile],
    positions: Mapping[str, int],
    operation: str,
    *,
    data_change: bool,
) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    actions = [_commit_info(now_ms, operation)]
    actions += [{"add": _add(file, now_ms, data_change=data_change)} for file in added]
    actions += [{"remove": _remove(file, now_ms, data_change=data_change)} for file in removed]
    actions += [{"txn": {"appId": app_id(origin), "version": at}} for origin, at in positions.items()]
    return b"\n".join(msgspec.json.encode(action) for action in actions)


def definition(name: str, table_id: str, schema_json: str, partitions: Sequence[str]) -> bytes:
    """What a table is: its columns, its partitions, how it is to be kept."""
    metadata = {
        "id": table_id,
        "name": name,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema_json,
        "partitionColumns": partitions,
        "configuration": CONFIGURATION,
    }
    return msgspec.json.encode({"metaData": metadata})


def first_entry(name: str, schema_json: str, partitions: Sequence[str]) -> bytes:
    """The entry that makes a table."""
    now_ms = time.time_ns() // 1_000_000
    # The oldest versions that have all we use, so that every reader of the format can read it.
    protocol = msgspec.json.encode({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}})
    made = definition(name, str(uuid.uuid4()), schema_json, partitions)
    return b"\n".join([msgspec.json.encode(_commit_info(now_ms, "CREATE TABLE")), protocol, made])


def _commit_info(now_ms: int, operation: str) -> dict[str, object]:
    # The id makes every entry another one: whoever finds a number taken can tell whether by themselves.
    commit = {"timestamp": now_ms, "operation": operation, "engineInfo": "calltape", "commitId": uuid.uuid4().hex}
    return {"commitInfo": commit}


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
