"""Where the pages are: their addresses, the links from one to another, and what a link takes along.

A link keeps the time range and the filters of the page that it stands on, so that a figure leads to the calls that
it was counted over. Pages link to each other by their address, and so don't import one another.
"""

from typing import Final
from urllib.parse import urlencode

import msgspec
import streamlit as st
from streamlit.navigation.page import Page

from dashboard import address_bar
from dashboard.queries.asking import FACETS


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One page: the path below the root, and how it is called in the navigation."""

    path: str
    title: str
    icon: str
    help: str
    """The question that the page answers."""


OVERVIEW: Final = Address(path="", title="Overview", icon=":material/monitoring:", help="How did the calls go?")
LIVE: Final = Address(
    path="live", title="Live", icon=":material/radio_button_checked:", help="What are the calls in progress doing now?"
)
SESSIONS: Final = Address(path="sessions", title="Sessions", icon=":material/list:", help="Find a call.")
SESSION: Final = Address(
    path="session", title="Session", icon=":material/graphic_eq:", help="What happened in this call?"
)
LATENCY: Final = Address(path="latency", title="Latency", icon=":material/timer:", help="How long do callers wait?")
INTERRUPTIONS: Final = Address(
    path="interruptions", title="Interruptions", icon=":material/front_hand:", help="Who cuts whom off, and how often?"
)
COST: Final = Address(
    path="cost", title="Cost", icon=":material/payments:", help="What do a minute and a call cost, and what if?"
)
COMPARE: Final = Address(
    path="compare", title="Compare", icon=":material/compare_arrows:", help="Do these calls differ from those?"
)
TOOLS: Final = Address(path="tools", title="Tools", icon=":material/build:", help="Which tools make callers wait?")
QUALITY: Final = Address(
    path="quality", title="Quality", icon=":material/fact_check:", help="Which figures can't be trusted, and why?"
)
SQL: Final = Address(path="sql", title="SQL", icon=":material/database:", help="Ask the tables yourself.")
ALL: Final = (OVERVIEW, LIVE, SESSIONS, SESSION, LATENCY, INTERRUPTIONS, COST, TOOLS, QUALITY, COMPARE, SQL)

CARRIED: Final = ("range", "from", "to", *FACETS)
"""The members of an address that say what a page is about; every link takes them along."""


ASKED: Final = "set_"
"""Before the name of a filter that a link sets."""
LISTS: Final = (*FACETS, "class", "with")
"""Filters that hold several values."""
DAYS: Final = ("from", "to")
ASKABLE: Final = (*LISTS, *DAYS, "range", "measure", "order")
"""Filters that a link sets, whether or not the page it stands on has them already."""


def carried(side: str = "") -> dict[str, list[str]]:
    """What this page is about, or this side of it, as a link to another page says it."""
    return {name: _chosen(f"{side}{name}") for name in CARRIED}


def _chosen(name: str) -> list[str]:
    """As the page's filters stand, where it has them: the address follows them only once the page is made."""
    if name not in st.session_state:
        return st.query_params.get_all(name)
    value = st.session_state[name]
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    return [] if value is None else [str(value)]


def link(to: Address, label: str, /, *, icon: str = "", help: str | None = None, **query: str | list[str]) -> None:  # noqa: A002  # as Streamlit's own
    """A link to a page about the same calls, narrowed by `query`. A value of no length stands for none."""
    asked = {f"{ASKED}{name}" if name in ASKABLE else name: value for name, value in _about(query).items()}
    st.page_link(_page(to), label=label, icon=icon, help=help or "", query_params=asked)


def href(to: Address, side: str) -> str:
    """The address of a page about the calls of this side, to be opened beside the page that is shown.

    In place it would show what the page shown is about: of a filter that both pages have, Streamlit keeps the value.
    """
    return f"{to.path or '.'}?{urlencode(carried(side), doseq=True)}"


def go(to: Address, /, **query: str | list[str]) -> None:
    """Open another page about the same calls, narrowed by `query`."""
    about = _about(query)
    address_bar.let_go(about)
    st.switch_page(_page(to), query_params=about)


def open_turn(session_id: str, turn_index: int | None) -> None:
    """Open a session at one of its turns; at its beginning where the turn is not known."""
    go(SESSION, session=session_id, turn="" if turn_index is None else str(turn_index))


def _about(query: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
    return {name: value for name, value in (carried() | query).items() if value}


def _page(to: Address) -> Page:
    # Streamlit knows a page by its path alone: the function that makes it need not be at hand.
    return st.Page(_elsewhere, title=to.title, icon=to.icon, url_path=to.path, default=not to.path)


def _elsewhere() -> None:
    """Stands for a page whose function `dashboard.app` has."""
