"""The fold's states on disk: where to go on after a restart without folding everything again.

A checkpoint is never ahead of the tables: it is written after the commits of all that it has seen. What lies between
it and the tables is folded again from the journal, and each table passes over what it has.
"""

from pathlib import Path

import msgspec

from pipeline.dataset_actions import write_durably
from pipeline.replay_journals import Head
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


def save(directory: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint, durably. Raises OSError."""
    draft = directory / f".{FILE}.tmp"
    write_durably(draft, msgspec.msgpack.encode(checkpoint))
    draft.replace(directory / FILE)


def load(directory: Path, dataset_id: str) -> Checkpoint | None:
    """The checkpoint, or None where there is none that belongs to this dataset and that this version understands."""
    try:
        found = msgspec.msgpack.decode((directory / FILE).read_bytes(), type=Checkpoint)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.format == FORMAT and found.dataset_id == dataset_id else None
