"""Answers the SQL that people type into the console, in a process of its own: `python -m dashboard.console_process`.

A question may be endless or larger than the machine. Here it may take no more memory than it was given, comes after
the pages for the processor, and can be ended at any moment without ending them. Length-prefixed frames come in on
the standard input (a question as JSON) and go out on the standard output (the answer's JSON, then Arrow's stream).
"""

import contextlib
import os
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import duckdb
import msgspec
import pyarrow as pa

from pipeline.dataset import ATTEMPTS, Reader
from pipeline.dataset_store import DatasetUrl, Where
from pipeline.sql import tables
from pipeline.sql_guard import SqlRefused, check

ROWS_AT_A_TIME: Final = 1_000
BYTES_MAX: Final = 64 << 20
"""Of an answer: more would only keep the browser busy."""
DUCKDB_MEMORY: Final = "512MB"
BEYOND_START_BYTES: Final = 1 << 30
"""How much more memory than at its start the process may take, whatever DuckDB counts."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, and the limits of the answer."""

    sql: str
    rows_max: int
    within_s: float


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which dataset is asked: the first frame."""

    folder: str = ""
    address: DatasetUrl | None = None

    @classmethod
    def of(cls, place: Where) -> "Asked":
        return cls(address=place) if isinstance(place, DatasetUrl) else cls(folder=str(place))

    @property
    def place(self) -> Where:
        return self.address or Path(self.folder)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What goes before the rows: why there are none, or how they were cut."""

    refused: str | None = None
    cut: str | None = None
    """Why there are fewer rows than the answer has: rows, bytes."""
    took_ms: float = 0.0


def main() -> None:
    """Answer one question after the other until the standard input ends."""
    source, out = sys.stdin.buffer, sys.stdout.buffer
    asked = msgspec.json.decode(receive(source) or b"{}", type=Asked)
    reader = Reader(asked.place, memory_limit=DUCKDB_MEMORY, threads=1)
    reader.query("select 1")
    _stand_back()
    # Nothing else may write between the frames.
    sys.stdout = sys.stderr
    send(out, b"ready")
    while (frame := receive(source)) is not None:
        told, rows = answered(reader, msgspec.json.decode(frame, type=Question))
        send(out, msgspec.json.encode(told))
        send(out, _stream(rows))


def answered(reader: Reader, question: Question) -> tuple[Told, pa.Table]:
    """The answer, or an empty table and why there is none."""
    began = time.perf_counter()
    try:
        cut, rows = _ask(reader, question)
    except SqlRefused as refusal:
        return Told(refused=str(refusal)), _NONE
    except (MemoryError, pa.ArrowMemoryError, duckdb.OutOfMemoryException):
        return Told(refused="the answer needs more memory than a question here may take: ask for less at once"), _NONE
    except duckdb.InterruptException:
        return Told(refused=f"stopped after {question.within_s:g} s, the time limit: ask for less at once"), _NONE
    except (duckdb.Error, pa.ArrowInvalid) as error:
        return Told(refused=" ".join(str(error).split("\n\n")[0].split())), _NONE
    return Told(cut=cut, took_ms=(time.perf_counter() - began) * 1000), rows


_NONE = pa.table({})


def _ask(reader: Reader, question: Question) -> tuple[str | None, pa.Table]:
    for attempt in range(ATTEMPTS):
        cursor = reader.cursor().connection
        try:
            check(question.sql, tables(cursor), explaining=False)
            with _limited(cursor, question.within_s):
                return _taken(cursor.sql(question.sql), question.rows_max)
        except duckdb.IOException:
            # A file was cleaned away while the question read it; a new cursor knows its successor.
            if attempt == ATTEMPTS - 1:
                raise
        finally:
            cursor.close()
    raise AssertionError("the last attempt returns or raises")


def _taken(relation: duckdb.DuckDBPyRelation, rows_max: int) -> tuple[str | None, pa.Table]:
    """As many rows as are allowed, and why not all of them."""
    batches: list[pa.RecordBatch] = []
    rows = size = 0
    reader = relation.to_arrow_reader(ROWS_AT_A_TIME)
    for batch in reader:
        kept = batch.slice(0, rows_max - rows)
        batches.append(kept)
        rows, size = rows + kept.num_rows, size + kept.nbytes
        if kept.num_rows < batch.num_rows:
            return "rows", pa.Table.from_batches(batches, reader.schema)
        if size > BYTES_MAX:
            return "bytes", pa.Table.from_batches(batches, reader.schema)
    return None, pa.Table.from_batches(batches, reader.schema)


@contextlib.contextmanager
def _limited(cursor: duckdb.DuckDBPyConnection, within_s: float) -> Iterator[None]:
    timer = threading.Timer(within_s, cursor.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _stand_back() -> None:
    """Let the pages go first, and take no more memory than given; where the system can't limit it, DuckDB does."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(10)
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  # not on every system

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        most = pages * resource.getpagesize() + BEYOND_START_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _stream(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def send(out: IO[bytes], frame: bytes) -> None:
    """Write a frame."""
    out.write(struct.pack("<Q", len(frame)) + frame)
    out.flush()


def receive(source: IO[bytes]) -> bytes | None:
    """The next frame; None where the other side is gone."""
    head = source.read(8)
    if len(head) < 8:  # noqa: PLR2004  # of a frame's length
        return None
    [size] = struct.unpack("<Q", head)
    frame = source.read(size)
    return frame if len(frame) == size else None


if __name__ == "__main__":
    main()
