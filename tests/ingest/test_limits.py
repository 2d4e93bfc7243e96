"""Limits close what they must and nothing else; what they did is in the log."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from calltape import spending
from ingest import markers
from ingest.envelope import Source
from ingest.limits import LimitBook, Limits, words
from ingest.markers import LimitReached, SessionClosed
from ingest.settings import IngestSettings
from ingest.warden import Guarded, NothingSpent, Warden
from simulator.server import serve
from simulator.settings import SimulatorSettings
from tests.ingest.relay_world import PATH, WITHIN_S, Relaying, echo, relaying, silent, upstream, within
from tests.ingest.test_webhooks import TELEPHONE, ring
from tests.ingest.test_webrtc import CUSTODY, SESSION, opened, seen, world
from tests.simulator.calling import web_call

SHOP = {"Authorization": "Bearer relay-key-of-the-shop"}
LAB = {"Authorization": "Bearer relay-key-of-the-lab"}
TWO_KEYS: dict[str, Any] = {
    "api_key": "sk-of-the-house",
    "relay_keys": {"shop": "relay-key-of-the-shop", "lab": "relay-key-of-the-lab"},
}


async def closed(client: ClientConnection) -> tuple[int, str]:
    """How the server closed it; whatever came before is read."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await within(client.recv())
    return client.close_code or 0, client.close_reason or ""


def endings(relay: Relaying) -> list[SessionClosed]:
    found = [markers.decode(data) for data in relay.said_by(Source.RECORDER)]
    return [each for each in found if isinstance(each, SessionClosed)]


def reached(relay: Relaying) -> list[LimitReached]:
    found = [markers.decode(data) for data in relay.said_by(Source.RECORDER)]
    return [each for each in found if isinstance(each, LimitReached)]


async def test_a_session_without_messages_is_closed_with_a_code_that_nobody_retries(tmp_path: Path) -> None:
    async with upstream(silent) as url, relaying(url, tmp_path, limit_idle_seconds=0.3) as relay:
        async with connect(relay.url + PATH) as client:
            code, reason = await closed(client)
        closing = await relay.closing()

    assert (code, reason) == (4408, "relay limit: no message for 0.3 s")
    assert (closing.closed_by, closing.code, closing.reason) == ("recorder", code, reason)
    assert reached(relay) == [LimitReached(limit="idle", allowed=0.3)]


async def test_a_session_that_lasts_too_long_is_closed_however_busy_it_is(tmp_path: Path) -> None:
    async def talk(connection: ServerConnection) -> None:
        while True:
            await connection.send("{}")
            await asyncio.sleep(0)

    async with (
        upstream(talk) as url,
        relaying(url, tmp_path, limit_minutes=0.5 / 60) as relay,
        connect(relay.url + PATH) as client,
    ):
        code, reason = await closed(client)

    assert (code, reason) == (4410, "relay limit: longer than 0.5 s")


async def test_one_session_too_many_is_refused_before_the_upstream_is_asked(tmp_path: Path) -> None:
    async with upstream(echo) as url, relaying(url, tmp_path, limit_sessions=1) as relay:
        async with connect(relay.url + PATH):
            with pytest.raises(InvalidStatus) as refused:
                await connect(relay.url + PATH)
        await relay.closing()
        await _both_ended(relay)
        async with connect(relay.url + PATH) as again:
            await again.send("there is room again")
            assert await within(again.recv()) == "there is room again"

    error = json.loads(refused.value.response.body or b"")["error"]
    assert refused.value.response.status_code == 429
    assert (error["code"], error["message"]) == ("session_limit_reached", "relay limit: 1 sessions at once")
    refusal = next(each for each in endings(relay) if each.closed_by == "recorder")
    assert (refusal.code, refusal.reason) == (None, "relay limit: 1 sessions at once")


async def _both_ended(relay: Relaying) -> None:
    async with asyncio.timeout(WITHIN_S):
        while len(endings(relay)) < 2:  # noqa: ASYNC110  # the journal is a file: there is nothing else to wait on
            await asyncio.sleep(0.01)


async def test_a_relay_keys_limit_is_its_own(tmp_path: Path) -> None:
    limits = {"limits": {"shop": {"sessions": 1}}, **TWO_KEYS}
    async with (
        upstream(echo) as url,
        relaying(url, tmp_path, **limits) as relay,
        connect(relay.url + PATH, additional_headers=SHOP),
    ):
        with pytest.raises(InvalidStatus):
            await connect(relay.url + PATH, additional_headers=SHOP)
        async with connect(relay.url + PATH, additional_headers=LAB) as other:
            await other.send("mine")
            assert await within(other.recv()) == "mine"
        assert reached(relay) == [LimitReached(limit="sessions", allowed=1, relay_key="shop")]


