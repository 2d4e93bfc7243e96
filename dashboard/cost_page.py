"""Cost: what a minute and a call cost, metered beside billed, what for, which calls cost most, and what if."""

from collections.abc import Sequence

import msgspec
import streamlit as st

from dashboard import addresses, bill, cost_charts, definitions, wording
from dashboard import overview_parts as parts
from dashboard.bill import PartLine
from dashboard.cards import Card, Way, cards
from dashboard.desk import Desk
from dashboard.frame import NAME_PX, drawn, grid
from dashboard.overview_cards import Compared, money_cards, unheard_card
from dashboard.queries import cost, overview, quality
from dashboard.queries.asking import Scope
from dashboard.queries.cost import ORDERS, CallCost
from dashboard.queries.overview import Headline
from dashboard.queries.quality import Unpriced
from dashboard.rules_in_force import rules
from dashboard.scoped import scoped
from dashboard.settings import from_environment
from dashboard.what_if_part import what_if_section
from dashboard.window import Choice, step_s
from pipeline.domain.reasons import meaning


@scoped
def page(desk: Desk, about: Scope, choice: Choice) -> None:
    """The money of the scope."""
    for stretch in about.with_before:
        desk.begin(overview.headline, stretch)
    for query in (cost.call_cost, cost.tallies, overview.money_by_model, quality.unpriced, cost.left_out):
        desk.begin(query, about)
    by = rules(from_environment().by_rules)
    head, before = desk.ask(overview.headline, about), about.before
    was = desk.ask(overview.headline, before) if before else None
    compared = Compared(now=head, before=was, cohort=None, cohort_before=None, choice=choice)
    cards(_cards(compared, head, desk.ask(cost.call_cost, about)), key="money", columns=6)
    tallies = desk.ask(cost.tallies, about)
    paid_for = bill.in_dollars(bill.parts(tallies, by.billed, by.metered))
    extent = desk.ask(overview.extent, about)
    left, right = st.columns(2, gap="medium")
    with left:
        # A minute is the finest that money is spread over.
        parts.money_chart(desk.ask(overview.money_over_time, about, max(step_s(extent.first_at, extent.last_at), 60)))
        st.subheader("By model", help="Choose one for its calls alone.")
        parts.model_table(desk.ask(overview.money_by_model, about), here=True)
    with right:
        _what_for(paid_for)
    what_if_section(desk, about, tallies, by)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _dearest(desk, about)
    with right:
        _unpriced(desk.ask(quality.unpriced, about))


def _cards(of: Compared, head: Headline, calls: CallCost) -> list[Card]:
    money = [msgspec.structs.replace(card, way=None) for card in money_cards(of, head)]
    metered, billed, per_call = money
    in_half = Card(
        label="Billed per call", value=_typical(calls.billed_p50_usd), help=definitions.COST_OF_CALL,
        note=f"median · p90 {_typical(calls.billed_p90_usd)} · n {calls.priced_calls:,}",
    )  # fmt: skip
    noted = f"mean · median {_typical(calls.metered_p50_usd)} · p90 {_typical(calls.metered_p90_usd)}"
    return [
        metered,
        billed,
        msgspec.structs.replace(per_call, note=noted),
        in_half,
        unheard_card(of, head),
        Card(
            label="Unpriced", value=f"{head.unpriced:,}", help=definitions.UNPRICED,
            note="unknown, not $0" if head.unpriced else "everything has a price",
            change=of.change(lambda one: one.unpriced),
            way=Way(to=addresses.SESSIONS, label="calls", query={"with": "unpriced"}) if head.unpriced else None,
        ),
    ]  # fmt: skip


def _typical(usd: float | None) -> str:
    return wording.UNKNOWN if usd is None else wording.dollars(usd)


def _what_for(lines: Sequence[PartLine]) -> None:
    if not lines:
        st.caption("Nothing was priced in this time range yet.")
        return
    drawn(
        cost_charts.money_by_part(lines), "What it went for", f"{definitions.PARTS}\n\n{definitions.BASES}",
        key="money-by-part", alt="What the money went for",
    )  # fmt: skip
    number, usd, share = st.column_config.NumberColumn, "$%,.4f", "percent"
    grid(
        lines,
        {
            "name": st.column_config.TextColumn("for", width=NAME_PX, help=definitions.PARTS),
            "billed_usd": number("billed", format=usd, help=definitions.BILLED),
            "billed_share": number("of it", format=share),
            "metered_usd": number("metered", format=usd, help=definitions.METERED),
            "metered_share": number("of it", format=share),
            "tokens": number("tokens", format="%,d", help="As billed by usage."),
            "minutes": number("minutes", format="%,.1f", help="Of audio, as metered."),
        },
        key="parts",
    )


def _dearest(desk: Desk, about: Scope) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader("The most expensive calls", help="Choose one to open it. Whole calls, all of what each cost.")
        order = st.selectbox(
            "Most", list(ORDERS), key="most", bind="query-params", width=190,
            help="By what the calls are sorted, all of them and not only those shown.",
        )  # fmt: skip
    found = desk.ask(cost.dearest, about, order=order)
    number, usd = st.column_config.NumberColumn, "$%,.4f"
    picked = grid(
        found,
        {
            "opened_at": st.column_config.DatetimeColumn("opened (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
            "model": st.column_config.TextColumn("model", width=NAME_PX),
            "minutes": number("minutes", format="%,.1f", help=definitions.CALL_MINUTES),
            "billed_usd": number("billed", format=usd, help=definitions.BILLED),
            "metered_usd": number("metered", format=usd, help=definitions.METERED),
            "billed_usd_per_minute": number("billed/min", format=usd, help=definitions.BILLED),
            "metered_usd_per_minute": number("metered/min", format=usd, help=definitions.METERED),
            "unpriced": number("unpriced", format="%,d", help=definitions.UNPRICED),
            "turns": number("turns", format="%,d", help=definitions.TURNS),
            "session_id": st.column_config.TextColumn("session"),
        },
        placeholder="unknown",
        on_select="rerun",
        selection_mode="single-row",
        key="dearest",
    )
    if picked.selection.rows:
        addresses.go(addresses.SESSION, session=found[picked.selection.rows[0]].session_id)


class _UnpricedLine(Unpriced, frozen=True, kw_only=True):
    why: str


def _unpriced(found: Sequence[Unpriced]) -> None:
    st.subheader("Unpriced, and why", help=f"{definitions.UNPRICED} Choose a row for the last call that has it.")
    if not found:
        st.caption("Everything in this time range has a price.")
        return
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    lines = [
        _UnpricedLine(**msgspec.structs.asdict(one), why=meaning(one.reason) or wording.words(one.reason))
        for one in found
    ]
    picked = grid(
        lines,
        {
            "kind": text("what", width="small", help=definitions.KINDS_OF_COST),
            "model": text("model", width=NAME_PX),
            "things": number("things", format="%,d", help=definitions.UNPRICED_THINGS),
            "sessions": number("calls", format="%,d"),
            "why": text("why", width="medium"),
        },
        on_select="rerun",
        selection_mode="single-row",
        key="unpriced",
    )
    if picked.selection.rows:
        addresses.go(addresses.SESSION, session=found[picked.selection.rows[0]].last_session_id)
