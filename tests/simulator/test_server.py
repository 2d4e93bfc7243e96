"""The simulator over real sockets."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from simulator.scenario import ScenarioUnreadable
from simulator.server import serve
from simulator.settings import SimulatorSettings
from tests.simulator.driven import HEADERS, connected, received, written


async def until(socket: Any, kind: str) -> dict[str, Any]:
    while (event := await received(socket))["type"] != kind:
        pass
    return event


async def test_the_first_event_is_the_session() -> None:
    async with connected() as socket:
        assert (await received(socket))["type"] == "session.created"


async def test_a_bad_key_gets_101_then_an_error_then_the_close() -> None:
    async with connected(headers={"Authorization": "Bearer bad-1234567890"}) as socket:
        event = await received(socket)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert event["error"]["code"] == "invalid_api_key"
    assert "bad-1234567890" not in json.dumps(event)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (3000, "invalid_request_error.invalid_api_key")


async def test_only_realtime_is_chosen_of_the_subprotocols_offered() -> None:
    offered = [Subprotocol(name) for name in ("openai-insecure-api-key.sk-1", "realtime", "openai-beta.realtime-v1")]
    async with serve(SimulatorSettings(port=0)) as simulator:
        async with connect(f"{simulator.url}?model=gpt-realtime", subprotocols=offered) as socket:
            assert socket.subprotocol == "realtime"
            assert "modalities" in (await received(socket))["session"]
        async with connect(f"{simulator.url}?model=gpt-realtime", additional_headers=HEADERS) as socket:
            assert socket.subprotocol is None


async def test_the_retired_beta_is_refused_on_request() -> None:
    async with connected(headers={"OpenAI-Beta": "realtime=v1"}, beta=False) as socket:
        event = await received(socket)
        await socket.wait_closed()

    assert event["error"]["code"] == "beta_api_shape_disabled"
    assert socket.close_code == 4000


async def test_other_paths_are_not_found() -> None:
    async with serve(SimulatorSettings(port=0)) as simulator:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{simulator.base_url}/live/sessions", additional_headers=HEADERS)

    assert refused.value.response.status_code == 404


async def test_a_binary_frame_is_an_error_and_the_session_goes_on() -> None:
    async with connected() as socket:
        await socket.send(b"\x00\x01")
        event = await until(socket, "error")
        await socket.send('{"type": "input_audio_buffer.clear"}')
        await until(socket, "input_audio_buffer.cleared")

    assert event["error"]["code"] == "invalid_event"


async def test_a_session_expires() -> None:
    async with connected(session_minutes=0.1 / 60) as socket:
        event = await until(socket, "error")
        await socket.wait_closed()

    assert event["error"]["code"] == "session_expired"
    assert (socket.close_code, socket.close_reason) == (1001, "Your session hit the maximum duration of 60 minutes.")


async def test_a_script_closes_with_its_own_code(tmp_path: Path) -> None:
    text = '[[scripts]]\nname = "x"\nending = { after_ms = 10, code = 1013, reason = "insufficient_quota.x" }'
    async with connected(scenario=written(tmp_path, text)) as socket:
        await socket.wait_closed()

    assert (socket.close_code, socket.close_reason) == (1013, "insufficient_quota.x")


async def test_the_server_pings_with_four_bytes() -> None:
    pinged: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    async with connected(ping_seconds=0.05) as socket:
        take = socket.protocol.recv_frame

        def watch(frame: Frame) -> None:
            """Looks on; pings don't show anywhere else."""
            if frame.opcode is Opcode.PING and not pinged.done():
                pinged.set_result(bytes(frame.data))
            take(frame)

        socket.protocol.recv_frame = watch  # type: ignore[method-assign] # looks on, see above
        assert len(await pinged) == 4


async def test_large_messages_pass() -> None:
    async with connected() as socket:
        session = {"type": "realtime", "instructions": "x" * 16_000_000}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        answer = await until(socket, "session.updated")

    assert len(answer["session"]["instructions"]) == 16_000_000


async def test_the_agents_delays_shrink_with_the_speed(tmp_path: Path) -> None:
    clock = asyncio.get_running_loop()
    slow = '[timing]\nfirst_words_ms = 30000\nfirst_audio_ms = 30000\n[[scripts]]\nname = "x"'
    async with connected(speed=50, scenario=written(tmp_path, slow)) as socket:
        began = clock.time()
        await socket.send('{"type": "response.create"}')
        await until(socket, "response.done")

    assert clock.time() - began < 15


async def test_the_truth_log_says_what_was_done_and_when(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    async with connected(speed=50, truth=truth) as socket:
        await socket.send('{"type": "response.create"}')
        done = await until(socket, "response.done")
    lines = [json.loads(line) for line in truth.read_text().splitlines()]

    assert [line["what"] for line in lines] == [
        "session_opened", "response_created", "first_text", "first_audio", "response_done", "session_closed",
    ]  # fmt: skip
    assert [line["at_ns"] for line in lines] == sorted(line["at_ns"] for line in lines)
    told = lines[-2]
    assert told["usage"] == done["response"]["usage"]
    assert told["generated_ms"] == done["response"]["usage"]["output_token_details"]["audio_tokens"] * 50
    assert told["billed_nanos"] > 0
    assert lines[-1]["code"] == 1000


async def test_a_scenario_that_cannot_be_played_stops_the_simulator_before_it_listens(tmp_path: Path) -> None:
    path = written(tmp_path, '[[scripts]]\nname = "x"\nreplies = [{ says = "typo" }]')

    with pytest.raises(ScenarioUnreadable, match=r"scenario\.toml.*says"):
        async with serve(SimulatorSettings(port=0, scenario=path)):
            pass


async def test_sessions_are_apart() -> None:
    async with serve(SimulatorSettings(port=0, seed=1)) as simulator:
        url = f"{simulator.url}?model=gpt-realtime"
        async with (
            connect(url, additional_headers=HEADERS) as first,
            connect(url, additional_headers=HEADERS) as second,
        ):
            ids = {(await received(socket))["session"]["id"] for socket in (first, second)}

    assert len(ids) == 2
