"""A page about a stretch of time: the filter bar, what stands there while there is nothing, and what renews itself."""

import functools
from collections.abc import Callable

import streamlit as st

from dashboard.desk import Desk
from dashboard.filters import bar
from dashboard.frame import guarded, no_calls_yet, now, pipeline_note
from dashboard.queries import facets, overview
from dashboard.queries.asking import Scope
from dashboard.settings import DashboardSettings
from dashboard.window import Choice, scope

RENEWED_EVERY = 3
"""Figures are renewed this many times less often than calls in progress: they change slowly and cost more."""

Draw = Callable[[Desk, Scope, Choice], None]


def scoped(draw: Draw) -> Callable[[], None]:
    """Make a page of a function that draws the figures of a scope, which has at least one call in it."""

    @guarded
    def page(desk: Desk, settings: DashboardSettings) -> None:
        known = known_or_waiting(desk, settings)
        if not known:
            return
        choice = bar(known)
        st.fragment(figures, run_every=settings.refresh_seconds * RENEWED_EVERY)(choice)

    @guarded
    def figures(desk: Desk, settings: DashboardSettings, choice: Choice) -> None:
        pipeline_note(desk.dataset.status(), settings, now())
        about = scope(choice, now())
        if desk.ask(overview.extent, about).first_at is None:
            nothing_in(choice)
            return
        draw(desk, about, choice)

    return functools.wraps(draw)(page)


def known_or_waiting(desk: Desk, settings: DashboardSettings) -> dict[str, tuple[str, ...]]:
    """What the filters can offer; nothing before the first call, and the page says so until it is there."""
    known = desk.steadily(facets.values)
    if not known:
        st.fragment(_waiting, run_every=settings.refresh_seconds)()
    return known


@guarded
def _waiting(desk: Desk, settings: DashboardSettings) -> None:
    """Until the first call is there; then the page is made anew."""
    if desk.steadily(facets.values):
        st.rerun()
    pipeline_note(desk.dataset.status(), settings, now())
    no_calls_yet(settings)


def nothing_in(choice: Choice) -> None:
    """What stands where the chosen stretch has no call."""
    narrowed = any(choice.facets.values())
    st.info(
        f"No calls in this time range ({choice.words}). Choose a longer one above"
        + (", or clear a filter: there are calls that it hides." if narrowed else "; there are calls outside of it."),
        icon=":material/search_off:",
    )
