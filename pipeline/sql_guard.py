"""What may be asked of the dataset in SQL: one question about its tables, and nothing that reads or writes elsewhere.

Decided on the statement as DuckDB's own parser understands it, by what is allowed rather than by what is not: a
newer DuckDB with more ways to change things still lets none of them through. The reader's connection is closed to
files and settings besides (`pipeline.dataset`); this gives the reasons in words.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

import duckdb

QUERY_NODES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
TABLE_FUNCTIONS: Final = frozenset(
    {
        "duckdb_columns",
        "duckdb_constraints",
        "duckdb_functions",
        "duckdb_keywords",
        "duckdb_tables",
        "duckdb_types",
        "duckdb_views",
        "generate_series",
        "histogram",
        "histogram_values",
        "icu_calendar_names",
        "json_each",
        "json_tree",
        "pg_timezone_names",
        "range",
        "repeat",
        "repeat_row",
        "summary",
        "unnest",
    }
)
"""Functions in place of a table that read nothing but their arguments and the catalog."""
REFUSED_FUNCTIONS: Final = frozenset(
    {"current_setting", "currval", "getvariable", "nextval", "setseed", "setval", "sleep_ms", "write_log"}
)
CATALOGS: Final = frozenset({"information_schema", "pg_catalog"})
EXPLAIN: Final = re.compile(r"\s*explain(\s+analyze\b|\s*\([^)]*\))?", re.IGNORECASE)
WAYS_TO_WRITE: Final = {
    "COPY": "COPY reads or writes a file",
    "COPY_DATABASE": "COPY reads or writes a file",
    "EXPORT": "EXPORT writes files",
    "ATTACH": "ATTACH opens another database",
    "DETACH": "DETACH closes a database",
    "LOAD": "INSTALL and LOAD bring code into the process",
    "SET": "SET changes how others' questions are answered",
    "VARIABLE_SET": "SET changes how others' questions are answered",
    "PRAGMA": "PRAGMA changes settings",
    "CALL": "CALL runs a procedure",
}


class SqlRefused(Exception):
    """The statement can't be answered; the message is one line that says why."""


def check(statement: str, tables: Collection[str], *, explaining: bool = True) -> None:
    """Raise SqlRefused unless the statement is one question about the tables (or, if allowed, an EXPLAIN of one)."""
    with duckdb.connect(":memory:") as parser:
        kind = _kind(parser, statement)
        if kind == "EXPLAIN" and explaining:
            statement = EXPLAIN.sub("", statement, count=1)
            kind = _kind(parser, statement)
        if kind not in {"SELECT", "MULTI"}:
            raise SqlRefused(_why(kind))
        [[text]] = parser.execute("select json_serialize_sql($1)", [statement]).fetchall()
    tree = json.loads(text)
    if tree.get("error"):
        raise SqlRefused(f"only plain SELECT can be checked and answered here: {_line(tree.get('error_message'))}")
    _check_tree(tree, {name.lower() for name in tables})


def _kind(parser: duckdb.DuckDBPyConnection, statement: str) -> str:
    try:
        parsed = parser.extract_statements(statement)
    except duckdb.Error as error:
        raise SqlRefused(_line(error)) from error
    if len(parsed) != 1:
        raise SqlRefused(f"one statement at a time, these are {len(parsed)}" if parsed else "nothing was asked")
    return str(parsed[0].type.name)


def _why(kind: str) -> str:
    what = WAYS_TO_WRITE.get(kind, f"{kind.lower().replace('_', ' ')} is no question")
    return f"the dataset is read-only here: {what}. Ask with SELECT"


def _check_tree(tree: Any, tables: Collection[str]) -> None:
    names = set(tables)
    for node in _nodes(tree):
        for entry in _entries(node):
            # A name that could be a file's would let the file through elsewhere in the statement.
            if not re.fullmatch(r"\w+", entry):
                raise SqlRefused(f"a WITH can't be called {entry!r} here: letters, digits and _ only")
            names.add(entry.lower())
    for node in _nodes(tree):
        _check_node(node, names, tables)


def _entries(node: dict[str, Any]) -> Iterator[str]:
    """The names that a WITH gives."""
    found = node.get("cte_map")
    for entry in found.get("map", []) if isinstance(found, dict) else []:
        yield str(entry.get("key", ""))
    if node.get("type") in {"RECURSIVE_CTE_NODE", "CTE_NODE"}:
        yield str(node.get("cte_name") or node.get("ctename") or "_")


def _check_node(node: dict[str, Any], names: Collection[str], tables: Collection[str]) -> None:
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in QUERY_NODES:
        verb = kind.removesuffix("_QUERY_NODE").removesuffix("_NODE").lower().replace("_", " ")
        raise SqlRefused(f"the dataset is read-only here: {verb} is no question. Ask with SELECT")
    if kind == "BASE_TABLE":
        _check_table(node, names, tables)
    function = str(node.get("function_name", "")).lower() if node.get("class") == "FUNCTION" else ""
    if function in REFUSED_FUNCTIONS or function.startswith("__internal"):
        raise SqlRefused(f"{function}() is about the server and not about the data: it can't be used here")
    if kind == "TABLE_FUNCTION":
        called = str((node.get("function") or {}).get("function_name", "")).lower()
        if called not in TABLE_FUNCTIONS:
            raise SqlRefused(
                f"{called or 'this'}() can't stand in place of a table here: files, the network and SQL in text are "
                f"out of reach. The tables are {', '.join(sorted(tables))}"
            )


def _check_table(node: dict[str, Any], names: Collection[str], tables: Collection[str]) -> None:
    schema, name = str(node.get("schema_name") or "main").lower(), str(node.get("table_name", ""))
    if schema in CATALOGS:
        return
    if schema != "main" or name.lower() not in names:
        what = "files can't be read here, and there is" if re.search(r"[./\\:*]", name) else "there is"
        raise SqlRefused(f"{what} no table {name!r}. The tables are {', '.join(sorted(tables))}")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in the tree. By hand: a statement may be nested deeper than Python calls."""
    left = [tree]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            yield one
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)


def _line(error: object) -> str:
    return " ".join(str(error).split("\n\n")[0].split())
