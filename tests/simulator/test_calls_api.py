"""WebRTC calls over real sockets: keys, signalling, the data channel, sidebands, and how calls end."""

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulator.server import serve
from simulator.settings import SimulatorSettings
from tests.simulator.calling import SK, attached, posted, web_call
from tests.simulator.driven import received


def quick(**settings: Any) -> SimulatorSettings:
    return SimulatorSettings(port=0, **settings)


async def until(socket: Any, kind: str) -> list[str]:
    types: list[str] = []
    while kind not in types:
        types.append((await received(socket))["type"])
    return types


async def test_a_call_speaks_over_the_channel_and_its_sideband_hears_the_same_but_the_beginning() -> None:
    async with serve(quick()) as simulator:
        http = simulator.base_url.replace("ws:", "http:")
        async with web_call(f"{http}/realtime/calls", session={"type": "realtime", "model": "gpt-realtime"}) as call:
            sideband = await attached(f"{simulator.url}?call_id={call.call_id}")
            await call.ask("hello")
            seen = await until(sideband, "output_audio_buffer.stopped")
            await call.until("output_audio_buffer.stopped")
            await sideband.close()

    assert call.answer.status == 201
    assert call.answer.headers["location"].startswith("/v1/realtime/calls/rtc_")
    assert call.types[0] == "session.created"
    assert "session.created" not in seen
    assert {"response.output_audio.done", "output_audio_buffer.started", "response.done"} <= set(seen)
    assert "response.output_audio.delta" not in {*seen, *call.types}


async def test_a_sideband_speaks_into_the_call() -> None:
    async with serve(quick()) as simulator:
        http = simulator.base_url.replace("ws:", "http:")
        async with web_call(f"{http}/realtime/calls", session={"type": "realtime", "model": "gpt-realtime"}) as call:
            sideband = await attached(f"{simulator.url}?call_id={call.call_id}")
            await sideband.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
            updated = await received(sideband)
            await call.until("session.updated")

    assert updated["type"] == "session.updated"
    assert updated["session"]["model"] == "gpt-realtime"


async def test_an_ephemeral_key_carries_its_session_and_only_ours_are_taken() -> None:
    async with serve(quick()) as simulator:
        http = simulator.base_url.replace("ws:", "http:")
        session = {"type": "realtime", "model": "gpt-realtime-mini", "instructions": "Be brief."}
        minted = (await posted(f"{http}/realtime/client_secrets", {"session": session})).json()
        ours, theirs = ({"Authorization": f"Bearer {key}"} for key in (minted["value"], "ek_made_up"))
        async with web_call(f"{http}/realtime/calls", ours) as call:
            sideband = await attached(f"{simulator.url}?call_id={call.call_id}", ours)
            await sideband.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
            updated = await received(sideband)
        async with web_call(f"{http}/realtime/calls", theirs) as refused:
            pass

    assert minted["value"].startswith("ek_")
    assert updated["session"]["model"] == "gpt-realtime-mini"
    assert updated["session"]["instructions"] == "Be brief."
    assert refused.answer.status == 401


@pytest.mark.parametrize("path", ["realtime/sessions?model=gpt-realtime", "realtime?model=gpt-realtime"])
async def test_older_browser_code_finds_the_retired_paths(path: str) -> None:
    async with serve(quick()) as simulator:
        http = simulator.base_url.replace("ws:", "http:")
        minted = (await posted(f"{http}/realtime/sessions", {"model": "gpt-realtime", "voice": "ash"})).json()
        key = {"Authorization": f"Bearer {minted['client_secret']['value']}"}
        async with web_call(f"{http}/{path}", {**key}) as call:
            pass

    assert call.answer.status == 201


async def test_after_the_browser_left_a_sideband_hears_nothing_and_nobody_can_attach() -> None:
    async with serve(quick(sideband_after_ms=0)) as simulator:
        http = simulator.base_url.replace("ws:", "http:")
        async with web_call(f"{http}/realtime/calls", session={"type": "realtime", "model": "gpt-realtime"}) as call:
            sideband = await attached(f"{simulator.url}?call_id={call.call_id}")
            await call.until("session.created")
        await _gone(f"{simulator.url}?call_id={call.call_id}")

        await sideband.send("{}")
        pong = await sideband.ping()
        await pong
        assert sideband.close_code is None
        await sideband.close()


async def _gone(url: str) -> None:
    """Wait until the call can't be found any more, and see how that is said."""

    async def attach_for_ever() -> None:
        while True:
            await (await connect(url, additional_headers=SK)).close()

    with pytest.raises(InvalidStatus) as refused:
        await attach_for_ever()
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body or b"")["error"]["code"] == "call_id_not_found"


async def test_a_hang_up_ends_the_call_for_all() -> None:
    async with serve(quick(sideband_after_ms=0)) as simulator:
        http = simulator.base_url.replace("ws:", "http:")
        async with web_call(f"{http}/realtime/calls", session={"type": "realtime", "model": "gpt-realtime"}) as call:
            sideband = await attached(f"{simulator.url}?call_id={call.call_id}")
            hung_up = await posted(f"{http}/realtime/calls/{call.call_id}/hangup")
            again = await posted(f"{http}/realtime/calls/{call.call_id}/hangup")
            with pytest.raises(ConnectionClosed):
                await sideband.recv()

    assert (hung_up.status, again.status) == (200, 404)
    assert sideband.close_code == 1000


async def test_a_call_expires_after_the_configured_length_and_its_sideband_is_told() -> None:
    async with serve(quick(sideband_after_ms=0, session_minutes=0.05)) as simulator:
        http = simulator.base_url.replace("ws:", "http:")
        async with web_call(f"{http}/realtime/calls", session={"type": "realtime", "model": "gpt-realtime"}) as call:
            sideband = await attached(f"{simulator.url}?call_id={call.call_id}")
            event = await received(sideband)
            await sideband.wait_closed()

    assert event["error"]["code"] == "session_expired"
    assert sideband.close_code == 1001


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("realtime/calls", b"no sdp", {**SK, "Content-Type": "application/sdp"}, 400),
        ("realtime/calls", b"", {**SK, "Content-Type": "multipart/form-data; boundary=x"}, 400),
        ("realtime/client_secrets", b"{", SK, 400),
        ("realtime/client_secrets", b"[]", SK, 400),
        ("realtime/calls/rtc_none/accept", b"{}", SK, 404),
        ("realtime/client_secrets", b"{}", {"Authorization": "Bearer bad"}, 401),
        ("realtime/client_secrets", b"{}", {}, 401),
        ("nothing", b"{}", SK, 404),
        ("simulator/ring", b'{"webhook_url": 1}', SK, 400),
    ],
)
async def test_what_is_wrong_is_told(path: str, body: bytes, headers: dict[str, str], status: int) -> None:
    async with serve(quick()) as simulator:
        http = simulator.base_url.replace("ws:", "http:")
        got = await posted(f"{http}/{path}", body, headers)

    assert got.status == status
    assert got.json()["error"]["message"]


async def test_a_browser_may_ask_first() -> None:
    async with serve(quick()) as simulator:
        http = simulator.base_url.replace("ws:", "http:")
        got = await posted(f"{http}/realtime/calls", b"", {"Origin": "https://app.example"}, method="OPTIONS")

    assert got.status == 204
    assert got.headers["access-control-allow-origin"] == "*"
