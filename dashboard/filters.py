"""The filter bar that the pages share: time range and facets. Each stands in the page's address, and only there."""

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import Final, TypeVar

import streamlit as st

from dashboard import address_bar, definitions
from dashboard.addresses import CARRIED, DAYS
from dashboard.window import DEFAULT_RANGE, RANGES, Choice

T = TypeVar("T")

TITLES: Final = {
    "model": "Model",
    "source": "Source",
    "relay_key": "Relay key",
    "label": "Label",
    "voice": "Voice",
    "vad": "Turn detection",
    "language": "Language",
}
HELP: Final = {
    "model": definitions.COLUMNS["model"],
    "source": "How the session got in: relay, sideband, driver, import.",
    "relay_key": "The name of the relay key that admitted the client.",
    "label": "What the client calls this kind of call, in its session's `tracing.workflow_name`.",
    "voice": "The agent's voice, as last in force.",
    "vad": "The kind of turn detection, and the silence it waits for where that is fixed; as last in force.",
    "language": "What the user's speech is transcribed as, as configured.",
}


def bar(known: dict[str, tuple[str, ...]], *, side: str = "") -> Choice:
    """The bar, and what is chosen in it. `known` has the values that are offered for each facet.

    Where a page has two, `side` tells the second apart: it stands before each of its names in the address.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{side}filters"):
        chosen = st.segmented_control(
            "Time range", list(RANGES), default=DEFAULT_RANGE, required=True, key=f"{side}range", bind="query-params",
            help="How far back from now. Whole days can be chosen under Filters.",
        )  # fmt: skip
        with _popover([*TITLES, *DAYS], side):
            first_day, last_day = _days(side)
            facets = _facets(known, side)
    if not side:
        address_bar.let_go(CARRIED)
    choice = Choice(range=chosen, first_day=first_day, last_day=last_day, facets=facets)
    _summary(choice)
    return choice


def facet_bar(known: dict[str, tuple[str, ...]], beside: Callable[[], T]) -> tuple[dict[str, tuple[str, ...]], T]:
    """The filters of a page that is about this moment, and so without a time range; what else the bar holds first."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filters"):
        other = beside()
        with _popover(TITLES, ""):
            facets = _facets(known, "")
    address_bar.let_go(CARRIED)
    _summary(Choice(facets=facets))
    return facets, other


@contextlib.contextmanager
def _popover(names: Collection[str], side: str) -> Iterator[None]:
    """Where these filters are set, and below them the button that clears those that stand in the address."""
    active = sum(f"{side}{name}" in st.query_params for name in names)
    label = f"Filters ({active})" if active else "Filters"
    with st.popover(label, icon=":material/filter_alt:", width="content", key=f"{side}filter-popover"):
        yield
        if active:
            st.button(
                "Clear all filters", on_click=_clear, args=(names, side), icon=":material/filter_alt_off:",
                key=f"{side}clear",
            )  # fmt: skip


def _facets(known: dict[str, tuple[str, ...]], side: str) -> dict[str, tuple[str, ...]]:
    return {name: _facet(name, known.get(name, ()), side) for name in TITLES}


def _days(side: str) -> tuple[date | None, date | None]:
    left, right = st.columns(2)
    first = left.date_input(
        "From day (UTC)", None, key=f"{side}from", bind="query-params", format="YYYY-MM-DD",
        help="Whole days, which take the place of the time range.",
    )  # fmt: skip
    last = right.date_input(
        "To day (UTC)", None, key=f"{side}to", bind="query-params", format="YYYY-MM-DD", help="With this day."
    )
    return first, last


def _facet(name: str, known: tuple[str, ...], side: str) -> tuple[str, ...]:
    # A value that no call has any more stays in the filter: dropping it would show other calls than were asked for.
    chosen = st.multiselect(
        TITLES[name], known, key=f"{side}{name}", bind="query-params", accept_new_options=True, help=HELP[name],
        placeholder="all",
    )  # fmt: skip
    return tuple(chosen)


def narrowing(key: str, facet: str, values: Sequence[str]) -> Callable[[], None]:
    """What a table with this key does when a row is chosen: filter this page by the row's value of the facet."""

    def narrow() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            st.session_state[facet] = [values[rows[0]]]
            # The bar stands outside of the part of the page in which the table is.
            st.rerun()

    return narrow


def swap(side: str) -> None:
    """Give the page's bar and the one of this side each the other's choice. For a button's callback."""
    for name in CARRIED:
        one, other = st.session_state[name], st.session_state[f"{side}{name}"]
        st.session_state[name], st.session_state[f"{side}{name}"] = other, one


def _clear(names: Iterable[str], side: str) -> None:
    for name in names:
        st.session_state[f"{side}{name}"] = None if name in DAYS else []


def _summary(choice: Choice) -> None:
    """What is filtered by, in the open: a figure must not be read as being of all calls."""
    told = [f"{TITLES[name]}: {' or '.join(values)}" for name, values in choice.facets.items() if values]
    if choice.first_day or choice.last_day:
        told.insert(0, f"{choice.words} (instead of the time range)")
    if told:
        st.caption(f":material/filter_alt: {' · '.join(told)}")
