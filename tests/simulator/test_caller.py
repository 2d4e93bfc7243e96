"""The try-out's callers against the simulator, over the real SDK."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from simulator import calls
from simulator.caller import hold_calls
from simulator.calls import Call, Step
from simulator.holding import CallOutcome
from simulator.server import serve
from simulator.settings import SimulatorSettings

GREETING = Call(name="greeting", instructions="Greet.", steps=(Step(do="greet"), Step(do="hear")))


def ignore(_call: str, _line: str) -> None:
    """Nobody watches."""


async def held(*wanted: Call, key: str = "sk-test", **options: Any) -> list[CallOutcome]:
    settings = SimulatorSettings(port=0, seed=1, **options)
    async with serve(settings) as simulator:
        return await hold_calls(simulator.base_url, key, wanted, ignore)


def truth_of(path: Path, session: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in lines if line["session"] == session]


@pytest.mark.slow
async def test_the_calls_of_the_try_out_go_well(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    # The book club lasts twice as long as all others; the end-to-end test of `up --tryout` holds it, too.
    wanted = [call for call in calls.load() if call.name != "book club"]
    outcomes = {outcome.name: outcome for outcome in await held(*wanted, truth=truth)}

    assert len(outcomes) == 5
    assert all(outcome.went_well for outcome in outcomes.values())
    assert outcomes["robot"].tool_calls == 2
    assert outcomes["travel desk"].tool_calls == 2
    assert outcomes["walkie-talkie"].answers == 2
    assert outcomes["telephone"].answers == 2
    assert outcomes["card game"].cut_ins == 2
    # One cut-in came while the answer was being generated, the other when it was long done.
    game = truth_of(truth, outcomes["card game"].openai_session_id)
    statuses = [line["status"] for line in game if line["what"] == "response_done"]
    assert statuses == ["completed", "cancelled", "completed"]
    assert len([line for line in game if line["what"] == "truncated"]) == 2


async def test_a_call_tells_how_it_goes() -> None:
    lines: list[str] = []
    async with serve(SimulatorSettings(port=0, seed=1, speed=20)) as simulator:
        [outcome] = await hold_calls(simulator.base_url, "sk", [GREETING], lambda _, line: lines.append(line))

    assert outcome.went_well
    assert outcome.openai_session_id.startswith("sess_")
    assert outcome.answers == 1
    assert lines[0].startswith("agent: ")
    assert lines[-1].startswith("hung up after")


async def test_a_refused_key_is_the_calls_problem_and_not_the_programs() -> None:
    [outcome] = await held(GREETING, key="bad-key")

    assert "3000" in outcome.problem
    assert not outcome.went_well
    assert any("Incorrect API key" in error for error in outcome.errors)


async def test_nobody_there_is_the_calls_problem() -> None:
    [outcome] = await hold_calls("ws://127.0.0.1:9/v1", "sk", [GREETING], ignore)

    assert outcome.problem


async def test_a_missing_recording_is_named() -> None:
    call = Call(name="x", instructions="", steps=(Step(do="speak", what="nothing"),))
    [outcome] = await held(call)

    assert "'nothing'" in outcome.problem


async def test_cancelled_calls_hang_up(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    talking = Call(name="x", instructions="", steps=(Step(do="wait", after_ms=60_000),))
    async with serve(SimulatorSettings(port=0, truth=truth)) as simulator:
        configured = asyncio.Event()
        holding = asyncio.create_task(
            hold_calls(simulator.base_url, "sk", [talking, GREETING], lambda *_: configured.set())
        )
        await configured.wait()
        holding.cancel()
        await asyncio.wait([holding], timeout=60)

    assert holding.cancelled()
    closed = [line for line in truth.read_text().splitlines() if '"session_closed"' in line]
    assert len(closed) == 2
