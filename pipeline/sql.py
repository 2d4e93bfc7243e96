"""`calltape sql`: one statement and its answer, or a prompt. Reads only; what reads are allowed stands in `dataset`."""

import csv
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, TextIO

import duckdb
import msgspec

from pipeline.dataset import Reader
from pipeline.dataset_store import Where
from pipeline.sql_guard import SqlRefused, check

__all__ = ["FORMATS", "SqlRefused", "ask", "prompt", "show", "tables"]

FORMATS = ("table", "csv", "json", "markdown")
ROWS_AT_A_TIME = 1_000
TABLE_ROWS_MAX = 1_000
"""How many rows a table on the screen shows; the other formats show all."""
CELL_MAX = 80
"""Longer values are cut in a table on the screen; the other formats show all."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The columns' names, and the rows as they come."""

    columns: Sequence[str]
    rows: Iterator[tuple[Any, ...]]


def ask(place: Where, statement: str, form: str = "table", out: TextIO = sys.stdout) -> None:
    """Write the answer to one statement. Raises SqlRefused."""
    if form not in FORMATS:
        raise SqlRefused(f"format {form!r}: choose one of {', '.join(FORMATS)}")
    reader = Reader(place)
    try:
        show(reader.cursor().connection, statement, form, out)
    finally:
        reader.close()


def prompt(place: Where, out: TextIO = sys.stdout) -> None:
    """Ask and answer until the user leaves."""
    from pipeline.sql_prompt import converse  # noqa: PLC0415 -- a one-shot statement need not wait for its import

    reader = Reader(place)
    try:
        converse(reader, out)
    finally:
        reader.close()


def show(cursor: duckdb.DuckDBPyConnection, statement: str, form: str, out: TextIO) -> None:
    """Write the answer in that form. Ctrl-C stops the query and leaves the connection usable. Raises SqlRefused."""
    with _refusing(), _interruptible(cursor):
        _WRITERS[form](_answer(cursor, statement), out)


def _answer(cursor: duckdb.DuckDBPyConnection, statement: str) -> Answer:
    check(statement, tables(cursor))
    relation = cursor.sql(statement)
    return Answer(columns=relation.columns, rows=_rows(relation))


def tables(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    """The names of the tables that may be asked."""
    return [name for (name,) in cursor.sql("select view_name from duckdb_views() where not internal").fetchall()]


def _rows(relation: duckdb.DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    for batch in relation.to_arrow_reader(ROWS_AT_A_TIME):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as error:
        raise SqlRefused("interrupted") from error
    except duckdb.Error as error:
        raise SqlRefused(" ".join(str(error).split("\n\n")[0].split())) from error


@contextmanager
def _interruptible(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let Ctrl-C break off the query: DuckDB looks at its own flag, not at Python's signal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    import signal  # noqa: PLC0415

    before = signal.signal(signal.SIGINT, lambda *_: cursor.interrupt())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# Dollars as numbers with all their digits, bytes as their size; a number that JSON lacks (nan) as null.
_encoder = msgspec.json.Encoder(decimal_format="number")


def _write_csv(answer: Answer, out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    for row in answer.rows:
        writer.writerow(["" if value is None else _text(value) for value in row])


def _write_json(answer: Answer, out: TextIO) -> None:
    for row in answer.rows:
        cells = (_text(value) if isinstance(value, bytes) else value for value in row)
        found = dict(zip(answer.columns, cells, strict=True))
        out.write(_encoder.encode(found).decode() + "\n")


def _write_markdown(answer: Answer, out: TextIO) -> None:
    out.write(f"| {' | '.join(answer.columns)} |\n|{'---|' * len(answer.columns)}\n")
    for row in answer.rows:
        cells = ["" if value is None else _text(value).replace("|", "\\|").replace("\n", " ") for value in row]
        out.write(f"| {' | '.join(cells)} |\n")


def _write_table(answer: Answer, out: TextIO) -> None:
    rows: list[tuple[Any, ...]] = []
    more = False
    for row in answer.rows:
        if len(rows) == TABLE_ROWS_MAX:
            more = True
            break
        rows.append(row)
    cells = [[_cell(value) for value in row] for row in rows]
    right = [
        all(isinstance(row[at], int | float | Decimal | None) for row in rows) for at in range(len(answer.columns))
    ]
    widths = [max(map(len, column)) for column in zip(answer.columns, *cells, strict=True)]
    for line in (list(answer.columns), ["-" * width for width in widths], *cells):
        shown = (
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        )
        out.write("  ".join(shown).rstrip() + "\n")
    rest = f", of which the first {TABLE_ROWS_MAX} are shown" if more else ""
    out.write(f"({'more than ' if more else ''}{len(rows)} row{'' if len(rows) == 1 else 's'}{rest})\n")


_WRITERS: dict[str, Callable[[Answer, TextIO], None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "json": _write_json,
    "markdown": _write_markdown,
}


def _cell(value: object) -> str:
    text = "" if value is None else " ".join(_text(value).split())
    return text if len(text) <= CELL_MAX else text[: CELL_MAX - 1] + "…"


def _text(value: object) -> str:
    for kind, text_of in _TEXT.items():
        if isinstance(value, kind):
            return text_of(value)
    return str(value)


_TEXT: dict[type, Callable[[Any], str]] = {
    bytes: lambda value: f"<{len(value)} bytes>",
    datetime: lambda value: value.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00") + "Z",
    bool: lambda value: str(value).lower(),
    float: lambda value: f"{value:.10g}",
    Decimal: lambda value: f"{value:f}",
}
