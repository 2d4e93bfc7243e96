"""A re-price is a rebuild of the tables with money in them, and of nothing else."""

import shutil
from pathlib import Path

import pytest

from calltape.__main__ import main
from pipeline import runner
from pipeline.dataset_schemas import FACTS
from pipeline.rebuild import PRICED, rebuild
from pipeline.rule_settings import RuleSettings
from tests.pipeline.builders import all_rows, journal, session_id, story
from tests.pipeline.test_runner import replayed, settings

MINE = 'name = "acme"\n[[models]]\nnames = ["gpt-realtime"]\nvalid_from = 2026-01-01\naudio_out = "50"\n'


def test_it_gives_what_a_rebuild_with_the_same_list_gives_and_touches_no_other_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repriced, rebuilt, mine = tmp_path / "repriced", tmp_path / "rebuilt", tmp_path / "acme.toml"
    replayed(settings(repriced), journal(repriced, [*story(session_id(1)), *story(session_id(2), turns=3)]))
    shutil.copytree(repriced, rebuilt)
    mine.write_text(MINE)
    before = all_rows(repriced / "dataset")
    files = {name: sorted((repriced / "dataset" / name).rglob("*.parquet")) for name in set(FACTS) - set(PRICED)}

    with pytest.raises(SystemExit) as ended:
        main(["reprice", "--data-dir", str(repriced), "--price-overrides", str(mine)])
    rebuild(rebuilt / "dataset", runner.step_of(RuleSettings(price_overrides=mine)))

    after = all_rows(repriced / "dataset")
    assert ended.value.code == 0
    assert "billed by openai-2026-11-22+acme, metered by legacy-2024-10" in capsys.readouterr().out
    assert after == all_rows(rebuilt / "dataset")
    assert {name for name in FACTS if after[name] != before[name]} == {"sessions", "costs", "audio_minutes"}
    # 15 tokens of audio in each of five answers: 50 instead of 64 dollars a million.
    saved = [sum(int(str(row["billed_usd_nanos"])) for row in rows["sessions"]) for rows in (before, after)]
    assert saved[0] - saved[1] == 5 * 15 * 14_000
    assert files == {name: sorted((repriced / "dataset" / name).rglob("*.parquet")) for name in files}


def test_a_list_that_is_not_there_is_a_mistake_of_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dataset").mkdir()

    with pytest.raises(SystemExit) as ended:
        main(["reprice", "--data-dir", str(tmp_path), "--billed-list", "nope"])

    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("calltape reprice: nope: no such price list; there is ")
