"""The view `quality` counts what could not be measured, by reason; and nothing that was no question."""

from collections import Counter

import pytest

from pipeline.domain.reasons import MEASURED, REASONS
from tests.builders import Story, usage
from tests.pipeline.builders import journal, rows_of, session_id
from tests.pipeline.test_runner import replayed, settings


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """A call with a semantic VAD, a hole, a clock that was set, an answer without usage and one of a made-up model."""
    data_dir = tmp_path_factory.mktemp("quality")
    story = Story(session_id(1)).opened().configured(turn_detection="semantic_vad", silence_ms=None, model="made-up")
    story.at(100).append(100, times=10).speech_started("u1", 0).speech_stopped("u1", 900).committed("u1")
    story.at(1500).created("r1").at(1900).speaks("r1", 200).done("r1", usage=None).lose(3)
    story.at(2000).user_writes("Go on").client("response.create").created("r2").at(2500).speaks("r2", 200)
    story.done("r2", usage=usage(1, 2, 3, 4)).at(5000).closed()
    replayed(settings(data_dir), journal(data_dir, story.events))
    return rows_of(data_dir / "dataset", "quality")


def test_each_missing_number_and_each_fault_is_a_row_with_its_reason(rows: list[dict[str, object]]) -> None:
    found = Counter((row["table"], row["column"], row["reason"]) for row in rows if row["kind"] != "later")

    assert found == {
        ("turns", "endpointing_ms", "semantic_vad"): 1,
        ("turns", "user_speech_ms", "semantic_vad"): 1,
        ("responses", "input_tokens", "no_usage"): 1,
        ("costs", "billed_usd_nanos", "no_usage"): 1,
        ("costs", "metered_usd_nanos", "no_usage"): 1,
        ("costs", "billed_usd_nanos", "unknown_model"): 1,
        ("gaps", "seq", "gap"): 1,
        ("sessions", "complete", "gap"): 1,
    }


def test_a_row_says_where_it_belongs_and_why_in_words(rows: list[dict[str, object]]) -> None:
    [row] = [row for row in rows if row["column"] == "endpointing_ms"]

    assert (row["key"], row["kind"], row["words"]) == ("0", "unknown", REASONS["semantic_vad"].words)
    [gap] = [row for row in rows if row["table"] == "gaps"]
    assert (gap["amount"], gap["kind"]) == (3, "fault")


def test_every_reason_of_a_column_has_words_and_every_word_a_column() -> None:
    used = {reason for measured in MEASURED for reason in measured.reasons}

    assert used == set(REASONS) - {"not_yielded"}
