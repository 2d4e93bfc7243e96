"""Writes docs/tables.md from the classes of the facts: `python -m pipeline.tables_page`."""

import ast
import inspect
import sys
import textwrap
from pathlib import Path

import msgspec

from pipeline import quality_view, steering_view
from pipeline.dataset_schemas import ARCHIVE, FACTS, Table
from pipeline.dataset_views import NANOS
from pipeline.domain import facts
from pipeline.domain.reasons import MEASURED, REASONS

PAGE = Path(__file__).parent.parent / "docs" / "tables.md"

_UNITS = {
    "_usd_nanos": "nano-dollars",
    "_elapsed_ms": "ms since the session opened",
    "_ms": "ms",
    "elapsed_ns": "ns since the session opened",
    "_ns": "ns",
    "_tokens": "tokens",
    "seconds": "s",
    "_bytes": "bytes",
    "_at": "UTC",
}

_HEAD = """\
# The tables

Made from `pipeline/domain/facts` by `python -m pipeline.tables_page`; a test holds it current. Ask them with
`calltape sql`, or open the same files elsewhere: [open-the-data.md](open-the-data.md).

- Every table is a view that shows **one row per key**. `version` is the `seq` of the event that last changed the row.
- `*_elapsed_ms` are positions on the session's monotonic clock, `*_ms` durations, both milliseconds; `*_at`, `at` and
  `minute` are UTC. `date` is the UTC day on which the session opened: filter by it, and only that day is read.
- Money is integer nano-dollars (`*_usd_nanos`); beside each, the views have exact dollars as DECIMAL(18, 9) (`*_usd`).
- A value that the log can't support is NULL, and the column `*_reason` beside it says why.
- All times are as observed where the recorder stands.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD, "## What is measured\n", *(_section(table) for table in FACTS.values())]
    parts += [_quality(), _reasons()]
    parts += ["## The archive\n", *(_section(table) for table in reversed(ARCHIVE.values())), _steering()]
    return "\n".join(parts)


def _section(table: Table) -> str:
    lines = [
        f"### {table.name}\n",
        f"{_text(table.row.__doc__ or '')}\n",
        f"Key: {', '.join(f'`{column}`' for column in table.key)}.\n",
        "| column | type | unit | what it is |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{column.name}` | {column.type} | {column.unit} | {column.text} |" for column in columns(table)]
    lines.append("| `date` | date | | UTC day on which the session opened; what the files are parted by |\n")
    return "\n".join(lines)


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a table's view, less `date`, which all have."""

    name: str
    type: str
    unit: str
    text: str
    """What it is, where its class says so, and why it may be missing."""


def columns(table: Table) -> list[Column]:
    """The columns of a table's view in their order."""
    documented = {**_documented(facts.Row), **_documented(table.row)}
    names = {field.encode_name: field.name for field in msgspec.structs.fields(table.row)}
    found = []
    for column in table.columns:
        text = " ".join(filter(None, (_text(documented.get(names[column.name], "")), _nulls(table.name, column.name))))
        kind = _type(str(column.type), nullable=column.nullable)
        found.append(Column(name=column.name, type=kind, unit=_unit(column.name), text=text))
        if column.name.endswith(NANOS):
            dollars, said = column.name.removesuffix("_nanos"), f"`{column.name}` in dollars; in the view only"
            found.append(Column(name=dollars, type="decimal(18, 9)", unit="dollars", text=said))
    return found


def _unit(column: str) -> str:
    """By the end of its name: units stand last in all of them."""
    return next((unit for ending, unit in _UNITS.items() if column.endswith(ending)), "")


def _nulls(table: str, column: str) -> str:
    """Why it may be missing, where a column beside it says so."""
    for measured in MEASURED:
        if measured.table == table and column in measured.columns:
            return f"NULL: `{measured.reason_column}` says why."
        if measured.table == table and column == measured.reason_column:
            return "One of " + ", ".join(f"[{reason}](#reasons)" for reason in measured.reasons) + "."
    return ""


def _quality() -> str:
    about = (
        "A view over all of these: everything that could not be measured, and why. Count it by `reason` beside any\n"
        'percentile: `select "table", "column", reason, count(*) from quality group by all`.'
    )
    return _view("quality", about, quality_view.COLUMNS)


def _steering() -> str:
    about = "A view of events: what was decided about calls from outside of their talk, and keys that callers pressed."
    return _view("steering", about, steering_view.COLUMNS)


def _view(name: str, about: str, columns: dict[str, tuple[str, str]]) -> str:
    lines = [
        f"### {name}\n",
        f"{about}\n",
        "| column | type | unit | what it is |",
        "|---|---|---|---|",
        *(f"| `{column}` | {kind} | | {text} |" for column, (kind, text) in columns.items()),
        "",
    ]
    return "\n".join(lines)


def _reasons() -> str:
    kinds = {"none": "nothing to measure", "later": "may still come", "unknown": "the log can't say"}
    lines = ["### Reasons\n", "Why a value is NULL.\n", "| reason | kind | what it means |", "|---|---|---|"]
    lines += [f"| `{name}` | {kinds[one.kind]} | {one.words} |" for name, one in REASONS.items()]
    return "\n".join([*lines, ""])


def _documented(row: type[msgspec.Struct]) -> dict[str, str]:
    """What stands under each field of a class, by the field's name."""
    [found] = ast.parse(textwrap.dedent(inspect.getsource(row))).body
    assert isinstance(found, ast.ClassDef)
    texts = {}
    for field, below in zip(found.body, found.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                texts[name] = text
    return texts


def _text(docstring: str) -> str:
    return " ".join(docstring.split()).replace("|", "\\|")


def _type(arrow: str, *, nullable: bool) -> str:
    names = {"string": "text", "int64": "integer", "double": "float", "bool": "boolean", "binary": "bytes"}
    name = "timestamp" if arrow.startswith("timestamp") else names[arrow]
    return f"{name}, may be NULL" if nullable else name


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE}\n")
