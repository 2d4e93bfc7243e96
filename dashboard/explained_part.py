"""How a number came about, on a page: the same explanation that `calltape explain` writes out as text."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from dashboard import wording
from dashboard.desk import Desk
from dashboard.events_part import event_table, message
from dashboard.queries import events
from dashboard.queries import session as queries
from dashboard.rules_in_force import rules
from pipeline.domain import facts
from pipeline.domain.explain_text import as_text, shown
from pipeline.domain.explanation import Answer, Explanation, NothingToExplain, Step
from pipeline.domain.reasons import REASONS
from pipeline.explain import explain
from pipeline.rule_settings import RuleSettings

KEPT_MAX: Final = 64


def explained(
    desk: Desk, by: RuleSettings, session: facts.Session, *, kind: str, key: int, of: str | None = None
) -> Explanation | str:
    """The explanation of a turn, interruption or cost by these rules; or why there is none."""
    return _explained(
        desk, session.session_id, version=session.version, by=by.model_dump_json(), kind=kind, key=key, of=of
    )


# The whole log of the call is folded for it: kept as long as the call's row stands (its version is in the key).
@st.cache_resource(max_entries=KEPT_MAX, show_spinner="Following the call's events")
def _explained(
    _desk: Desk,
    session_id: str,
    *,
    version: int,  # noqa: ARG001  # part of what is kept by
    by: str,
    kind: str,
    key: int,
    of: str | None,
) -> Explanation | str:
    try:
        return explain(_desk.dataset, kind, session_id, key, rules(RuleSettings.model_validate_json(by)), of=of)
    except NothingToExplain as none:
        return str(none)


def other_rules_note(desk: Desk, session: facts.Session, found: Explanation | str, *, of: str | None = None) -> None:
    """A warning where the table says something else: its row was made by other rules than these pages are given."""
    # Of a call in progress the table may be a moment ahead of what was explained.
    if isinstance(found, str) or session.status == "open":
        return
    row = desk.ask(queries.explained_row, session.session_id, found.kind, found.key, of)
    others = differing(found.answers, row)
    if others:
        st.warning(
            f"The table has other values of {', '.join(f'`{name}`' for name in others)}: its rows were made by other "
            "rules than these pages are given. Set price lists and windows once, at the top of `calltape.toml`, for "
            "all programs; `calltape reprice` (prices) or `calltape rebuild` makes the rows anew by them.",
            icon=":material/difference:",
        )


def differing(answers: Sequence[Answer], row: Mapping[str, Any] | None) -> list[str]:
    """The columns of which the row does not say what was explained."""
    said = row or {}
    return [answer.column for answer in answers if answer.column in said and said[answer.column] != answer.value]


def arithmetic(found: Explanation | str, *, columns: Collection[str] = ()) -> None:
    """The answers step by step; those about `columns` at once, the others folded away."""
    if isinstance(found, str):
        st.caption(f"No explanation: {wording.plain(found)}.")
        return
    first = [answer for answer in found.answers if answer.column in columns] or list(found.answers)
    rest = [answer for answer in found.answers if answer not in first]
    for answer in first:
        _answer(answer)
    if rest:
        with st.expander(f"Everything else about this {found.kind}"):
            for answer in rest:
                _answer(answer)
    st.download_button(
        "As text", as_text(found), file_name=f"{found.kind}-{found.key}.txt", on_click="ignore",
        icon=":material/download:", key=f"text-{found.kind}-{found.key}", help="What `calltape explain` prints.",
    )  # fmt: skip


def cost_arithmetic(desk: Desk, by: RuleSettings, session: facts.Session, *, seq: int, of: str) -> None:
    """How a price came about, of the cost of that kind at that `seq`."""
    found = explained(desk, by, session, kind="cost", key=seq, of=of)
    other_rules_note(desk, session, found, of=of)
    arithmetic(found)


def evidence(desk: Desk, session_id: str, seqs: Sequence[int], *, key: str) -> None:
    """The events behind it; the chosen one's message as it was sent."""
    lines = desk.ask(events.numbered, session_id, tuple(sorted(set(seqs))))
    if not lines:
        st.caption("No event of its own.")
        return
    st.caption("The events behind it. Choose one to see its message.")
    line = event_table(lines, key=key, height="content")
    if line is not None:
        message(desk, session_id, line)


def _answer(answer: Answer) -> None:
    st.markdown(f"**{wording.plain(answer.title)}: {wording.plain(_value(answer))}** :small[:gray[{answer.column}]]")
    if answer.words:
        st.caption(wording.plain(answer.words))
    if answer.steps:
        rows = [f"| {number} | {_step(step)} |" for number, step in enumerate(answer.steps, 1)]
        st.markdown("\n".join(["| | step | value | how | event |", "|--:|---|--:|---|---|", *rows]))


def _value(answer: Answer) -> str:
    if answer.value is not None or answer.reason is None:
        return shown(answer.value, answer.unit)
    reason = REASONS.get(answer.reason)
    return f"{wording.UNKNOWN} ({reason.words if reason else wording.words(answer.reason)})"


def _step(step: Step) -> str:
    cells = (step.label, shown(step.value, step.unit), step.formula or "", ", ".join(map(str, step.seqs)))
    return " | ".join(wording.plain(cell) for cell in cells)
