"""The fold's states on disk: where to go on after a restart without folding everything again.

A checkpoint is never ahead of the tables: it is written after the commits of all that it has seen. What lies between
it and the tables is folded again from the journal, and each table passes over what it has.
"""

import msgspec

from ingest.journals import Head
from pipeline.dataset_store import Store
from pipeline.status import SetAside

FORMAT = 1
FILE = "sessions.state"


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the runner holds in memory and can't do without."""

    dataset_id: str
    """Of the dataset that it belongs to."""
    positions: dict[str, int]
    """Worker -> how far its journal is folded into the states."""
    sessions: dict[str, bytes]
    """Session -> its state; only those that are not closed."""
    heads: dict[str, Head] = {}
    """Worker -> how the segment begins in which its position lies."""
    set_aside: tuple[SetAside, ...] = ()
    format: int = FORMAT


def save(store: Store, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint, durably. Raises OSError."""
    store.replace(FILE, msgspec.msgpack.encode(checkpoint))


def load(store: Store, dataset_id: str) -> Checkpoint | None:
    """The checkpoint, or None where there is none that belongs to this dataset and that this version understands."""
    try:
        found = msgspec.msgpack.decode(store.read(FILE) or b"", type=Checkpoint)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.format == FORMAT and found.dataset_id == dataset_id else None
