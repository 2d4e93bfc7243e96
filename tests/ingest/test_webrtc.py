"""WebRTC calls created through the worker: passed on untouched, followed by a sideband, recorded to their end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest import markers
from ingest.envelope import RecordedEvent, Source
from simulator.server import Simulator, serve
from simulator.settings import SimulatorSettings
from tests.ingest.relay_world import WITHIN_S, Relaying, on_disk, relaying
from tests.simulator.calling import attached, posted, web_call

SESSION = {"type": "realtime", "model": "gpt-realtime"}
CUSTODY: dict[str, Any] = {"api_key": "sk-of-the-house", "relay_keys": {"shop": "relay-key-of-the-shop"}}
SHOP = {"Authorization": "Bearer relay-key-of-the-shop"}


class World(msgspec.Struct, frozen=True):
    simulator: Simulator
    relay: Relaying

    @property
    def http(self) -> str:
        return self.relay.url.replace("ws:", "http:") + "/v1"


@asynccontextmanager
async def world(tmp_path: Path, simulated: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[World]:
    """The worker in front of a simulator."""
    async with serve(SimulatorSettings(port=0, **(simulated or {}))) as simulator:
        upstream = simulator.base_url.removesuffix("/v1")
        async with relaying(upstream, tmp_path, **{"sideband_quiet_seconds": 0.3, **settings}) as relay:
            yield World(simulator, relay)


def opened(relay: Relaying) -> list[markers.SessionOpened]:
    found = [markers.decode(data) for data in relay.said_by(Source.RECORDER)]
    return [each for each in found if isinstance(each, markers.SessionOpened)]


async def seen(relay: Relaying, type_: str) -> RecordedEvent:
    """The first event of a type, once it is in the journal."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            if found := [event for event in relay.events() if event.type == type_]:
                return found[0]
            await asyncio.sleep(0.01)  # the journal is a file: there is nothing to wait on but its growth


