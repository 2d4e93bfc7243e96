"""`calltape explain` finds the session in the archive and says how a number of its rows came about."""

import json
from pathlib import Path

import pytest

from calltape.__main__ import main
from pipeline.dataset import Reader
from pipeline.domain.explanation import NothingToExplain
from pipeline.explain import explain, full_session_id
from pipeline.price_lists import default_rules
from tests.pipeline.builders import journal, rows_of, session_id, story
from tests.pipeline.test_runner import replayed, settings


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("explained")
    replayed(settings(found), journal(found, [*story(session_id(1)), *story(session_id(2))]))
    return found


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["explain", *arguments])
    out = capsys.readouterr()
    return ended.value.code, out.out, out.err


def test_a_turn_is_explained_with_the_value_of_its_row(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = rows_of(data_dir / "dataset", "turns")[1]

    code, text, _ = said(capsys, "turn", session_id(1), "1", "--data-dir", str(data_dir))

    assert code == 0
    assert text.startswith("Turn 1: the user spoke")
    assert f"{row['wire_latency_ms']:,.3f}".rstrip("0").rstrip(".") + " ms    [wire_latency_ms]" in text


def test_the_end_of_an_id_is_enough_and_json_is_for_programs(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = next(row for row in rows_of(data_dir / "dataset", "costs") if row["kind"] == "response")

    _, text, _ = said(
        capsys, "cost", str(row["session_id"])[-6:], str(row["seq"]), "--data-dir", str(data_dir), "--format", "json"
    )

    found = json.loads(text)
    assert (found["session_id"], found["key"]) == (row["session_id"], row["seq"])
    assert found["answers"][0]["value"] == row["billed_usd_nanos"]


def test_what_is_not_there_is_a_mistake_of_one_line(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = said(capsys, "turn", session_id(1), "9", "--data-dir", str(data_dir))

    assert code == 1
    assert error == f"calltape explain: session {session_id(1)} has no turn 9; it has turns 0 to 1\n"


def test_a_session_must_be_one(data_dir: Path) -> None:
    reader = Reader(data_dir / "dataset")

    for wrong in ("nope", "", session_id(1)[-1:] if session_id(1)[-1] == session_id(2)[-1] else "-nope"):
        with pytest.raises(NothingToExplain):
            full_session_id(reader, wrong)
    with pytest.raises(NothingToExplain, match="there is no explanation of a page"):
        explain(reader, "page", session_id(1), 0, default_rules())
    reader.close()


def test_without_a_dataset_it_says_where_it_looked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = said(capsys, "turn", "x", "0", "--data-dir", str(tmp_path))

    assert code == 1
    assert f"{tmp_path}/dataset: there is no dataset" in error
