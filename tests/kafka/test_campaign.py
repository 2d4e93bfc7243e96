"""The campaign that kills everything at random, short: it is the command that an operator would run, with a seed."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(900)
def test_after_a_few_rounds_nothing_is_lost_and_nothing_is_doubled() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench.kafka_campaign", "--rounds", "5", "--seed", "3", "--calls", "5"],
        capture_output=True, text=True, check=False, timeout=850,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "lost 0, twice 0" in ended.stdout
    assert "GOOD" in ended.stdout
