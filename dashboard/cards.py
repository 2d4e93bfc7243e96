"""Figures in cards: the value, how it changed, what it is of, its definition on hover, and one click to its calls."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import streamlit as st

from dashboard import addresses
from dashboard.addresses import Address

MIN_WIDTH: Final = 164
"""Pixels: two cards stand side by side on a telephone, and seven on a window of 1280 with a bar to scroll."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """How a figure differs from the stretch before."""

    text: str
    """`+12 %`, `-40 ms`: the sign first."""
    good: Literal["less", "more", "neither"] = "less"
    against: str = "before"
    """What it is compared with, in a word or two."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """Where a figure leads: the page, and what its address is narrowed by."""

    to: Address
    label: str
    query: dict[str, str] = {}


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One figure."""

    label: str
    value: str
    note: str = ""
    """What it is of: the sample size, the denominator, the sum."""
    help: str
    change: Change | None = None
    way: Way | None = None


GOOD: Final = "blue"
BAD: Final = "orange"
"""Blue and orange stay apart for every eye, as green and red do not."""


def cards(figures: Sequence[Card], *, key: str, columns: int = 5, here: Address | None = None) -> None:
    """The figures in a grid that folds on narrow screens. A way that leads to the page it stands on is left out."""
    with st.grid(columns, min_column_width=MIN_WIDTH, gap="xsmall", key=key) as grid:
        for figure in figures:
            with grid.cell(), st.container(border=True, gap=None, height="stretch", key=f"{key}-card-{figure.label}"):
                _card(figure, here)


def _colour(change: Change | None) -> Literal["blue", "orange", "off"]:
    """By whether a change is for the better; none where it did not move, or neither way is better."""
    if change is None or change.text[:1] not in "+-" or change.good == "neither":
        return "off"
    return GOOD if (change.text[0] == "+") == (change.good == "more") else BAD


def _card(figure: Card, here: Address | None) -> None:
    change = figure.change
    moved = change is not None and change.text[:1] in "+-"
    st.metric(
        figure.label,
        figure.value,
        change.text if change else None,
        help=figure.help,
        delta_color=_colour(change),
        delta_arrow="auto" if moved else "off",
        delta_description=change.against if change else None,
    )
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="xxsmall"):
        if figure.note:
            st.caption(figure.note, width="content")
        if figure.way and figure.way.to != here:
            addresses.link(figure.way.to, figure.way.label, **figure.way.query)
