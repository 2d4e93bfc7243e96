"""`calltape up`: what a newcomer's first command does, as real processes on real ports."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from pipeline.dataset import Reader

COMMAND = (sys.executable, "-m", "calltape")
MEDIAN = """
select count(*), median(round(perceived_latency_ms)) from turns
where perceived_latency_ms is not null
    and input_kind = 'speech' and speech_ended_by = 'server_vad' and latency_basis = 'append_clock'
"""
"""Of the largest part of the try-out's turns of which a median may be taken at all, and of how many; an odd number."""
FREE_PORTS = ("--ingest-port", "0", "--dashboard-port", "0", "--simulate-port", "0")


def rows(data_dir: Path, statement: str) -> list[tuple[object, ...]]:
    reader = Reader(data_dir / "dataset")
    try:
        found: list[tuple[object, ...]] = reader.cursor().sql(statement).fetchall()
        return found
    finally:
        reader.close()


def environment() -> dict[str, str]:
    """Ours, with any free port for the metrics, so that a Calltape at work on this machine is in nobody's way."""
    return os.environ | {"CALLTAPE_INGEST_METRICS_PORT": "-1", "PYTHONUNBUFFERED": "1"}


def processes_around(data_dir: Path) -> Sequence[str]:
    lines = (" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
    return [line for line in lines if str(data_dir) in line]


@pytest.mark.slow
def test_the_try_out_ends_with_whole_sessions_and_the_rows_that_its_calls_hold(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    done = subprocess.run(
        [*COMMAND, "up", "--tryout", "--once", "--data-dir", str(data_dir), *FREE_PORTS],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env=environment(),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "websocket_base_url=" in done.stdout
    assert rows(data_dir, "select count(*), count(*) filter (complete) from sessions") == [(6, 6)]
    assert rows(data_dir, "select count(*) from gaps") == [(0,)]
    assert rows(data_dir, "select max(turns) from sessions") == [(4,)]  # the book club's
    assert rows(data_dir, "select count(*) from tool_calls where status = 'answered'") == [(4,)]
    assert rows(data_dir, "select class, count(*) from interruptions group by class") == [("barge_in", 2)]
    kinds = {str(kind) for (kind,) in rows(data_dir, "select distinct input_kind from turns")}
    assert kinds == {"speech", "text", "none"}
    assert rows(data_dir, "select count(*) from costs where billed_reason = 'no_price'") == [(0,)]
    [(measured, p50)] = rows(data_dir, MEDIAN)
    assert f"Perceived latency p50 {p50:,.0f} ms (n {measured})" in done.stdout
    assert "turns of speech · server VAD · append clock" in done.stdout
    assert processes_around(data_dir) == []


@pytest.mark.slow
def test_ctrl_c_stops_all_programs_and_leaves_none_behind(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    command = [*COMMAND, "up", "--upstream", "ws://127.0.0.1:9", "--data-dir", str(data_dir), *FREE_PORTS]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    ) as running:
        assert running.stdout is not None
        while "Calltape is up" not in (line := running.stdout.readline()):
            assert line or running.poll() is None, "calltape up ended before it was up"
        assert len(processes_around(data_dir)) == 4

        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()

    assert running.returncode == 0, rest
    assert "Traceback" not in rest
    assert processes_around(data_dir) == []


def test_a_program_that_can_not_start_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")

    done = subprocess.run(
        [*COMMAND, "ingest", "--data-dir", str(tmp_path / "data"), "--port", "0", "--metrics-port", "-1"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env=environment(),
    )

    assert done.returncode == 1
    assert str(tmp_path / "data") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", ["up", "ingest", "pipeline", "dashboard", "simulate", "run", "call", "sql", "rebuild", "doctor"]
)
def test_each_command_explains_itself(command: str) -> None:
    done = subprocess.run([*COMMAND, command, "--help"], capture_output=True, text=True, timeout=180, check=False)

    assert done.returncode == 0
    assert f"usage: calltape {command}" in done.stdout
    assert f"CALLTAPE_{command.upper()}_" in done.stdout


def test_sql_says_where_it_looked_for_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    asked = [
        *COMMAND,
        "sql",
        "--data-dir",
        str(tmp_path / "elsewhere"),
        "--format",
        "csv",
        "select count(*) n from turns",
    ]

    done = subprocess.run(asked, capture_output=True, text=True, timeout=180, check=False)

    assert (done.returncode, done.stdout) == (0, "n\n0\n")
    assert str(tmp_path / "elsewhere" / "dataset") in done.stderr


def test_an_unknown_command_is_told_what_there_is() -> None:
    done = subprocess.run([*COMMAND, "record"], capture_output=True, text=True, timeout=180, check=False)

    assert done.returncode == 2
    assert "there is no command 'record'" in done.stderr
    assert "ingest" in done.stderr
