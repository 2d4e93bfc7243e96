"""A scenario's expectations, held against rows."""

from collections.abc import Sequence

import pytest

from ingest.scenario import Expected, Most
from pipeline.domain.fold import replay
from pipeline.verdicts import Figures, SessionRows, Verdict, judge, judge_latencies, latency
from tests.builders import RULES, Story


def rows_of(story: Story) -> SessionRows:
    rows = SessionRows()
    for fact in replay(story.events, RULES):
        rows.add(fact)
    return rows


def call(*latencies_ms: float, closed: bool = True) -> SessionRows:
    """A session of written turns, each answered by voice so long after it was asked."""
    story = Story().opened("driver").configured()
    for number, latency_ms in enumerate(latencies_ms):
        story.after(10_000).user_writes(f"Question {number}", f"u{number}").client("response.create")
        story.after(latency_ms).created(f"r{number}").speaks(f"r{number}", 100, item_id=f"a{number}")
        story.server(
            "response.output_audio_transcript.done",
            response_id=f"r{number}", item_id=f"a{number}", content_index=0, transcript=f"Answer {number}",
        )  # fmt: skip
        story.done(f"r{number}")
    if closed:
        story.recorder("session.closed", closed_by="client", code=1000)
    return rows_of(story)


def failed(expected: Expected, rows: SessionRows) -> list[Verdict]:
    return [verdict for verdict in judge(expected, rows) if not verdict.held]


def test_a_session_that_brought_what_was_expected_passes() -> None:
    expected = Expected(turns=2, responses=2, agent_says=("answer 1",), user_says=("question 0",))

    assert failed(expected, call(500, 700)) == []


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        (Expected(turns=3), "turns 3: 2"),
        (Expected(responses=1), "responses 1: 2"),
        (Expected(agent_says=("^yes",)), 'agent says /^yes/: "Answer 0 / Answer 1"'),
        (Expected(user_says=("maybe",)), 'user says /maybe/: "Question 0 / Question 1"'),
        (Expected(tools=("look",)), "tool look called and answered: none was called"),
        (Expected(interruptions={"barge_in": 1}), "barge_in at least 1: none"),
        (Expected(errors=("cannot_update_voice",)), "errors cannot_update_voice: none"),
    ],
)
def test_what_did_not_come_is_told_beside_what_came(expected: Expected, says: str) -> None:
    [verdict] = failed(expected, call(500, 700))

    assert f"{verdict.expected}: {verdict.found}" == says


def test_an_error_that_nobody_expected_is_a_failure() -> None:
    story = Story().opened("driver").configured()
    story.server("error", error={"type": "invalid_request_error", "code": "invalid_value", "message": "no"})
    story.recorder("session.closed", closed_by="client", code=1000)

    [verdict] = failed(Expected(), rows_of(story))
    assert (verdict.expected, verdict.found) == ("errors none", "invalid_value")
    assert failed(Expected(errors=("invalid_value",)), rows_of(story)) == []


def test_a_session_that_is_not_whole_fails_whatever_else_it_brought() -> None:
    [verdict] = failed(Expected(turns=1), call(500, closed=False))

    assert (verdict.expected, verdict.found) == ("complete yes", "open")


def test_a_session_that_is_not_in_the_log_fails() -> None:
    [verdict] = failed(Expected(), SessionRows())

    assert verdict.found == "nothing of it is in the log"


def test_without_a_price_nothing_is_cheap_enough() -> None:
    story = Story().opened("driver").configured().client("response.create").created("r").done("r", usage=None)
    story.recorder("session.closed", closed_by="client", code=1000)

    [verdict] = failed(Expected(usd_max=1.0), rows_of(story))
    assert verdict.found == "$0.000000, and 1 things without a price"


# --- latencies


def late(most: Most, sessions: Sequence[SessionRows]) -> list[Verdict]:
    return list(judge_latencies(Expected(perceived_latency_ms=most), sessions))


def test_bounds_hold_over_the_turns_of_all_sessions() -> None:
    verdicts = late(Most(median=600, p95=900, max=900), [call(500, 700), call(600, 1000)])

    assert [verdict.held for verdict in verdicts] == [False, False, False]
    assert [verdict.found.partition(" ")[0] for verdict in verdicts] == ["650", "955", "1000"]
    assert verdicts[0].expected == "median perceived_latency_ms at most 600"
    assert verdicts[0].found == "650 (4 turns: 4 client_request)"


def test_a_bound_that_is_met_exactly_holds() -> None:
    assert [verdict.held for verdict in late(Most(max=700), [call(500, 700)])] == [True]


def test_quantiles_lie_between_the_nearest_values() -> None:
    turns = [turn for wait in (100, 200, 300, 400) for turn in call(wait).turns]

    assert latency("perceived_latency_ms", turns) == Figures(count=4, median=250, p95=385, max=400)


def test_where_no_turn_has_the_figure_its_reasons_are_told() -> None:
    story = Story().opened("driver").configured()
    story.user_writes("Hello?", "u0").client("response.create")
    story.recorder("session.closed", closed_by="client", code=1000)

    [verdict] = late(Most(max=700), [rows_of(story)])
    assert not verdict.held
    assert verdict.found.startswith("no turn has one")


def test_latencies_that_nobody_bounded_are_not_judged() -> None:
    assert list(judge_latencies(Expected(), [call(99_000)])) == []
