"""`calltape run`: every scenario that comes along is green against the simulator, and its sessions are in the log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from calltape.driving import built_in
from ingest.journal import end, workers
from pipeline.dataset import Reader
from pipeline.status import read_status
from tests.pipeline.test_runner import running, settings, until

COMMAND = (sys.executable, "-m", "calltape", "run")
NAMES = list(built_in())


def ran(folder: Path, *arguments: str, key: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    environment |= {"OPENAI_API_KEY": key} if key else {}
    return subprocess.run(
        [*COMMAND, *arguments, "--data-dir", str(folder / "data")],
        capture_output=True, text=True, timeout=300, check=False, env=environment,
    )  # fmt: skip


@pytest.fixture(scope="module")
def all_ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Exit code and report of every scenario: all at the same time, with one log, as cron jobs may well do it."""
    data_dir = tmp_path_factory.mktemp("ran") / "data"
    started = {
        name: subprocess.Popen(
            [*COMMAND, name, "--simulate", "--format", "json", "--data-dir", str(data_dir)],
            stdout=subprocess.PIPE, text=True,
        )
        for name in NAMES
    }  # fmt: skip
    found = {}
    for name, process in started.items():
        printed, _ = process.communicate(timeout=400)
        found[name] = (process.returncode, printed)
    found[""] = (0, str(data_dir))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_scenario_that_comes_along_is_green_against_the_simulator(
    all_ran: dict[str, tuple[int, str]], name: str
) -> None:
    code, printed = all_ran[name]

    report = json.loads(printed)
    assert (code, report["passed"]) == (0, True), printed
    assert report["sessions"] == 1
    assert report["verdicts"]


@pytest.mark.slow
def test_their_sessions_are_whole_in_the_same_dataset_as_all_others(all_ran: dict[str, tuple[int, str]]) -> None:
    data_dir = Path(all_ran[""][1])
    ends = {worker: end(data_dir / "journal" / worker) for worker in workers(data_dir / "journal")}
    with running(settings(data_dir)):
        until(
            lambda: (s := read_status(data_dir / "dataset")) and {w: s.workers[w].position for w in s.workers} == ends,
            "the pipeline to read all of the journals",
        )
    reader = Reader(data_dir / "dataset")
    try:
        counted = reader.cursor().sql(
            "select source, count(*), count(*) filter (complete), sum(events_lost) from sessions group by source"
        )
        assert counted.fetchall() == [("driver", len(NAMES), len(NAMES), 0)]
    finally:
        reader.close()


def test_what_was_not_met_is_told_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "strict.toml").write_text(
        'steps = [{ do = "type", text = "Hi." }, { do = "hear" }]\n'
        'session = { output_modalities = ["text"] }\n'
        'expect = { turns = 2, agent_says = ["never said"] }\n'
    )

    done = ran(tmp_path, str(tmp_path / "strict.toml"), "--simulate")

    assert done.returncode == 1, done.stderr
    assert "FAIL  turns 2: 1" in done.stdout
    assert "FAIL  agent says /never said/: " in done.stdout
    assert "0 of 1 scenarios passed" in done.stdout


def test_an_api_that_refuses_the_key_ends_with_1(tmp_path: Path) -> None:
    done = ran(tmp_path, "hello-text", "--url", "ws://127.0.0.1:9/v1", key="sk-secret")

    assert done.returncode == 1
    assert "ws://127.0.0.1:9/v1" in done.stdout
    assert "sk-secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "which scenario? A file, or one of: function-calling, hello-text"),
        (("nope", "--simulate"), "there is no scenario 'nope'"),
        (("hello-text",), "there is no key: set OPENAI_API_KEY, or --simulate"),
        (("hello-text", "--url", "ftp://x"), "must begin with wss://"),
        (("hello-text", "--parallel", "-1"), "--parallel"),
    ],
)
def test_what_can_not_be_run_is_told_and_ends_with_2(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = ran(tmp_path, *arguments, key="sk-x" if "ftp://x" in arguments else "")

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_load_is_judged_as_a_whole(tmp_path: Path) -> None:
    done = ran(tmp_path, "hello-text", "--simulate", "--parallel", "25", "--ramp-seconds", "0.5", "--format", "json")

    assert done.returncode == 0, done.stdout
    report = json.loads(done.stdout)
    assert (report["sessions"], report["turns"]) == (25, 25)
    assert len(set(report["session_ids"])) == 25
