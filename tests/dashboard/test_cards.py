"""The figures in cards: where each leads, and in which colour it says that it changed."""

import pytest

from dashboard import addresses, cards
from dashboard.cards import Change
from dashboard.desk import Desk
from dashboard.overview_cards import Compared, overview_cards
from dashboard.queries import latency, overview
from dashboard.queries.asking import Scope
from dashboard.window import Choice
from tests.dashboard.demo import NOW


def test_every_figure_of_the_overview_leads_to_what_it_was_counted_over(desk: Desk) -> None:
    about = Scope(until=NOW)
    cohort = desk.ask(latency.cohorts, about)[0]
    head = desk.ask(overview.headline, about)
    of = Compared(now=head, before=None, cohort=cohort, cohort_before=None, choice=Choice(range="all"))

    told = overview_cards(of)

    assert [card.label for card in told if card.way is None] == []
    assert {card.label: card.way.query for card in told if card.way and card.label.startswith("Wire")} == {
        "Wire p50": {"measure": "wire"}, "Wire p90": {"measure": "wire"},
    }  # fmt: skip
    assert all(card.way.to != addresses.OVERVIEW for card in told if card.way)


@pytest.mark.parametrize(
    ("change", "colour"),
    [
        (Change(text="+3 %", good="less"), "orange"),
        (Change(text="-3 %", good="less"), "blue"),
        (Change(text="+3 %", good="more"), "blue"),
        (Change(text="-3 %", good="more"), "orange"),
        (Change(text="+3 %", good="neither"), "off"),
        (Change(text="±0 %", good="less"), "off"),
        (None, "off"),
    ],
)
def test_better_is_blue_and_worse_is_orange(change: Change | None, colour: str) -> None:
    assert cards._colour(change) == colour
