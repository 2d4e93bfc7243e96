"""What the cost page asks and shows, against a computation of its own from the same rows."""

import statistics
from collections import defaultdict
from decimal import Decimal

import pytest
import streamlit as st

from dashboard import bill, wording
from dashboard.desk import Desk
from dashboard.queries import cost, overview, what_if
from dashboard.queries.asking import Scope
from dashboard.window import Choice, scope
from pipeline.dataset import Reader
from pipeline.domain import facts
from pipeline.price_lists import default_rules
from tests.dashboard import demo
from tests.dashboard.demo import NOW, Call, rows_of
from tests.dashboard.test_pages import cost_script, figures, shown, texts

ALL = Scope(until=NOW)
RULES = default_rules()


@pytest.fixture(autouse=True)
def _fresh_caches() -> None:
    st.cache_resource.clear()


def test_tallies_hold_everything_that_was_priced(desk: Desk, told: list[Call]) -> None:
    rows = rows_of(told, facts.Cost)

    found = desk.ask(cost.tallies, ALL)

    assert sum(one.things for one in found) == len(rows)
    assert sum(one.billed_usd_nanos for one in found) == sum(row.billed_usd_nanos or 0 for row in rows)
    assert sum(one.metered_usd_nanos for one in found) == sum(row.metered_usd_nanos or 0 for row in rows)
    unpriced = [one for one in found if one.billed_reason == "no_usage"]
    assert sum(one.things for one in unpriced) == sum(row.billed_usd_nanos is None for row in rows)


def test_the_parts_of_the_bill_are_those_of_the_rows(desk: Desk, told: list[Call]) -> None:
    priced = [row for row in rows_of(told, facts.Cost) if row.billed_usd_nanos is not None]

    found = {one.name: one for one in bill.parts(desk.ask(cost.tallies, ALL), RULES.billed, RULES.metered)}

    assert "not split" not in found
    assert found["audio out"].tokens == sum(row.output_audio_tokens or 0 for row in priced)
    per_token = {"gpt-realtime": 64_000, "gpt-realtime-mini": 20_000}
    assert found["audio out"].billed_usd_nanos == sum(
        (row.output_audio_tokens or 0) * per_token[row.model or ""] for row in priced
    )


def test_a_call_costs_what_half_of_them_cost(desk: Desk, told: list[Call]) -> None:
    closed = [call.session for call in told if call.session.status == "closed"]
    whole = [one for one in closed if not one.unpriced]

    found = desk.ask(cost.call_cost, ALL)

    assert (found.calls, found.priced_calls) == (len(closed), len(whole))
    assert found.metered_p50_usd == pytest.approx(statistics.median(one.metered_usd_nanos for one in closed) / 1e9)
    assert found.billed_p50_usd == pytest.approx(statistics.median(one.billed_usd_nanos for one in whole) / 1e9)


@pytest.mark.parametrize("order", cost.ORDERS)
def test_the_dearest_calls_come_first(desk: Desk, told: list[Call], order: str) -> None:
    found = desk.ask(cost.dearest, ALL, order=order, limit=100)

    column = f"{order.partition(' ')[0]}_usd{'_per_minute' if 'minute' in order else ''}"
    values = [getattr(one, column) for one in found if getattr(one, column) is not None]
    assert len(found) == len(told)
    assert values == sorted(values, reverse=True)


def test_answers_that_are_left_out_are_counted_with_their_calls(desk: Desk, told: list[Call]) -> None:
    lacking = [row for row in rows_of(told, facts.Cost) if row.billed_usd_nanos is None]

    [found] = desk.ask(cost.left_out, ALL)

    assert (found.reason, found.answers, found.calls) == (
        "no_usage", len(lacking), len({row.session_id for row in lacking}),
    )  # fmt: skip


def test_silences_are_counted_by_their_length(desk: Desk, told: list[Call]) -> None:
    [found] = desk.ask(what_if.silences, ALL)

    assert (found.ended_by, found.silence_ms, found.metered) == ("server_vad", None, True)
    assert found.turns == len(rows_of(told, facts.Turn))


def test_what_was_not_heard_is_counted_by_its_share_of_the_tokens(desk: Desk, told: list[Call]) -> None:
    cut = rows_of(told, facts.Interruption)
    answers = {(row.session_id, row.response_id): row for row in rows_of(told, facts.Response)}
    after: dict[str, list[int]] = defaultdict(list)
    for row in answers.values():
        after[row.session_id].append(row.seq)

    found = desk.ask(what_if.unheard, ALL)

    assert sum(one.answers for one in found) == len(cut)
    assert sum(one.metered_usd_nanos for one in found) == sum(row.unheard_usd_nanos or 0 for row in cut)
    assert sum(one.tokens for one in found) == sum(
        int(100 * (row.unheard_ms or 0) / (row.generated_ms or 1)) for row in cut
    )
    assert sum(one.read_again for one in found) == sum(
        int((row.unheard_ms or 0) / 50)
        * sum(seq > answers[row.session_id, row.response_id or ""].seq for seq in after[row.session_id])
        for row in cut
    )
    assert all(one.truncated for one in found)


@pytest.mark.usefixtures("told_page")
def test_the_figures_of_the_page_are_those_of_the_sql(desk: Desk, reader: Reader) -> None:
    page = shown(cost_script, range="all", what_if="another model", as_model="gpt-realtime-mini")

    [money] = reader.cursor().sql(
        "select sum(metered_usd_nanos), sum(billed_usd_nanos), sum(unpriced) from sessions"
    ).fetchall()  # fmt: skip
    [tokens] = (
        reader.cursor()
        .sql("""
        select sum(input_text_tokens), sum(input_audio_tokens - cached_audio_tokens), sum(cached_audio_tokens),
            sum(output_text_tokens), sum(output_audio_tokens)
        from costs where billed_usd_nanos is not null
    """)
        .fetchall()
    )
    head = desk.ask(overview.headline, scope(Choice(range="all"), demo.NOW))
    found = figures(page)
    assert found["Metered per minute"] == wording.dollars(money[0] / head.call_minutes / 1e9)
    assert found["Unpriced"] == str(money[2])
    assert found["Billed now"] == wording.money(money[1])
    mini = [Decimal(price) for price in ("0.6", "10", "0.3", "2.4", "20")]
    then = sum(count * price for count, price in zip(tokens, mini, strict=True)) * 1000
    assert found["Billed then"] == wording.money(int(then))
    assert f"**{int(then):,}**" in texts(page)


@pytest.mark.usefixtures("told_page")
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("text for speech", "text tokens as the transcript"),
        ("shorter silence", "can't be computed, because no turn of these calls waited"),
        ("unheard truncated", "tokens x 64,000"),
    ],
)
def test_each_what_if_stands_in_the_address_and_shows_its_arithmetic(asked: str, said: str) -> None:
    page = shown(cost_script, range="all", what_if=asked)

    assert said in texts(page)


@pytest.mark.usefixtures("told_page")
def test_the_cost_of_one_model_is_chosen_by_the_address(desk: Desk) -> None:
    page = shown(cost_script, range="all", model="gpt-realtime-mini")

    head = desk.ask(overview.headline, scope(Choice(range="all", facets={"model": ("gpt-realtime-mini",)}), demo.NOW))
    assert figures(page)["Metered per minute"] == wording.dollars(head.metered_usd_per_minute)
    assert list(page.dataframe[0].value["model"]) == ["gpt-realtime-mini"]
