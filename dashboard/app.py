"""The script that Streamlit runs for each page view: which pages there are. Started by `dashboard.run`."""

from pathlib import Path
from typing import Final

import streamlit as st

from dashboard import overview_page, session_page, sessions_page

ASSETS: Final = Path(__file__).parent / "assets"
STYLE: Final = """<style>
.stMainBlockContainer {padding: 4.2rem 2.2rem 3rem; max-width: 1680px;}
@media (max-width: 640px) {.stMainBlockContainer {padding: 4rem 0.9rem 2rem;}}
[data-stale="true"] {opacity: 1 !important; transition: none !important;}
.stMetric, .stDataFrame {font-variant-numeric: tabular-nums;}
</style>"""
"""More of the screen for figures that stand under one another; and no fading out of what is being renewed."""


def main() -> None:
    """Lay out the page that the address names."""
    # The mark is a file of ours: a material icon as the page's icon would be fetched from elsewhere.
    st.set_page_config(page_title="Calltape", page_icon=str(ASSETS / "mark.svg"), layout="wide")
    st.logo(str(ASSETS / "logo.svg"), icon_image=str(ASSETS / "mark.svg"), size="medium")
    st.html(STYLE)
    overview = st.Page(overview_page.page, title="Overview", icon=":material/monitoring:", default=True)
    sessions = st.Page(sessions_page.page, title="Sessions", icon=":material/list:", url_path="sessions")
    st.navigation([overview, sessions, session_page.address()], position="top").run()


main()
