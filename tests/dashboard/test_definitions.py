"""Whatever a page shows says what it means when one hovers over it: each figure, column, chart and control."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import streamlit as st
from streamlit.proto.LabelVisibility_pb2 import LabelVisibility
from streamlit.testing.v1.element_tree import Block, Node

from dashboard import quality_page
from dashboard.frame import explained
from dashboard.live_component import COLUMNS
from tests.dashboard import test_pages as pages
from tests.dashboard.demo import Call

EVERYTHING = {"range": "all", "b_range": "all"}
CONTROLS = ("selectbox", "multiselect", "toggle", "text_input", "text_area", "number_input", "button_group")


def live_script() -> None:
    from dashboard import live_page

    live_page.page()


def sql_script() -> None:
    from dashboard import sql_page

    sql_page.page()


SCRIPTS = (
    *pages.SCOPED, pages.compare_script, pages.sessions_script, pages.session_script, live_script, sql_script,
)  # fmt: skip


@pytest.mark.usefixtures("told_page")
def test_every_figure_column_chart_and_control_has_its_definition(told: list[Call]) -> None:
    st.cache_resource.clear()
    richest = max(told, key=lambda call: (call.session.errors, call.session.interruptions)).session.session_id

    unexplained = {
        script.__name__: found
        for script in SCRIPTS
        if (found := list(without_words(pages.shown(script, session=richest, **EVERYTHING).main)))
    }

    assert unexplained == {}


def without_words(block: Block) -> Iterator[str]:
    """What of this part of a page says nothing when one hovers over it."""
    before: Node | None = None
    for node in block.children.values():
        if isinstance(node, Block):
            yield from without_words(node)
        elif node.type in ("metric", *CONTROLS):
            yield from () if words(node) else (f"{node.type} {label(node)}",)
        elif node.type == "vega_lite_chart":
            yield from () if before is not None and words(before) else ("chart without a title that explains it",)
        elif node.type == "dataframe":
            yield from columns_without_words(node)
        before = node


def columns_without_words(table: Any) -> Iterator[str]:
    told = json.loads(table.proto.columns)
    yield from (f"column {name}" for name in table.proto.column_order if not told[name].get("help"))


def words(node: Any) -> str:
    """Its definition, which stands beside its label: where that is hidden, so is the definition."""
    hidden = hasattr(node.proto, "label_visibility") and node.proto.label_visibility.value != LabelVisibility.VISIBLE
    return "" if hidden else str(node.proto.help)


def label(node: Any) -> str:
    return str(getattr(node.proto, "label", ""))


def test_so_has_every_column_of_what_the_made_up_calls_never_lack() -> None:
    tables = (quality_page.DAMAGED, quality_page.UNKNOWN)

    assert [name for table in tables for name, column in explained(table).items() if not column["help"]] == []


def test_so_has_every_column_of_the_calls_in_progress() -> None:
    assert [name for name, _, words in COLUMNS if not words] == []
