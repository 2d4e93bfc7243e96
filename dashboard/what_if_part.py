"""The what-ifs of the cost page: the question, what it comes to, and the arithmetic in full view."""

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from dashboard import definitions, what_if_prices, what_if_speech, wording
from dashboard.cards import Card, Change, cards
from dashboard.desk import Desk
from dashboard.queries import cost, what_if
from dashboard.queries.asking import Scope
from dashboard.queries.cost import Tally
from dashboard.what_if import Compared, Step, Waits, WhatIf
from pipeline.domain.rules import Rules

LESS_MS: Final = 200
Answering = Callable[[Desk, Scope, Sequence[Tally], Rules], WhatIf]


def what_if_section(desk: Desk, about: Scope, tallies: Sequence[Tally], by: Rules) -> None:
    """One question at a time; which one, and what it asks with, stand in the page's address."""
    st.subheader("What if", help=definitions.NOW_AND_THEN)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="what-if"):
        asked = st.segmented_control(
            "Question", list(QUESTIONS), default=ANOTHER_MODEL, required=True, key="what_if", bind="query-params",
            help=definitions.NOW_AND_THEN,
        )  # fmt: skip
        answer = QUESTIONS[asked](desk, about, tallies, by)
    cards(_cards(answer), key="then", columns=5)
    if answer.waits is not None:
        _waits(answer.waits)
    for one in answer.compared:
        _arithmetic(one)
    left, right = st.columns(2, gap="medium")
    with left:
        _sentences("Assumed", answer.assumed)
    with right:
        _sentences("Left out", answer.left_out)


def _another_model(desk: Desk, about: Scope, tallies: Sequence[Tally], by: Rules) -> WhatIf:
    known = what_if_prices.models(by.billed)
    model = st.selectbox(
        "At the prices of", known, key="as_model", bind="query-params", width=300,
        help=f"Models of {by.billed.name} that speak, by token or by minute.",
    )  # fmt: skip
    lacking = desk.ask(cost.left_out, about)
    return what_if_prices.another_model(tallies, lacking, by.billed, model, about.until.date())


def _text_for_speech(desk: Desk, about: Scope, tallies: Sequence[Tally], by: Rules) -> WhatIf:
    return what_if_prices.text_for_speech(tallies, desk.ask(cost.left_out, about), by.billed, by.metered)


def _shorter_silence(desk: Desk, about: Scope, tallies: Sequence[Tally], by: Rules) -> WhatIf:
    less_ms = st.number_input(
        "Shorter by (ms)", 50, 2000, LESS_MS, 50, key="shorter_ms", bind="query-params", width=180,
        help="How much less silence a server VAD waits for before it takes the turn as over.",
    )  # fmt: skip
    return what_if_speech.shorter_silence(tallies, desk.ask(what_if.silences, about), by.metered, int(less_ms))


def _unheard_truncated(desk: Desk, about: Scope, tallies: Sequence[Tally], by: Rules) -> WhatIf:
    return what_if_speech.unheard_truncated(tallies, desk.ask(what_if.unheard, about), by.billed)


ANOTHER_MODEL: Final = "another model"
QUESTIONS: Final[dict[str, Answering]] = {
    ANOTHER_MODEL: _another_model,
    "text for speech": _text_for_speech,
    "shorter silence": _shorter_silence,
    "unheard truncated": _unheard_truncated,
}


def _cards(answer: WhatIf) -> list[Card]:
    found = []
    if answer.waits is not None:
        found.append(
            Card(
                label="Each answer sooner by", value=wording.milliseconds(answer.waits.mean_ms),
                note=wording.count(answer.waits.turns, "turn"), help=f"{definitions.ENDPOINTING} The mean of turns.",
            )
        )  # fmt: skip
    for one in answer.compared:
        now, then = one.now_usd_nanos, one.then_usd_nanos
        change = wording.change(then, now)
        found += [
            Card(label=f"{one.basis.capitalize()} now", value=wording.money(now), help=definitions.NOW_AND_THEN),
            Card(
                label=f"{one.basis.capitalize()} then", value="unknown" if then is None else wording.money(then),
                help=definitions.NOW_AND_THEN, note=one.impossible,
                change=Change(text=change, against="than now") if change else None,
            ),
        ]  # fmt: skip
    return found


def _waits(found: Waits) -> None:
    sum_ = wording.plain(f"{found.less_ms:,} ms / {found.turns:,} turns")
    st.markdown(
        "| waits | arithmetic | |\n|---|---|--:|\n"
        f"| sooner, all turns together | {wording.plain(found.formula)} | {found.less_ms:,} ms |\n"
        f"| **each answer sooner by** | {sum_} | **{wording.milliseconds(found.mean_ms)}** |"
    )


def _arithmetic(one: Compared) -> None:
    """The steps with their sum, in nano-dollars; nothing where it can't be computed."""
    then = one.then_usd_nanos
    if then is None:
        st.caption(f":material/block: {one.basis.capitalize()}: can't be computed, because {one.impossible}.")
        return
    rows = [_row(step) for step in one.costs or one.saved]
    if one.costs:
        rows.append(_total(f"{one.basis} then", " + ".join(f"{step.usd_nanos:,}" for step in one.costs), then))
    else:
        saved = one.now_usd_nanos - then
        rows.append(_total("saved", " + ".join(f"{step.usd_nanos:,}" for step in one.saved), saved))
        rows.append(_total(f"{one.basis} then", f"{one.now_usd_nanos:,} - {saved:,}", then))
    st.markdown("\n".join([f"| {one.basis} | arithmetic | nano-dollars | |", "|---|---|--:|--:|", *rows]))


def _row(step: Step) -> str:
    label, formula = wording.plain(step.label), wording.plain(step.formula)
    return f"| {label} | {formula} | {step.usd_nanos:,} | {wording.plain(wording.money(step.usd_nanos))} |"


def _total(label: str, formula: str, nanos: int) -> str:
    return f"| **{label}** | {formula} | **{nanos:,}** | **{wording.plain(wording.money(nanos))}** |"


def _sentences(title: str, said: Sequence[str]) -> None:
    st.caption(f"**{title}**\n" + "\n".join(f"- {wording.plain(one)}" for one in said))
