"""The local, durable log: segment files of CloudEvents lines. THE CONTRACT between who records and who reads.

A worker's journal is the folder `<data_dir>/journal/<worker>/`; its files `NNNNNNNNNN.jsonl` are JSON lines that `jq`
and DuckDB read as they lie there. One process writes a folder, any number read it.
"""

from pathlib import Path

from ingest.journal_counters import JournalCounters
from ingest.journal_files import offset_of, position, segment_of, segments
from ingest.journal_folder import JournalTaken, JournalUnusable
from ingest.journal_limits import Limits
from ingest.journal_reader import JournalEvent, JournalLine, JournalReader, Skip
from ingest.journal_writer import Journal

__all__ = [
    "Journal",
    "JournalCounters",
    "JournalEvent",
    "JournalLine",
    "JournalReader",
    "JournalTaken",
    "JournalUnusable",
    "Limits",
    "Skip",
    "end",
    "offset_of",
    "position",
    "segment_of",
    "workers",
]


def end(folder: Path) -> int:
    """A position behind all that is in a worker's folder now; 0 where there is nothing."""
    return max((position(segment.number, segment.size) for segment in segments(folder)), default=0)


def workers(directory: Path) -> list[str]:
    """The workers that have a folder in the journal directory; none where it is missing."""
    if not directory.is_dir():
        return []
    return sorted(entry.name for entry in directory.iterdir() if entry.is_dir())
