"""Explains a row of the dataset from the archived events of its session, as `calltape explain` and the pages do.

What an explanation is and how it is computed is `pipeline.domain.explanation`'s business and its neighbours'.
"""

from pipeline.archive_reader import ArchiveReader
from pipeline.dataset import Reader
from pipeline.domain.explain_cost import explain_cost
from pipeline.domain.explain_interruption import explain_interruption
from pipeline.domain.explain_turn import explain_turn
from pipeline.domain.explanation import Explanation, NothingToExplain
from pipeline.domain.rules import Rules

KINDS = ("turn", "interruption", "cost")

_MATCHING = "select distinct session_id from events where ends_with(session_id, $session) order by 1 limit 3"


def explain(
    reader: Reader, kind: str, session_id: str, key: int, rules: Rules, *, of: str | None = None
) -> Explanation:
    """Everything about a turn (by its index), an interruption or a cost (by its seq), from the session's events.

    `of` says which kind of cost where a seq has two. The rules must be those that the rows were made with, or the
    numbers are those of other rules. Raises NothingToExplain, whose message says what there is instead.
    """
    events = (found.event for found in ArchiveReader(reader).events(session_id))
    match kind:
        case "turn":
            return explain_turn(events, key, rules)
        case "interruption":
            return explain_interruption(events, key, rules)
        case "cost":
            return explain_cost(events, key, rules, of)
    raise NothingToExplain(f"there is no explanation of a {kind}; there is of {', '.join(KINDS)}")


def full_session_id(reader: Reader, session: str) -> str:
    """The session whose id this is, or ends with: pages show the end. Raises NothingToExplain unless it is one."""
    ending = session.removeprefix("\N{HORIZONTAL ELLIPSIS}")
    found = reader.query(_MATCHING, {"session": ending}).column(0).to_pylist() if ending else []
    if len(found) != 1:
        many = (
            f"several sessions end with {session}: {', '.join(found)}, ..."
            if found
            else f"there is no session {session}"
        )
        raise NothingToExplain(many)
    return str(found[0])
