"""The script that Streamlit runs for each page view: which pages there are. Started by `dashboard.run`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import streamlit as st
from streamlit.navigation.page import Page

from dashboard import (
    addresses,
    compare_page,
    cost_page,
    interruptions_page,
    latency_page,
    live_page,
    overview_page,
    quality_page,
    session_page,
    sessions_page,
    sql_page,
    tools_page,
)
from dashboard.addresses import Address
from dashboard.moving import take_over
from dashboard.settings import from_environment
from dashboard.sign_in_page import account, door, signed_in

ASSETS: Final = Path(__file__).parent / "assets"
PAGES: Final[dict[Address, Callable[[], None]]] = {
    addresses.OVERVIEW: overview_page.page,
    addresses.LIVE: live_page.page,
    addresses.SESSIONS: sessions_page.page,
    addresses.SESSION: session_page.page,
    addresses.LATENCY: latency_page.page,
    addresses.INTERRUPTIONS: interruptions_page.page,
    addresses.COST: cost_page.page,
    addresses.TOOLS: tools_page.page,
    addresses.QUALITY: quality_page.page,
    addresses.COMPARE: compare_page.page,
    addresses.SQL: sql_page.page,
}
"""In the order in which they stand in the navigation."""


def main() -> None:
    """Lay out the page that the address names."""
    # The mark is a file of ours: a material icon as the page's icon would be fetched from elsewhere.
    st.set_page_config(page_title="Calltape", page_icon=str(ASSETS / "mark.svg"), layout="wide")
    st.logo(str(ASSETS / "logo.svg"), icon_image=str(ASSETS / "mark.svg"), size="medium")
    st.html(ASSETS / "style.css")
    settings = from_environment()
    if settings.signs_in:
        found = signed_in(settings)
        if not found.may_look:
            door(found)
            return
        account(found)
    shown = st.navigation([_page(address, run) for address, run in PAGES.items()], position="top")
    # Once the navigation has told the browser which page this is: else the address before gets what is set here.
    take_over(shown.url_path)
    shown.run()


def _page(address: Address, run: Callable[[], None]) -> Page:
    return st.Page(
        run, title=address.title, icon=address.icon, url_path=address.path, default=not address.path,
        help=address.help, visibility=_visibility(address),
    )  # fmt: skip


def _visibility(address: Address) -> Literal["visible", "hidden"]:
    """A call's page stands in the navigation while a call is open on it; without one it has nothing to show."""
    hidden = address == addresses.SESSION and not st.query_params.get("session")
    return "hidden" if hidden else "visible"


main()