async def test_a_call_is_followed_from_its_creation_to_after_the_caller_left(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        async with web_call(f"{here.http}/realtime/calls", session=SESSION) as call:
            await seen(here.relay, "upstream.connected")
            await call.ask("hello")
            await call.until("output_audio_buffer.stopped")
        closing = await here.relay.closing()
        [opening] = opened(here.relay)
        types = [event.type for event in here.relay.events()]

    assert call.answer.status == 201
    assert (opening.mode, opening.transport, opening.call_id) == ("sideband", "webrtc", call.call_id)
    assert (opening.model, opening.path) == ("gpt-realtime", "/v1/realtime/calls")
    assert types.index("output_audio_buffer.started") < types.index("output_audio_buffer.stopped")
    assert "response.output_audio.delta" not in types
    # The simulator, like the API, said nothing when the caller left: the worker had to ask.
    assert (closing.closed_by, closing.code) == ("client", None)
    assert "does not say when a caller leaves" in closing.reason


async def test_a_young_call_is_asked_for_until_it_is_found(tmp_path: Path) -> None:
    async with (
        world(tmp_path, {"sideband_after_ms": 600}) as here,
        web_call(f"{here.http}/realtime/calls", session=SESSION),
    ):
        connected = markers.decode((await seen(here.relay, "upstream.connected")).data)

    assert isinstance(connected, markers.UpstreamConnected)
    assert connected.attempts > 2


async def test_observing_sends_nothing_unless_told_to(tmp_path: Path) -> None:
    async with (
        world(tmp_path / "silent") as here,
        web_call(f"{here.http}/realtime/calls", session=SESSION) as call,
    ):
        await seen(here.relay, "upstream.connected")
        await call.ask("hello")
        await seen(here.relay, "response.done")
        assert "session.updated" not in call.types
    async with (
        world(tmp_path / "told", sideband_ask_configuration=True) as here,
        web_call(f"{here.http}/realtime/calls", session=SESSION) as call,
    ):
        updated = await seen(here.relay, "session.updated")
        types = [event.type for event in here.relay.events() if event.source is Source.RECORDER]

    assert json.loads(updated.data)["session"]["model"] == "gpt-realtime"
    assert "configuration.asked" in types


async def test_an_ephemeral_key_is_never_stored_and_its_call_belongs_to_whom_it_was_minted_for(tmp_path: Path) -> None:
    async with world(tmp_path, **CUSTODY) as here:
        asked = {"session": {**SESSION, "model": "gpt-realtime-mini"}}
        minted = (await posted(f"{here.http}/realtime/client_secrets", asked, SHOP)).json()
        async with web_call(f"{here.http}/realtime/calls", {"Authorization": f"Bearer {minted['value']}"}) as call:
            await seen(here.relay, "upstream.connected")
        [opening] = opened(here.relay)

    assert call.answer.status == 201
    assert (opening.relay_key, opening.model) == ("shop", "gpt-realtime-mini")
    journal = on_disk(tmp_path)
    assert minted["value"].encode() not in journal
    assert b"relay-key-of-the-shop" not in journal
    assert b"sk-of-the-house" not in journal


@pytest.mark.parametrize("path", ["realtime/sessions?model=gpt-realtime", "realtime?model=gpt-realtime"])
async def test_older_browser_code_is_followed_too(tmp_path: Path, path: str) -> None:
    async with world(tmp_path) as here:
        minted = (await posted(f"{here.http}/realtime/sessions", {"model": "gpt-realtime"})).json()
        key = {"Authorization": f"Bearer {minted['client_secret']['value']}"}
        async with web_call(f"{here.http}/{path}", key) as call:
            await seen(here.relay, "upstream.connected")
        [opening] = opened(here.relay)

    assert opening.call_id == call.call_id
    assert opening.model == "gpt-realtime"


async def test_a_call_that_can_not_be_attached_to_goes_on_and_says_so_in_its_row(tmp_path: Path) -> None:
    async with (
        world(tmp_path, sideband_api_key="bad-key-of-the-worker") as here,
        web_call(f"{here.http}/realtime/calls", session=SESSION) as call,
    ):
        closing = await here.relay.closing()
        await call.ask("hello")
        await call.until("output_audio_buffer.stopped")

    assert closing.closed_by == "server"
    assert (closing.code, closing.reason) == (3000, "invalid_request_error.invalid_api_key")


async def test_a_hang_up_through_the_worker_is_a_fact_of_the_call(tmp_path: Path) -> None:
    async with (
        world(tmp_path) as here,
        web_call(f"{here.http}/realtime/calls", session=SESSION) as call,
    ):
        await seen(here.relay, "upstream.connected")
        await posted(f"{here.http}/realtime/calls/{call.call_id}/hangup")
        closing = await here.relay.closing()
        steered = markers.decode((await seen(here.relay, "call.steered")).data)

    assert steered == markers.CallSteered(action="hangup", by="client", status=200)
    assert (closing.closed_by, closing.code) == ("server", 1000)


async def test_the_clients_own_sideband_takes_over(tmp_path: Path) -> None:
    async with (
        world(tmp_path) as here,
        web_call(f"{here.http}/realtime/calls", session=SESSION) as call,
    ):
        await seen(here.relay, "upstream.connected")
        sideband = await attached(f"{here.relay.url}/v1/realtime?call_id={call.call_id}")
        closing = await here.relay.closing()
        await sideband.close()
        ours, theirs = opened(here.relay)

    assert (closing.closed_by, closing.reason) == ("recorder", "the client's own sideband records the call from here")
    assert (ours.call_id, theirs.call_id, theirs.mode) == (call.call_id, call.call_id, "sideband")


async def test_a_worker_that_stops_leaves_the_call_alone(tmp_path: Path) -> None:
    async with serve(SimulatorSettings(port=0)) as simulator:
        async with relaying(simulator.base_url.removesuffix("/v1"), tmp_path) as relay:
            http = relay.url.replace("ws:", "http:") + "/v1"
            async with web_call(f"{http}/realtime/calls", session=SESSION) as call:
                await seen(relay, "upstream.connected")
                await relay.relay.stop()
                await call.ask("hello")
                await call.until("output_audio_buffer.stopped")
        closing = await relay.closing()

    assert (closing.closed_by, closing.code) == ("recorder", None)
    assert "the call itself went on" in closing.reason


async def test_calls_are_not_followed_where_the_worker_is_told_not_to(tmp_path: Path) -> None:
    async with (
        world(tmp_path, sideband=False) as here,
        web_call(f"{here.http}/realtime/calls", session=SESSION) as call,
    ):
        await call.until("session.created")
        assert here.relay.events() == []
