"""Simulated calls, through the real relay and a real SDK: Kafka's way gives the tables of one machine, row for row."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.ports import free_port
from calltape.up import port_open
from pipeline.dataset import Reader
from pipeline.dataset_schemas import DAMAGED_LINES, TABLES
from tests.kafka.programs import Programs

CALLERS = 4
"""Each holds the six calls of the try-out."""
CALLS = 6 * CALLERS


def tables(dataset: Path) -> dict[str, list[dict[str, object]]]:
    reader = Reader(dataset)
    try:
        return {
            name: reader.query(f"select * from {name} order by all").to_pylist()
            for name in TABLES
            if name != DAMAGED_LINES.name
        }
    finally:
        reader.close()


@pytest.mark.timeout(900)
def test_the_same_calls_give_identical_rows_in_every_table(programs: Programs, tmp_path: Path) -> None:
    relay, simulator = free_port(), free_port()
    programs.start("simulator", "simulate", "--port", str(simulator))
    programs.start(
        "ingest", "ingest", "--port", str(relay), "--upstream", f"ws://127.0.0.1:{simulator}", "--worker", "w1"
    )
    for number in (1, 2):
        programs.worker(f"worker-{number}")
        programs.sink(f"sink-{number}")
    programs.wait(lambda: port_open("127.0.0.1", simulator) and port_open("127.0.0.1", relay), "relay and simulator")

    command = [sys.executable, "-m", "calltape", "call", "--url", f"ws://127.0.0.1:{relay}/v1"]
    callers = [
        subprocess.Popen(command, env=programs.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(CALLERS)
    ]
    assert [caller.wait(400) for caller in callers] == [0] * CALLERS
    assert programs.stop("ingest") == 0
    programs.until("select count(*) from sessions where complete", CALLS)
    recorded = sum(path.read_bytes().count(b"\n") for path in (programs.data_dir / "journal" / "w1").glob("*.jsonl"))
    programs.until("select count(*) from events", recorded)

    embedded = tmp_path / "embedded"
    shutil.copytree(programs.data_dir / "journal", embedded / "journal")
    programs.start("pipeline", "pipeline", "--data-dir", str(embedded), "--kafka", "")
    alone = Programs(programs.bootstrap, embedded)
    alone.until("select count(*) from sessions where complete", CALLS)
    alone.until("select count(*) from events", recorded)
    assert programs.stop("pipeline") == 0

    theirs = tables(embedded / "dataset")
    # Either sink writes the tables of its own partitions, when it may: no table says that another is whole.
    with contextlib.suppress(AssertionError):
        programs.wait(lambda: tables(programs.data_dir / "dataset") == theirs, "the same rows")
    ours = tables(programs.data_dir / "dataset")
    assert {name: len(rows) for name, rows in ours.items()} == {name: len(rows) for name, rows in theirs.items()}
    assert ours == theirs
    assert min(len(ours[name]) for name in ("turns", "interruptions", "tool_calls", "transcripts", "costs")) > 0
