"""What a call's page says about how a number came about: rows made by the fold, explained from the same events."""

from pathlib import Path

import pytest
import streamlit as st

from dashboard import config_part
from dashboard.desk import Desk, open_desk
from dashboard.explained_part import differing, explained
from dashboard.queries import events, session
from dashboard.settings import DashboardSettings
from pipeline.domain import facts
from pipeline.domain.explanation import Explanation
from pipeline.rule_settings import RuleSettings
from tests.builders import Story, rows
from tests.dashboard import demo
from tests.dashboard.demo import Call

SESSION = "01955b66-d220-70d6-99c9-4309570dc195"


OWN_PRICES = """
name = "ours"
[[models]]
names = ["gpt-realtime"]
valid_from = 2024-01-01
text_in = "1.00"
text_cached = "1.00"
text_out = "2.00"
audio_in = "3.00"
audio_cached = "3.00"
audio_out = "1000.00"
"""


def call(desk: Desk) -> facts.Session:
    found = desk.ask(session.session, SESSION)
    assert found is not None
    return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A dataset of one call: a spoken turn, and a change of the silence that is waited for."""
    st.cache_resource.clear()
    story = Story(SESSION).opened().configured(silence_ms=500)
    story.at(100).append(100, times=20)
    story.at(300).speech_started("u1", 0)
    story.at(2100).speech_stopped("u1", 1800).committed("u1")
    story.at(2150).created("r1").at(2600).speaks("r1", 400).at(2700).done("r1")
    story.at(3200).reconfigured(silence_ms=200).at(3500).closed()
    told = [row for table in rows(story).values() for row in table.values()]
    demo.write(tmp_path, [Call(rows=told, events=story.events)])
    return open_desk(tmp_path / "dataset")


def test_the_explanation_gives_the_rows_value_and_the_events_behind_it(desk: Desk) -> None:
    [turn] = desk.ask(session.turns, SESSION)
    found = explained(desk, RuleSettings(), call(desk), kind="turn", key=0)

    assert isinstance(found, Explanation)
    values = {answer.column: answer.value for answer in found.answers}
    assert values["wire_latency_ms"] == turn.wire_latency_ms == 500
    assert values["perceived_latency_ms"] == turn.perceived_latency_ms
    seqs = tuple(one.seq for one in found.events)
    assert [line.seq for line in desk.ask(events.numbered, SESSION, seqs)] == sorted(seqs)


def test_what_an_answer_cost_is_explained_by_its_seq(desk: Desk) -> None:
    seq = desk.ask(session.response_cost, SESSION, "r1")
    assert seq is not None
    assert desk.ask(session.response_cost, SESSION, "nothing") is None

    found = explained(desk, RuleSettings(), call(desk), kind="cost", key=seq, of="response")
    [line] = [one for one in desk.ask(session.costs, SESSION) if one.seq == seq and one.kind == "response"]
    assert isinstance(found, Explanation)
    metered = next(answer.value for answer in found.answers if answer.column == "metered_usd_nanos")
    assert isinstance(metered, int)
    assert metered / 1e9 == line.metered_usd


def test_a_cost_is_explained_by_the_prices_that_the_settings_name(desk: Desk, tmp_path: Path) -> None:
    own = tmp_path / "ours.toml"
    own.write_text(OWN_PRICES)
    seq = desk.ask(session.response_cost, SESSION, "r1")
    assert seq is not None

    by = DashboardSettings(data_dir=tmp_path, price_overrides=own).by_rules
    found = explained(desk, by, call(desk), kind="cost", key=seq, of="response")
    assert isinstance(found, Explanation)
    billed = found.answers[0]
    assert billed.column == "billed_usd_nanos"
    assert billed.title.endswith("+ours")
    # The rows were made by the list that comes along: that the table says something else is not kept from the reader.
    row = desk.ask(session.explained_row, SESSION, "cost", seq, "response")
    assert differing(found.answers, row) == ["billed_usd_nanos"]


@pytest.mark.parametrize(("kind", "of"), [("turn", None), ("cost", "response")])
def test_by_the_rules_of_the_rows_nothing_differs(desk: Desk, kind: str, of: str | None) -> None:
    seq = desk.ask(session.response_cost, SESSION, "r1")
    assert seq is not None
    key = 0 if kind == "turn" else seq

    found = explained(desk, RuleSettings(), call(desk), kind=kind, key=key, of=of)
    row = desk.ask(session.explained_row, SESSION, kind, key, of)
    assert isinstance(found, Explanation)
    assert row is not None
    assert any(answer.column in row for answer in found.answers)
    assert differing(found.answers, row) == []


def test_what_there_is_not_is_said_in_words(desk: Desk) -> None:
    assert "turn 7" in str(explained(desk, RuleSettings(), call(desk), kind="turn", key=7))


def test_the_configuration_says_first_all_and_then_what_changed(desk: Desk) -> None:
    first, *later = config_part._said(desk.ask(session.config_changes, SESSION))

    assert "silence duration ms **500**" in first
    assert "voice **marin**" in first
    assert later[-1] == "silence duration ms **200** (was 500)"
