"""The fold's rows equal the truth of sessions that were generated with it; `bench/truth.py` does the same at length."""

import ast
from pathlib import Path

import pytest

from pipeline.domain.fold import replay
from pipeline.price_lists import default_rules
from tests.builders import fold, latest
from tests.pipeline.domain import laws
from tests.truth.judge import Tally, compare
from tests.truth.plans import KINDS, plan, plans
from tests.truth.session import generate

TRUTH = Path(__file__).parent.parent / "truth"
PER_KIND = 8


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_tells_the_truth(kind: str) -> None:
    tally = Tally()
    for seed in range(PER_KIND):
        compare(generate(plan(kind, 7_000 + seed)), default_rules(), tally)

    assert tally.disagreements == []
    assert sum(tally.values.values()) > 500


def test_every_class_of_interruption_occurs_and_is_told_as_what_it_is() -> None:
    tally = Tally()
    for one in plans(3, 128):
        compare(generate(one), default_rules(), tally)

    assert {true for true, _ in tally.classes} >= {
        "barge_in",
        "false_interruption",
        "backchannel",
        "talked_over",
        "agent_cut_in",
    }
    assert all(true == told for true, told in tally.classes)


def test_the_laws_hold_in_generated_sessions() -> None:
    for one in plans(5, 32):
        session = generate(one)
        rows = latest(fold(session.events))
        laws.money_adds_up(rows)
        laws.audio_adds_up(rows, session.events)
        laws.everything_has_its_place(rows)
        laws.time_goes_forward(rows)
        laws.reasons_are_given(rows)


def test_a_caller_who_comes_back_is_another_session_and_mixes_up_with_none() -> None:
    """The second session opens while the first is still in the log."""
    first, second = generate(plan("mixed", 21)), generate(plan("tools", 22))
    apart = {**latest(fold(first.events))["turns"], **latest(fold(second.events))["turns"]}

    both = sorted([*first.events, *second.events], key=lambda event: (event.elapsed_ns, event.session_id, event.seq))

    assert latest(replay(both, default_rules()))["turns"] == apart


def test_the_same_seed_gives_the_same_session() -> None:
    assert generate(plan("mixed", 4)) == generate(plan("mixed", 4))


def test_a_disagreement_is_found() -> None:
    """Of a session whose truth was tampered with."""
    session = generate(plan("server_vad", 11))
    (turn,) = list(session.truth["turns"])[:1]
    session.truth["turns"][turn]["perceived_latency_ms"] = 1.0
    session.truth["sessions"][()]["billed_usd_nanos"] += 1
    tally = Tally()

    compare(session, default_rules(), tally)

    assert {one.column for one in tally.disagreements} == {"perceived_latency_ms", "billed_usd_nanos"}


def test_the_truth_knows_nothing_of_what_it_judges() -> None:
    """Only the judge may know the fold; who generates knows the contract of the log, and no more of us."""
    for path in TRUTH.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        ours = {name for name in imported if name.split(".")[0] in {"ingest", "pipeline", "simulator", "dashboard"}}
        if path.name != "judge.py":
            assert ours <= {"ingest.envelope"}, path
