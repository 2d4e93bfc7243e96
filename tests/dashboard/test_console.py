"""The SQL console's process: it answers, it refuses, and nothing that is asked of it outlives its limits."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboard.console import Console
from pipeline.sql_guard import SqlRefused
from tests.dashboard.demo import Call

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def console(data_dir: Path) -> Iterator[Console]:
    made = Console(data_dir / "dataset", rows_max=100, within_s=3.0)
    yield made
    made.close()


def test_a_question_is_answered(console: Console, told: list[Call]) -> None:
    found = console.ask("select count(*) as calls, sum(turns) as turns from sessions")

    assert found.rows.to_pylist() == [{"calls": len(told), "turns": sum(call.session.turns for call in told)}]
    assert found.cut is None


def test_more_rows_than_allowed_are_cut_and_said_to_be(console: Console) -> None:
    found = console.ask("select * from range(1000000000000)")

    assert (found.rows.num_rows, found.cut) == (100, "rows")


def test_a_table_function_that_reads_a_file_is_refused(console: Console) -> None:
    with pytest.raises(SqlRefused, match="can't stand in place of a table"):
        console.ask("select * from read_csv('/etc/passwd')")


@pytest.mark.parametrize(
    "endless",
    [
        "select count(*) from range(1000000000000)",
        "with recursive n as (select 1 as a union all select a + 1 from n) select count(*) from n",
    ],
)
def test_an_endless_question_is_broken_off_and_the_next_one_answered(console: Console, endless: str) -> None:
    with pytest.raises(SqlRefused, match="stopped after 3 s, the time limit"):
        console.ask(endless)

    assert console.ask("select 42 as a").rows.to_pylist() == [{"a": 42}]


def test_a_value_larger_than_the_machine_ends_its_own_process_only(console: Console) -> None:
    with pytest.raises(SqlRefused, match=r"more memory|time limit"):
        console.ask("select length(repeat('x', 4000000000))")

    assert console.ask("select 42 as a").rows.to_pylist() == [{"a": 42}]


def test_a_process_that_died_is_replaced(console: Console, data_dir: Path) -> None:
    alone = Console(data_dir / "dataset", rows_max=10, within_s=30.0)
    [[process]] = [[alone.ask("select 1").rows.num_rows]]
    assert process == 1
    while (free := alone._free.get()) is None:
        alone._free.put(free)
    os.kill(free._process.pid, signal.SIGKILL)
    free._process.wait()
    alone._free.put(free)

    assert [alone.ask("select 42 as a").rows.num_rows for _ in range(3)] == [1, 1, 1]
    alone.close()


def test_those_who_come_while_all_are_busy_are_told_so(data_dir: Path) -> None:
    busy = Console(data_dir / "dataset", rows_max=10, within_s=1.0)
    with ThreadPoolExecutor(6) as askers:
        asked = [askers.submit(busy.ask, "select count(*) from range(1000000000000)") for _ in range(6)]
    busy.close()

    said = [str(one.exception()) for one in asked]
    assert any("the time limit" in words for words in said)
    assert any("other questions are being answered" in words for words in said)
