"""What is carried along as the reader moves from page to page: the time range and the filters.

Streamlit's navigation leaves to the browser what stands in the next page's address, and the browser knows only the
widgets that it has drawn. Left within a second or two, a page's filters were lost; so each run of the script writes
down what the page is about.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec
import streamlit as st

from dashboard import address_bar
from dashboard.addresses import ASKED, CARRIED, DAYS, LISTS, carried
from dashboard.window import DEFAULT_RANGE, RANGES

KEPT: Final = "about"
"""Where the session's state holds it."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a page was about when it was last made."""

    page: str
    """The path of its address."""
    members: dict[str, list[str]]
    """By the names in `CARRIED`, as an address says them."""


def take_over(page: str) -> None:
    """Give the page at this path what the link or the page says that led here. Before the page is made.

    A link says all that its page is to be about. The navigation says nothing: what its address has is the latest, and
    the rest is as on the page before.
    """
    asked = {name.removeprefix(ASKED): st.query_params.get_all(name) for name in _asking()}
    said = {name: st.query_params.get_all(name) for name in CARRIED}
    before: About | None = st.session_state.get(KEPT)
    moved = before is not None and before.page != page and not address_bar.is_history()
    if asked:
        _set({name: [] for name in CARRIED} | asked)
    elif before is not None and moved:
        _set({name: said[name] or before.members[name] for name in CARRIED})
    st.session_state[KEPT] = About(page=page, members=said if address_bar.is_history() and not asked else carried())


def _asking() -> list[str]:
    return [name for name in st.query_params if name.startswith(ASKED)]


def _set(members: dict[str, list[str]]) -> None:
    """Give the filters of these names these values, and the address what is then not as it is by itself."""
    for name, values in members.items():
        st.session_state[name] = _held(name, values)
    about = carried()
    if about["range"] == [DEFAULT_RANGE]:
        about["range"] = []
    address_bar.put(about, dropped=_asking())


def _held(name: str, values: Sequence[str]) -> list[str] | str | date | None:
    """As the filter of that name holds it; what no filter can hold is as if nothing were said."""
    if name in LISTS:
        return [value for value in dict.fromkeys(values) if value]
    if name in DAYS:
        try:
            return date.fromisoformat(values[0]) if values else None
        except ValueError:
            return None
    if name == "range":
        return values[0] if values and values[0] in RANGES else DEFAULT_RANGE
    return values[0]
