"""A killed worker has logged all that reached the other peer. The full campaign is `python -m bench.kill9`."""

from pathlib import Path

import pytest

from bench.kill9 import WORKER, campaign
from bench.kill9_verdict import judged
from ingest.envelope import Source
from ingest.journal import JournalReader


@pytest.mark.slow
async def test_what_reached_a_peer_before_a_kill_is_in_the_log_exactly_once(tmp_path: Path) -> None:
    told: list[object] = []

    verdict = await campaign(3, seed=11, data_dir=tmp_path, told=told.append)

    assert verdict.good, verdict.table()
    assert verdict.recovered > 0
    assert len(told) == 3

    # The judge itself can tell: a message that nobody logged, one that was logged twice, an end that is missing.
    folder = tmp_path / "journal" / WORKER
    events = [found.event for found in JournalReader(folder).events()]
    said = next(event for event in events if event.source is Source.CLIENT)
    with max(folder.glob("*.jsonl")).open("ab") as file:
        lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]
        file.write(next(line for line in lines if said.id.encode() in line) + b"\n")
    worse = judged(folder, [b"never logged"], [b"nor this"])
    assert (worse.missing, worse.twice, worse.unended, worse.holes) == (2, 1, 1, 1)
    assert not worse.good
