"""Interruptions: who cuts whom off, how often, how fast the agent yields, and in which calls."""

import streamlit as st

from dashboard import addresses, definitions, interruption_charts, wording
from dashboard import overview_parts as parts
from dashboard.cards import Card, cards
from dashboard.desk import Desk
from dashboard.filters import HELP, TITLES, narrowing
from dashboard.frame import drawn, grid
from dashboard.overview_cards import Compared, cut_cards
from dashboard.queries import interruptions, overview
from dashboard.queries.asking import Scope
from dashboard.queries.interruptions import ORDERS, Cut
from dashboard.queries.overview import InterruptionClass
from dashboard.scoped import scoped
from dashboard.window import Choice, step_s

YIELD_BIN_MS = 50


@scoped
def page(desk: Desk, about: Scope, choice: Choice) -> None:
    """The interruptions of the scope."""
    for stretch in about.with_before:
        desk.begin(overview.headline, stretch)
    desk.begin(overview.interruptions, about)
    desk.begin(interruptions.time_to_yield, about, bin_ms=YIELD_BIN_MS)
    head, before = desk.ask(overview.headline, about), about.before
    was = desk.ask(overview.headline, before) if before else None
    compared = Compared(now=head, before=was, cohort=None, cohort_before=None, choice=choice)
    classes = desk.ask(overview.interruptions, about)
    cards(
        [*cut_cards(compared, head), *(_class_card(one) for one in classes)],
        key="cuts",
        columns=4,
        here=addresses.INTERRUPTIONS,
    )
    extent = desk.ask(overview.extent, about)
    left, right = st.columns([3, 2], gap="medium")
    counts = desk.ask(interruptions.over_time, about, step_s(extent.first_at, extent.last_at))
    if not counts:
        st.info("Nobody was interrupted in these calls.", icon=":material/check:")
        return
    with left:
        drawn(
            interruption_charts.classes_over_time(counts), "Over time, by class",
            f"{definitions.CUTS}\n\n{definitions.ALL_CLASSES}",
            key="cuts-over-time", alt="Interruptions of each class over time",
        )  # fmt: skip
    yields = desk.ask(interruptions.time_to_yield, about, bin_ms=YIELD_BIN_MS)
    if yields:
        with right:
            drawn(
                interruption_charts.yield_distribution(yields), "How long the agent talked on",
                f"{definitions.TIME_TO_YIELD} {definitions.YIELDED}",
                key="yields", alt="How long the agent talked on before it yielded",
            )  # fmt: skip
    with left:
        _listed(desk, about)
    with right:
        parts.interruption_section(classes, here=True)
        _by_facet(desk, about)


def _class_card(one: InterruptionClass) -> Card:
    rate = wording.rate(one.per_100_turns)
    return Card(
        label=one.name.capitalize(), value=f"{rate} per 100", help=definitions.CLASSES[one.class_],
        note=f"{one.count:,} · {one.yielded:,} yielded",
    )  # fmt: skip


def _listed(desk: Desk, about: Scope) -> None:
    st.subheader("Each of them", help="Choose one to open its call.")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        names = {name.replace("_", " "): name for name in definitions.CLASSES}
        chosen = st.multiselect(
            "Classes", list(names), key="class", bind="query-params", placeholder="all", width=320,
            help=definitions.ALL_CLASSES,
        )  # fmt: skip
        order = st.selectbox(
            "Order", list(ORDERS), key="order", bind="query-params", width=180,
            help="All that match are sorted, not only those shown.",
        )  # fmt: skip
    found = desk.ask(interruptions.listed, about, classes=tuple(names[name] for name in chosen), order=order)
    if not found:
        st.caption("None of these classes.")
        return
    _table(found)


def _table(found: list[Cut]) -> None:
    number, text, ms = st.column_config.NumberColumn, st.column_config.TextColumn, "%,.0f ms"
    picked = grid(
        found,
        {
            "at": st.column_config.DatetimeColumn("at (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
            "name": text("class", help=definitions.ALL_CLASSES),
            "time_to_yield_ms": number("yielded after", format=ms, help=definitions.TIME_TO_YIELD),
            "overlap_ms": number("overlap", format=ms, help=definitions.OVERLAP),
            "unheard_ms": number("unheard", format=ms, help=definitions.UNHEARD),
            "unheard_usd": number("of it metered", format="$%.4f", help=definitions.METERED),
            "transcript": text("the user said", width="medium", help="Where the speech was transcribed."),
            "reason": text("why this class", width="medium"),
            "turn_index": number("turn", format="%d"),
            "session_id": text("session"),
        },
        on_select="rerun",
        selection_mode="single-row",
        key="listed",
    )
    if picked.selection.rows:
        one = found[picked.selection.rows[0]]
        addresses.open_turn(one.session_id, one.turn_index)


def _by_facet(desk: Desk, about: Scope) -> None:
    facet = st.selectbox(
        "Break down by", list(TITLES), format_func=TITLES.__getitem__, key="by", bind="query-params",
        help="Choose a row to filter by it.",
    )  # fmt: skip
    found = desk.ask(interruptions.by_facet, about, facet)
    number = st.column_config.NumberColumn
    grid(
        found,
        {
            "value": st.column_config.TextColumn(TITLES[facet].lower(), width="medium", help=HELP[facet]),
            "spoken_turns": number("spoken turns", format="%,d", help=definitions.SPOKEN_TURNS),
            "per_100_turns": number("per 100", format="%.1f", help=definitions.INTERRUPTION_RATE),
            "barge_ins_per_100_turns": number("barge-ins", format="%.1f", help=definitions.CLASSES["barge_in"]),
            "false_per_100_turns": number("false", format="%.1f", help=definitions.CLASSES["false_interruption"]),
        },
        on_select=narrowing("by-facet", facet, [one.value for one in found]),
        selection_mode="single-row",
        key="by-facet",
    )
