"""Telephone calls: announced by a webhook whose signature the API's own SDK accepts, then accepted or not."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import OpenAI

from simulator.server import Simulator, serve
from simulator.settings import SimulatorSettings
from simulator.web import WebAnswer, WebExchange, WebRequest
from tests.simulator.calling import WITHIN_S, attached, posted
from tests.simulator.driven import received

SECRET = "whsec_c2VjcmV0IG9mIHRoZSBob3VzZQ=="


class Receiver:
    """The user's service: takes webhooks."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: asyncio.Queue[WebRequest] = asyncio.Queue()

    async def respond(self, request: WebRequest) -> WebAnswer:
        self.requests.put_nowait(request)
        return WebAnswer(status=200)


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, Simulator, str]]:
    receiver = Receiver()
    server = await asyncio.get_running_loop().create_server(lambda: WebExchange(receiver.respond), "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        async with serve(SimulatorSettings(port=0, sideband_after_ms=0)) as simulator:
            yield receiver, simulator, simulator.base_url.replace("ws:", "http:")
    finally:
        server.close()


async def ring(http: str, receiver: Receiver, **asked: Any) -> tuple[str, WebRequest]:
    """A call that rings: its id and the webhook."""
    body = {"webhook_url": receiver.url, "webhook_secret": SECRET, **asked}
    got = (await posted(f"{http}/simulator/ring", body)).json()
    assert got["webhook_status"] == 200
    return got["call_id"], await receiver.requests.get()


async def test_the_sdk_of_the_api_accepts_the_webhook() -> None:
    async with receiving() as (receiver, _, http):
        call_id, request = await ring(http, receiver, to="sip:+15551234@example.com", headers={"X-Trunk": "7"})

    event: Any = OpenAI(api_key="sk-1", webhook_secret=SECRET).webhooks.unwrap(request.body, request.headers)
    assert event.type == "realtime.call.incoming"
    assert event.data.call_id == call_id
    headers = {header.name: header.value for header in event.data.sip_headers}
    assert headers["To"] == "sip:+15551234@example.com"
    assert headers["X-Trunk"] == "7"


async def test_an_accepted_call_is_held_to_its_end() -> None:
    steps = [
        {"do": "wait", "ms": 2_000},
        {"do": "press", "what": "4#"},
        {"do": "speak", "what": "queen_of_clubs"},
        {"do": "hear"},
    ]
    async with receiving() as (receiver, simulator, http):
        call_id, _ = await ring(http, receiver, steps=steps)
        accepted = await posted(
            f"{http}/realtime/calls/{call_id}/accept", {"type": "realtime", "model": "gpt-realtime"}
        )
        sideband = await attached(f"{simulator.url}?call_id={call_id}")
        events = [json.loads(message) async for message in sideband]

    assert accepted.status == 200
    types = [event["type"] for event in events]
    digits = [event["event"] for event in events if event["type"] == "input_audio_buffer.dtmf_event_received"]
    assert digits == ["4", "#"]
    assert types.index("input_audio_buffer.speech_started") < types.index("output_audio_buffer.started")
    assert "response.output_audio.delta" not in types
    assert sideband.close_code == 1000


async def test_a_rejected_call_is_gone() -> None:
    async with receiving() as (receiver, _, http):
        call_id, _ = await ring(http, receiver)
        rejected = await posted(f"{http}/realtime/calls/{call_id}/reject", {"status_code": 486})
        accepted = await posted(f"{http}/realtime/calls/{call_id}/accept", {"type": "realtime"})

    assert (rejected.status, accepted.status) == (200, 404)


async def test_a_call_that_nobody_accepts_rings_out() -> None:
    async with receiving() as (receiver, _, http):
        call_id, _ = await ring(http, receiver, rings_seconds=0.05)
        async with asyncio.timeout(WITHIN_S):
            # As long as it rings, a session of that type is what is wrong.
            while (await posted(f"{http}/realtime/calls/{call_id}/accept", {"type": "transcription"})).status == 400:
                pass
        accepted = await posted(f"{http}/realtime/calls/{call_id}/accept", {"type": "realtime"})

    assert accepted.status == 404


async def test_a_session_that_the_api_would_not_take_is_refused_before_the_call_is_picked_up() -> None:
    async with receiving() as (receiver, _, http):
        call_id, _ = await ring(http, receiver)
        refused = await posted(f"{http}/realtime/calls/{call_id}/accept", {"type": "realtime", "colour": "blue"})

    assert refused.status == 400
    assert "colour" in refused.json()["error"]["message"]


async def test_dtmf_has_no_event_id() -> None:
    async with receiving() as (receiver, simulator, http):
        call_id, _ = await ring(http, receiver, steps=[{"do": "wait", "ms": 2_000}, {"do": "press", "what": "9"}])
        await posted(f"{http}/realtime/calls/{call_id}/accept", {"type": "realtime"})
        sideband = await attached(f"{simulator.url}?call_id={call_id}")
        event = await received(sideband)

    assert event.keys() == {"type", "event", "received_at"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/hook"])
async def test_a_webhook_that_reaches_nobody_is_told(url: str) -> None:
    async with receiving() as (_, _, http):
        got = await posted(f"{http}/simulator/ring", {"webhook_url": url, "webhook_secret": SECRET})

    assert got.json()["webhook_status"] == 0
