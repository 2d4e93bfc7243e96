"""What a dataset says about itself beside its tables: which one it is, and how its writer fares.

`dataset.json` is written once and names the dataset; `status.json` is renewed about once a second while a pipeline
runs. Both are small files in the dataset's folder, replaced in one step.
"""

import uuid
from datetime import datetime
from pathlib import Path

import msgspec

from pipeline.dataset_store import DatasetUrl, Store, Where, open_store

IDENTITY, STATUS = "dataset.json", "status.json"
FORMAT = 1
"""The layout of the dataset's folder. A change that older readers would misread is a new number."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Which dataset a folder holds. Another one in its place means that it was deleted and begun again."""

    id: str
    format: int = FORMAT


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """A session whose events can't be folded because of a mistake in the fold. Its archive is whole."""

    session_id: str
    seq: int
    worker: str
    journal_position: int
    error: str


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far one worker's journal is in the dataset."""

    position: int
    behind_bytes: int
    """How much of the journal is not in the dataset yet."""
    damaged_lines: int = 0
    lost_segments: int = 0
    """Times that the journal had gone on without us: what it held before is missing (see `gaps`)."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the pipeline fares."""

    state: str
    """running, retrying (the dataset can't be written; the journal keeps what isn't), stopped."""
    pid: int
    at: datetime
    """When this was written: an old one means that no pipeline runs."""
    started_at: datetime
    last_commit_at: datetime | None = None
    commits: int = 0
    events: int = 0
    rows: int = 0
    open_sessions: int = 0
    workers: dict[str, WorkerStatus] = {}
    set_aside: tuple[SetAside, ...] = ()
    datasets_lost: int = 0
    """Times that the dataset was deleted under the running pipeline and begun again."""
    failed_commits: int = 0
    last_error: str | None = None


def identity(store: Store) -> str | None:
    """Which dataset lies there; None where none does. Raises OSError where nobody can say."""
    try:
        return msgspec.json.decode(store.read(IDENTITY) or b"", type=Identity).id
    except msgspec.DecodeError:
        return None


def identify(store: Store) -> str:
    """Make the folder a dataset unless it is one, or is made one just now by somebody else; gives its id."""
    if (found := identity(store)) is not None:
        return found
    made = msgspec.json.encode(Identity(id=str(uuid.uuid4())))
    if not store.put_new(IDENTITY, made) and identity(store) is None:
        # What is there says nothing.
        store.replace(IDENTITY, made)
    if (found := identity(store)) is None:
        raise FileNotFoundError(f"{store}: deleted while it was opened")
    return found


def read_status(place: Where | Store) -> Status | None:
    """What the pipeline last wrote, or None."""
    try:
        return msgspec.json.decode(_store(place).read(STATUS) or b"", type=Status)
    except (OSError, msgspec.DecodeError):
        return None


def write_status(place: Where | Store, status: Status) -> None:
    """Replace the status. Raises OSError."""
    _store(place).replace(STATUS, msgspec.json.encode(status), durably=False)


def _store(place: Where | Store) -> Store:
    return open_store(place) if isinstance(place, Path | DatasetUrl) else place