@pytest.mark.slow
async def test_what_a_session_costs_is_known_while_it_runs_and_ends_it(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(
        '[[scripts]]\nname = "talker"\nreplies = [{ say = "A long and costly answer.", repeat = true }]\n'
    )
    key = {"Authorization": "Bearer sk-1"}
    async with (
        serve(SimulatorSettings(port=0, scenario=scenario, speed=20)) as simulator,
        relaying(
            simulator.base_url.removesuffix("/v1"), tmp_path / "data", metered=spending.metered, limit_spend_usd=0.01
        ) as relay,
        connect(relay.url + PATH, additional_headers=key) as client,
    ):
        code, reason = await within(_talk(client))

    assert (code, reason) == (4402, "relay limit: cost $0.01")


async def _talk(client: ClientConnection) -> tuple[int, str]:
    """Ask on and on; how the server ended it."""
    ask = json.dumps({"type": "response.create"})
    try:
        while True:
            event = json.loads(await client.recv())
            if event["type"] in {"session.created", "response.done"}:
                await client.send(ask)
    except ConnectionClosed:
        return client.close_code or 0, client.close_reason or ""


async def test_a_webrtc_call_is_hung_up_because_ending_its_sideband_would_not_end_it(tmp_path: Path) -> None:
    async with (
        world(tmp_path, limit_minutes=2 / 60) as here,
        web_call(f"{here.http}/realtime/calls", session=SESSION),
    ):
        closing = await here.relay.closing()
        steered = markers.decode((await seen(here.relay, "call.steered")).data)

    assert steered == markers.CallSteered(action="hangup", by="limit", status=200)
    assert (closing.closed_by, closing.reason) == ("recorder", "relay limit: longer than 2 s")


async def test_one_webrtc_call_too_many_is_refused_and_recorded(tmp_path: Path) -> None:
    async with (
        world(tmp_path, limit_sessions=1, **CUSTODY) as here,
        web_call(f"{here.http}/realtime/calls", SHOP, session=SESSION) as first,
    ):
        await seen(here.relay, "upstream.connected")
        async with web_call(f"{here.http}/realtime/calls", SHOP, session=SESSION) as second:
            pass
        openings = opened(here.relay)

    assert (first.answer.status, second.answer.status) == (201, 429)
    assert [each.relay_key for each in openings] == ["shop", "shop"]
    assert [each.limit for each in reached(here.relay)] == ["sessions"]


async def test_a_telephone_call_too_many_is_rejected_as_busy(tmp_path: Path) -> None:
    sip = {"*": {"action": "accept", "session": {"model": "gpt-realtime"}}}
    async with world(tmp_path, limit_sessions=1, sip=sip, **TELEPHONE) as here:
        await ring(here, steps=[{"do": "wait", "ms": 60_000}])
        await seen(here.relay, "upstream.connected")
        second = await ring(here)
        [ending] = endings(here.relay)

    assert second["webhook_status"] == 200
    assert (ending.closed_by, ending.reason) == ("recorder", "relay limit: 1 sessions at once")
    assert [each.limit for each in reached(here.relay)] == ["sessions"]


async def test_limits_close_what_they_must_and_nothing_else_under_200_sessions(tmp_path: Path) -> None:
    limits = {"limits": {"shop": {"idle_seconds": 3.0}}, **TWO_KEYS}
    async with upstream(echo) as url, relaying(url, tmp_path, **limits) as relay, asyncio.timeout(150):
        enough = asyncio.Event()
        chats = [
            asyncio.ensure_future(_chat(await connect(relay.url + PATH, additional_headers=SHOP), enough))
            for _ in range(50)
        ]
        idle = [await connect(relay.url + PATH, additional_headers=SHOP) for _ in range(50)]
        other = [await connect(relay.url + PATH, additional_headers=LAB) for _ in range(100)]
        codes = [await closed(client) for client in idle]
        enough.set()
        talking = await asyncio.gather(*chats)
        for client in (*talking, *other):
            await client.send("still here")
            assert await within(client.recv()) == "still here"
            await client.close()

    assert {code for code, _ in codes} == {4408}
    assert len(reached(relay)) == 50
    assert {each.relay_key for each in reached(relay)} == {"shop"}


async def _chat(client: ClientConnection, enough: asyncio.Event) -> ClientConnection:
    """Say something and hear it, over and over."""
    while not enough.is_set():
        await client.send("hello")
        await client.recv()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), 0.2)
    return client


# --- the decisions


def test_limits_are_off_unless_set() -> None:
    book = IngestSettings().limit_book()

    assert not book.watch_spend
    assert book.full("shop", {None: 10**6, "shop": 10**6}) is None
    assert book.reached("shop", lasted_seconds=1e9, idle_seconds=1e9, usd_nanos=10**18) is None


def test_of_everybodys_limits_and_its_keys_the_first_reached_counts() -> None:
    book = LimitBook(everybody=Limits(length_seconds=100), by_key={"shop": Limits(length_seconds=10, spend_usd=2)})

    own = book.reached("shop", lasted_seconds=11, idle_seconds=0, usd_nanos=0)
    assert own == LimitReached(limit="length", allowed=10, relay_key="shop")
    assert book.reached("lab", lasted_seconds=11, idle_seconds=0, usd_nanos=0) is None
    spent = book.reached("shop", lasted_seconds=0, idle_seconds=0, usd_nanos=2_000_000_000)
    assert spent == LimitReached(limit="spend", allowed=2, relay_key="shop")
    assert book.watch_spend


@pytest.mark.parametrize("limit", ["idle", "length", "spend", "sessions"])
def test_a_close_reason_fits_into_a_frame(limit: str) -> None:
    assert len(words(LimitReached(limit=limit, allowed=1e12)).encode()) <= 123


def test_a_place_is_left_once() -> None:
    warden = Warden(LimitBook(everybody=Limits(sessions=1)), NothingSpent())
    first = warden.enter(None)
    assert isinstance(first, Guarded)
    assert isinstance(warden.enter(None), LimitReached)
    warden.leave(first)
    warden.leave(first)
    second = warden.enter("shop")
    assert isinstance(second, Guarded)
    assert isinstance(warden.enter(None), LimitReached)


def test_limits_of_a_key_that_nobody_has_stop_the_program() -> None:
    with pytest.raises(ValueError, match="no such relay key"):
        IngestSettings.model_validate({"limits": {"nobody": {"sessions": 1}}})
