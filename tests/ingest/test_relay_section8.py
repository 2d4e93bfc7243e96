"""What real clients need from a relay: every line of PROTOCOL section 8, by its number."""

import asyncio
import hashlib
import json
import ssl
from pathlib import Path

import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from ingest import markers
from ingest.envelope import Source
from tests.ingest.relay_world import (
    PATH,
    bare_client,
    certificate,
    echo,
    frame,
    on_disk,
    relaying,
    served_with,
    trusting,
    upgrade,
    upstream,
    within,
)

GIVEN_UP_S = 20
"""So long clients wait for the answer to a ping, by default."""


class Seen:
    """The request heads that the upstream got."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def note(self, _: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return None


def choose_realtime(_: ServerConnection, offered: list[str]) -> str | None:
    return "realtime" if "realtime" in offered else None


BROWSER = ["realtime", "openai-insecure-api-key.sk-browser", "openai-organization.org-1", "openai-project.proj_1"]


async def test_1_a_browser_that_offers_realtime_gets_realtime_and_nothing_else(tmp_path: Path) -> None:
    async with (
        upstream(echo, select_subprotocol=choose_realtime) as url,
        relaying(url, tmp_path) as relay,
        bare_client(relay.port, upgrade(PATH, f"Sec-WebSocket-Protocol: {', '.join(BROWSER)}")) as client,
    ):
        head = await client.head()

    assert head.startswith("HTTP/1.1 101 ")
    assert [line for line in head.lower().splitlines() if line.startswith("sec-websocket-protocol")] == [
        "sec-websocket-protocol: realtime"
    ]


async def test_1_a_browser_gets_realtime_even_where_the_upstream_chooses_nothing(tmp_path: Path) -> None:
    async with (
        upstream(echo, select_subprotocol=lambda *_: None) as url,
        relaying(url, tmp_path) as relay,
        bare_client(relay.port, upgrade(PATH, f"Sec-WebSocket-Protocol: {', '.join(BROWSER)}")) as client,
    ):
        assert "sec-websocket-protocol: realtime" in (await client.head()).lower()


async def test_1_a_client_that_offers_no_subprotocol_gets_none(tmp_path: Path) -> None:
    async with upstream(echo) as url, relaying(url, tmp_path) as relay, bare_client(relay.port, upgrade()) as client:
        assert "sec-websocket-protocol" not in (await client.head()).lower()


async def test_1_the_credentials_of_a_browser_travel_on_as_headers(tmp_path: Path) -> None:
    seen = Seen()
    async with (
        upstream(echo, process_request=seen.note, select_subprotocol=choose_realtime) as url,
        relaying(url, tmp_path) as relay,
        connect(relay.url + PATH, subprotocols=[Subprotocol(name) for name in BROWSER]) as client,
    ):
        assert client.subprotocol == "realtime"

    [request] = seen.requests
    assert request.headers["Authorization"] == "Bearer sk-browser"
    assert request.headers["OpenAI-Organization"] == "org-1"
    assert request.headers["OpenAI-Project"] == "proj_1"
    assert request.headers["Sec-WebSocket-Protocol"] == "realtime"


async def test_1_no_credential_of_a_browser_is_recorded(tmp_path: Path) -> None:
    async with upstream(echo, select_subprotocol=choose_realtime) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH + "&api-key=sk-query", subprotocols=BROWSER):  # type: ignore[arg-type]
            pass
        await relay.closing()
        journal = on_disk(tmp_path)

    assert b"sk-" not in journal


async def test_2_the_relay_serves_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    async with (
        upstream(echo) as url,
        relaying(url, tmp_path, tls_cert=cert, tls_key=key) as relay,
        connect(relay.url + PATH, ssl=trusting(cert)) as client,
    ):
        await client.send("over TLS")
        assert await within(client.recv()) == "over TLS"
        assert relay.url.startswith("wss://")


async def test_2_the_relay_dials_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    async with (
        upstream(echo, ssl=served_with(cert, key)) as url,
        relaying(url, tmp_path, upstream_ca=cert) as relay,
        connect(relay.url + PATH) as client,
    ):
        await client.send("over TLS")
        assert await within(client.recv()) == "over TLS"


async def test_3_a_refusal_is_passed_on_as_http_with_status_and_body(tmp_path: Path) -> None:
    body = json.dumps({"error": {"code": "model_not_found"}})

    def refuse(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(403, body)
        response.headers["x-request-id"] = "req_1"
        return response

    async with upstream(echo, process_request=refuse) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade()) as client:
            head, answered = await client.head(), await client.rest()
        closing = await relay.closing()

    assert head.startswith("HTTP/1.1 403 ")
    assert "x-request-id: req_1" in head
    assert answered.decode() == body
    assert (closing.closed_by, closing.code, closing.reason) == ("server", None, "HTTP 403")


async def test_4_what_a_client_sends_before_the_answer_arrives_first_and_in_order(tmp_path: Path) -> None:
    received: list[str | bytes] = []

    async def collect(connection: ServerConnection) -> None:
        received.extend([message async for message in connection])

    early = [f"early {number}" for number in range(300)]
    sent = b"".join(frame(1, text.encode() + b"." * 500) for text in early)
    async with upstream(collect) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade() + sent) as client:
            await client.head()
            client.writer.write(frame(1, b"late") + frame(8, b"\x03\xe8"))
            await client.rest()
        await relay.closing()

    assert [str(text).rstrip(".") for text in received] == [*early, "late"]
    assert relay.said_by(Source.CLIENT)[-1] == b"late"
    assert len(relay.said_by(Source.CLIENT)) == 301


async def test_5_one_message_in_is_one_message_out_and_text_stays_text(tmp_path: Path) -> None:
    async with upstream(echo) as url, relaying(url, tmp_path) as relay, connect(relay.url + PATH) as client:
        for message in ("text", b"binary", "", b"", "last"):
            await client.send(message)
        assert [await within(client.recv()) for _ in range(5)] == ["text", b"binary", "", b"", "last"]


async def test_5_messages_of_24_mib_pass_and_are_recorded_on_both_legs(tmp_path: Path) -> None:
    message = '{"type":"big","audio":"' + "A" * ((24 << 20) - 25) + '"}'
    async with upstream(echo) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH, max_size=None, compression=None) as client:
            await client.send(message)
            assert await within(client.recv()) == message
        await relay.closing()

    [sent], [answered] = relay.said_by(Source.CLIENT), relay.said_by(Source.SERVER)
    assert (
        hashlib.sha256(sent).digest() == hashlib.sha256(message.encode()).digest() == hashlib.sha256(answered).digest()
    )


async def test_5_a_message_past_the_limit_passes_and_is_recorded_as_lost(tmp_path: Path) -> None:
    message = "A" * ((1 << 20) + 1)
    async with upstream(echo) as url, relaying(url, tmp_path, message_max_mib=1) as relay:
        async with connect(relay.url + PATH, max_size=None, compression=None) as client:
            await client.send(message)
            assert await within(client.recv()) == message
        await relay.closing()

    lost = [
        each for data in relay.said_by(Source.RECORDER) if isinstance(each := markers.decode(data), markers.EventsLost)
    ]
    assert [(each.count, each.reason) for each in lost] == [(1, "too_large"), (1, "too_large")]


async def test_5_fragmented_text_keeps_its_fragments_and_is_recorded_whole(tmp_path: Path) -> None:
    async def fragments(connection: ServerConnection) -> None:
        assert await connection.recv() == "one two three"
        await connection.send(["four ", "five ", "six"])

    async with upstream(fragments) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade()) as client:
            await client.head()
            pieces = frame(1, b"one ", fin=False), frame(9, b"?"), frame(0, b"two ", fin=False), frame(0, b"three")
            for piece in pieces:
                client.writer.write(piece)
            received = await within(client.reader.readuntil(frame(0, b"six", masked=False, fin=False)))
            client.writer.write(frame(8, b""))
            await client.rest()
        await relay.closing()

    assert received.endswith(
        frame(1, b"four ", masked=False, fin=False)
        + frame(0, b"five ", masked=False, fin=False)
        + frame(0, b"six", masked=False, fin=False)
    )
    assert relay.said_by(Source.CLIENT) == [b"one two three"]
    assert relay.said_by(Source.SERVER) == [b"four five six"]


async def test_6_nothing_is_added_and_nothing_is_rewritten(tmp_path: Path) -> None:
    odd = '{ "event_id" : null,"z":1.50, "type":"session.update"  ,"text":"\\u00e9é" }'
    received: list[str | bytes] = []

    async def collect(connection: ServerConnection) -> None:
        received.append(await connection.recv())
        await connection.send(odd)

    async with upstream(collect) as url, relaying(url, tmp_path) as relay, connect(relay.url + PATH) as client:
        await client.send(odd)
        answers = [message async for message in client]
        await relay.closing()

    assert received == answers == [odd]
    assert relay.said_by(Source.CLIENT) == relay.said_by(Source.SERVER) == [odd.encode()]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1013, 3000, 4000, 4004])
async def test_7_an_upstreams_close_code_and_reason_reach_the_client(tmp_path: Path, code: int) -> None:
    reason = "insufficient_quota.credit_balance_exhausted"

    async def close(connection: ServerConnection) -> None:
        await connection.close(code, reason)

    async with upstream(close) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH) as client:
            with pytest.raises(ConnectionClosed) as closed:
                await within(client.recv())
        closing = await relay.closing()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)
    assert (closing.closed_by, closing.code, closing.reason) == ("server", code, reason)


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4000])
async def test_7_a_clients_close_code_and_reason_reach_the_upstream(tmp_path: Path, code: int) -> None:
    ends: asyncio.Queue[tuple[int | None, str | None]] = asyncio.Queue()

    async def wait(connection: ServerConnection) -> None:
        await connection.wait_closed()
        await ends.put((connection.close_code, connection.close_reason))

    async with upstream(wait) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH) as client:
            await client.close(code, "done with it")
        assert await within(ends.get()) == (code, "done with it")
        closing = await relay.closing()

    assert (closing.closed_by, closing.code, closing.reason) == ("client", code, "done with it")


@pytest.mark.parametrize("client_offers", ["deflate", None])
@pytest.mark.parametrize("upstream_accepts", ["deflate", None])
async def test_8_compression_is_what_client_and_upstream_agree_on(
    tmp_path: Path, client_offers: str | None, upstream_accepts: str | None
) -> None:
    messages = ['{"type":"a","text":"' + str(number % 7) * 2000 + '"}' for number in range(50)]
    async with upstream(echo, compression=upstream_accepts) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH, compression=client_offers) as client:
            agreed = bool(client.protocol.extensions)
            for message in messages:
                await client.send(message)
                assert await within(client.recv()) == message
        await relay.closing()

    assert agreed is (client_offers == upstream_accepts == "deflate")
    assert relay.said_by(Source.CLIENT) == relay.said_by(Source.SERVER) == [text.encode() for text in messages]
    connected = markers.decode(relay.said_by(Source.RECORDER)[1])
    assert isinstance(connected, markers.UpstreamConnected)
    assert connected.compressed is agreed


async def test_9_path_prefix_query_and_unknown_headers_pass(tmp_path: Path) -> None:
    seen = Seen()
    async with upstream(echo, process_request=seen.note) as url, relaying(url + "/openai", tmp_path) as relay:
        target = "/team/v1/realtime?call_id=rtc_1&intent=transcription&x=%2F%20"
        async with connect(relay.url + target, additional_headers={"X-Of-Mine": "kept", "OpenAI-Beta": "realtime=v1"}):
            pass

    [request] = seen.requests
    assert request.path == "/openai" + target
    assert request.headers["X-Of-Mine"] == "kept"
    assert request.headers["OpenAI-Beta"] == "realtime=v1"
    assert request.headers["Host"] == url.removeprefix("ws://")


async def test_9_a_model_may_be_missing_from_the_url(tmp_path: Path) -> None:
    async with upstream(echo) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + "/v1/realtime?intent=transcription"):
            pass
        await relay.closing()

    opened = markers.decode(relay.events()[0].data)
    assert isinstance(opened, markers.SessionOpened)
    assert opened.model is None


async def test_10_a_ping_is_answered_while_the_upstream_floods(tmp_path: Path) -> None:
    async def flood(connection: ServerConnection) -> None:
        while True:
            await connection.send("A" * 60_000)

    async with (
        upstream(flood) as url,
        relaying(url, tmp_path) as relay,
        connect(relay.url + PATH, max_queue=4, compression=None) as client,
    ):

        async def read_slowly() -> None:
            async for _ in client:
                await asyncio.sleep(0.001)  # a client that is busy playing what it got

        reading = asyncio.ensure_future(read_slowly())
        for _ in range(5):
            pong = await client.ping()
            assert await within(pong) < GIVEN_UP_S
        reading.cancel()
        client.transport.abort()


async def test_10_pings_of_the_upstream_reach_the_client_as_they_were(tmp_path: Path) -> None:
    answered: asyncio.Queue[float] = asyncio.Queue()

    async def ping(connection: ServerConnection) -> None:
        await answered.put(await (await connection.ping(b"four")))

    async with upstream(ping) as url, relaying(url, tmp_path) as relay, bare_client(relay.port, upgrade()) as client:
        await client.head()
        assert await within(client.reader.readexactly(6)) == frame(9, b"four", masked=False)
        client.writer.write(frame(10, b"four"))
        assert await within(answered.get()) >= 0


@pytest.mark.parametrize(
    "message", ['{"type":', "[]", "42", "", '{"no":"type"}', '{"a":1,"type":"last"}', '{"type":7}']
)
async def test_11_whatever_the_messages_are_the_call_goes_on_and_they_are_recorded(
    tmp_path: Path, message: str
) -> None:
    async with upstream(echo) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH) as client:
            await client.send(message)
            assert await within(client.recv()) == message
        await relay.closing()

    assert relay.said_by(Source.CLIENT) == relay.said_by(Source.SERVER) == [message.encode()]


@pytest.mark.parametrize(
    "path", ["/v1/realtime/translations?model=t", "/v1/live/sessions", "/v1/live/sessions/live_1/attach"]
)
async def test_12_other_realtime_paths_are_calls_too(tmp_path: Path, path: str) -> None:
    seen = Seen()
    async with (
        upstream(echo, process_request=seen.note) as url,
        relaying(url, tmp_path) as relay,
        connect(relay.url + path) as client,
    ):
        await client.send("hello")
        assert await within(client.recv()) == "hello"

    assert seen.requests[0].path == path


async def test_the_openai_sdk_holds_a_call_through_the_relay(tmp_path: Path) -> None:
    async def agent(connection: ServerConnection) -> None:
        await connection.send('{"type":"session.created","event_id":"event_1","session":{"id":"sess_1"}}')
        async for message in connection:
            asked = json.loads(message)["type"]
            await connection.send('{"type":"response.done","event_id":"event_2","response":{"id":"resp_1"}}')
            assert asked == "response.create"

    seen = Seen()
    async with upstream(agent, process_request=seen.note) as url, relaying(url, tmp_path) as relay:
        sdk = AsyncOpenAI(api_key="sk-of-the-sdk", websocket_base_url=relay.url + "/v1")
        async with sdk, sdk.realtime.connect(model="gpt-realtime") as call:
            created = await within(call.recv())
            await call.response.create()
            done = await within(call.recv())
        closing = await relay.closing()

    assert (created.type, done.type) == ("session.created", "response.done")
    assert seen.requests[0].headers["Authorization"] == "Bearer sk-of-the-sdk"
    assert closing.code == 1000
    assert [event.type for event in relay.events()] == [
        "session.opened",
        "upstream.connected",
        "session.created",
        "response.create",
        "response.done",
        "session.closed",
    ]
    assert [event.seq for event in relay.events()] == list(range(6))


def test_the_certificate_of_the_tests_is_not_trusted_by_default(tmp_path: Path) -> None:
    # Guards the TLS tests: they'd say nothing if any certificate would do.
    cert, _ = certificate(tmp_path)
    assert trusting(cert).verify_mode is ssl.CERT_REQUIRED
