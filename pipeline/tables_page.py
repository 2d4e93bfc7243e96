"""Writes docs/tables.md from the classes of the facts: `python -m pipeline.tables_page`."""

import ast
import inspect
import sys
import textwrap
from pathlib import Path

import msgspec

from pipeline.dataset_schemas import ARCHIVE, FACTS, Table
from pipeline.dataset_views import NANOS
from pipeline.domain import facts

PAGE = Path(__file__).parent.parent / "docs" / "tables.md"

_HEAD = """\
# The tables

Made from `pipeline/domain/facts.py` by `python -m pipeline.tables_page`; a test holds it current. Ask them with
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
    parts += ["## The archive\n", *(_section(table) for table in reversed(ARCHIVE.values()))]
    return "\n".join(parts)


def _section(table: Table) -> str:
    documented = {**_documented(facts.Row), **_documented(table.row)}
    lines = [
        f"### {table.name}\n",
        f"{_text(table.row.__doc__ or '')}\n",
        f"Key: {', '.join(f'`{column}`' for column in table.key)}.\n",
        "| column | type | what it is |",
        "|---|---|---|",
    ]
    names = {field.encode_name: field.name for field in msgspec.structs.fields(table.row)}
    for column in table.columns:
        text = _text(documented.get(names[column.name], ""))
        lines.append(f"| `{column.name}` | {_type(str(column.type), nullable=column.nullable)} | {text} |")
        if column.name.endswith(NANOS):
            dollars = column.name.removesuffix("_nanos")
            lines.append(f"| `{dollars}` | decimal(18, 9) | `{column.name}` in dollars; in the view only |")
    lines.append("| `date` | date | UTC day on which the session opened; what the files are parted by |\n")
    return "\n".join(lines)


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
