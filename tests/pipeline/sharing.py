"""One of several processes that share a dataset. It says `ready`, and begins once it gets a line.

    python tests/pipeline/sharing.py open DATASET         a folder, or a DatasetUrl as JSON
    python tests/pipeline/sharing.py write DATASET PARTITION TOTAL
    python tests/pipeline/sharing.py compact DATASET      until its input ends

`write` does what a sink does, over two made-up topics whose records are known beforehand: it claims a partition of
each, goes on where the dataset is, begins again where somebody else was there, and ends where all of both is in.
"""

import random
import sys
import threading
from pathlib import Path

import msgspec
import structlog

from pipeline.archive import archived
from pipeline.dataset_batch import Batch
from pipeline.dataset_compaction import CompactionFailed, Compactor
from pipeline.dataset_schemas import EVENT_AUDIO, EVENTS, FACTS
from pipeline.dataset_store import DatasetUrl, Where
from pipeline.dataset_writer import Fenced, Writer
from tests.pipeline.builders import append, event, session_id, turn_row

TURNS_EVERY = 3
"""So many versions each turn has."""


def events_origin(partition: int) -> str:
    return f"calltape.events/{partition}"


def turns_origin(partition: int) -> str:
    return f"calltape.facts.turns/{partition}"


def add_event(batch: Batch, partition: int, offset: int) -> None:
    message = append(bytes([offset % 256]) * 40) if offset % 2 else {"type": "response.create", "n": offset}
    found = archived(event(session_id(partition), offset, message), offset + 1)
    batch.add(EVENTS, found.event, events_origin(partition), offset + 1)
    if found.audio is not None:
        batch.add(EVENT_AUDIO, found.audio, events_origin(partition), offset + 1)
    batch.reached(events_origin(partition), offset + 1)


def add_turn(batch: Batch, partition: int, offset: int) -> None:
    row = turn_row(session_id(partition), offset // TURNS_EVERY, offset)
    batch.add(FACTS["turns"], row, turns_origin(partition), offset + 1)
    batch.reached(turns_origin(partition), offset + 1)


def write(writer: Writer, partition: int, total: int) -> int:
    """Bring both partitions to their end; gives how often somebody else had been there."""
    chance, fences = random.Random(), 0
    homes = {events_origin(partition): EVENTS.name, turns_origin(partition): "turns"}
    adds = {events_origin(partition): add_event, turns_origin(partition): add_turn}
    at = {origin: max(writer.claim(origin, home), 0) for origin, home in homes.items()}
    while any(position < total for position in at.values()):
        batch = Batch()
        for origin, add in adds.items():
            end = min(at[origin] + chance.randint(1, 9), total)
            for offset in range(at[origin], end):
                add(batch, partition, offset)
            at[origin] = end
        while not batch.empty:
            try:
                writer.commit(batch)
                break
            except Fenced as fenced:
                fences += 1
                batch.drop(fenced.origin)
                at[fenced.origin] = max(writer.claim(fenced.origin, homes[fenced.origin]), 0)
    return fences


def compact(writer: Writer) -> int:
    """Merge and clean until the input ends; gives how many files that spared."""
    over, spared = threading.Event(), 0

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    compactor = Compactor(writer)
    while not over.is_set():
        try:
            spared += compactor.compact()
            compactor.clean(retain_minutes=0.02)
            compactor.sweep(retain_hours=2)
        except CompactionFailed as error:
            print(f"not merged: {error}", file=sys.stderr)
    compactor.close()
    return spared


def main(role: str, dataset: Where, *numbers: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    print("ready", flush=True)
    sys.stdin.readline()
    writer = Writer.open(dataset, shared=True)
    if role == "open":
        print(writer.id, flush=True)
    elif role == "write":
        print(write(writer, *map(int, numbers)), flush=True)
    else:
        print(compact(writer), flush=True)
    writer.close()


if __name__ == "__main__":
    given = sys.argv[2]
    place = msgspec.json.decode(given, type=DatasetUrl) if given.startswith("{") else Path(given)
    main(sys.argv[1], place, *sys.argv[3:])
