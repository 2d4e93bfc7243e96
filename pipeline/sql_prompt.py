"""The interactive side of `calltape sql`: lines until a `;`, completion, history, and a few commands of its own."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from pipeline.dataset import Reader
from pipeline.sql import FORMATS, SqlRefused, show

GREETING = "Ends with ; and Enter. .tables  .schema TABLE  .format FORMAT  .quit  (Ctrl-C stops a query, Ctrl-D leaves)"

_KEYWORDS = [
    "select",
    "from",
    "where",
    "group",
    "by",
    "order",
    "limit",
    "join",
    "left",
    "using",
    "on",
    "and",
    "or",
    "not",
    "in",
    "is",
    "null",
    "as",
    "distinct",
    "having",
    "between",
    "like",
    "with",
    "union",
    "all",
    "case",
    "when",
    "then",
    "else",
    "end",
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "median",
    "quantile_cont",
    "date_trunc",
    "interval",
    "desc",
    "asc",
    "describe",
    "summarize",
    "filter",
    "over",
    "partition",
    "true",
    "false",
]


class Completing(Completer):
    """Offers the names of tables and columns, and SQL's own words."""

    def __init__(self, known: Iterable[str]) -> None:
        self._names = sorted({*known, *_KEYWORDS})

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 -- the library names it
        """What the word before the cursor may become."""
        word = document.get_word_before_cursor()
        if word:
            for name in self._names:
                if name.startswith(word.lower()):
                    yield Completion(name, start_position=-len(word))


class Conversation:
    """What was typed so far, and what is done with it once it is whole. Knows no terminal."""

    def __init__(self, reader: Reader, out: TextIO) -> None:
        self._reader = reader
        self._out = out
        self._typed: list[str] = []
        self._form = "table"
        self.over = False

    @property
    def waiting(self) -> bool:
        """Whether a statement was begun and not ended."""
        return bool(self._typed)

    def hear(self, line: str) -> None:
        """Take in a line. A statement is answered at its `;`, a command at once."""
        if not self._typed and line.strip().startswith("."):
            self._obey(*line.strip().rstrip(";").split())
        elif line.strip() or self._typed:
            self._typed.append(line)
            if line.rstrip().endswith(";"):
                statement = "\n".join(self._typed)
                self._typed.clear()
                self._answer(statement)

    def drop(self) -> None:
        """Forget what was begun."""
        self._typed.clear()

    def _answer(self, statement: str) -> None:
        cursor = self._reader.cursor().connection
        try:
            show(cursor, statement, self._form, self._out)
        except SqlRefused as refusal:
            print(refusal, file=self._out)
        finally:
            cursor.close()

    def _obey(self, command: str, *arguments: str) -> None:
        match command, arguments:
            case ((".quit" | ".exit" | ".q"), _):
                self.over = True
            case ".tables", ():
                self._answer("select view_name as table_name from duckdb_views() where not internal order by all;")
            case ".schema", (table,) if table.isidentifier():
                # An identifier and nothing else: there is nothing to inject.
                self._answer(f"select column_name, column_type from (describe {table});")  # noqa: S608
            case ".format", (form,) if form in FORMATS:
                self._form = form
            case _:
                print(f"{GREETING}\nformats: {', '.join(FORMATS)}", file=self._out)


def converse(reader: Reader, out: TextIO) -> None:
    """Hold a conversation at the terminal until `.quit` or Ctrl-D."""
    print(GREETING, file=out)
    session: PromptSession[str] = PromptSession(
        history=_history(), completer=Completing(names(reader)), complete_while_typing=False
    )
    conversation = Conversation(reader, out)
    while not conversation.over:
        try:
            conversation.hear(session.prompt("     ...> " if conversation.waiting else "calltape> "))
        except KeyboardInterrupt:
            conversation.drop()
        except EOFError:
            return


def names(reader: Reader) -> list[str]:
    """Of all tables and columns."""
    found = reader.query(
        "select view_name from duckdb_views() where not internal union select column_name from "
        "duckdb_columns() where not internal"
    )
    return [str(name) for name in found.column(0).to_pylist()]


def _history() -> History:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "calltape"
    try:
        state.mkdir(parents=True, exist_ok=True)
        (state / "sql_history").touch()
    except OSError:  # a home that can't be written: the prompt works all the same
        return InMemoryHistory()
    return FileHistory(str(state / "sql_history"))
