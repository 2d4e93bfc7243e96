"""Requests that are no calls, refusals, upstreams that can't be reached, and the custody of the API's key."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response

from tests.ingest.relay_world import (
    PATH,
    bare_client,
    bare_server,
    certificate,
    echo,
    on_disk,
    relaying,
    served_with,
    upgrade,
    upstream,
)

CUSTODY: dict[str, Any] = {"api_key": "sk-of-the-house", "relay_keys": {"shop": "relay-key-of-the-shop"}}


class Answering:
    """An HTTP server that notes what it got and gives one answer."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.got = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.got = head
        if b"content-length: " in head.lower():
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            self.got += await reader.readexactly(length)
        elif b"chunked" in head.lower():
            self.got += await reader.readuntil(b"0\r\n\r\n")
        writer.write(self.answer)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\nX-Own: 1\r\n\r\n" + b'{"value":"e"}'


async def test_an_http_call_passes_with_its_body_and_its_answer_and_is_not_recorded(tmp_path: Path) -> None:
    answering = Answering(OK)
    body = b'{"session":{"type":"realtime"}}' * 10_000
    request = (
        b"POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer sk-1\r\nX-Mine: yes\r\n"
        b"Connection: keep-alive\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    async with bare_server(answering) as url, relaying(url + "/base", tmp_path) as relay:
        async with bare_client(relay.port, request + body) as client:
            head, answered = await client.head(), await client.rest()
        assert relay.events() == []

    sent_head, _, sent_body = answering.got.partition(b"\r\n\r\n")
    assert sent_head.startswith(b"POST /base/v1/realtime/client_secrets HTTP/1.1\r\n")
    assert b"Authorization: Bearer sk-1\r\nX-Mine: yes\r\n" in sent_head + b"\r\n"
    assert b"Connection: close" in sent_head
    assert f"Host: {url.removeprefix('ws://')}".encode() in sent_head
    assert sent_body == body
    assert head.startswith("HTTP/1.1 200 OK")
    assert "X-Own: 1" in head
    assert answered == b'{"value":"e"}'


async def test_chunked_bodies_pass_both_ways(tmp_path: Path) -> None:
    answering = Answering(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    request = (
        b"POST /v1/realtime/calls HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nv=0\n\r\n0\r\n\r\n"
    )
    async with (
        bare_server(answering) as url,
        relaying(url, tmp_path) as relay,
        bare_client(relay.port, request) as client,
    ):
        head, answered = await client.head(), await client.rest()

    assert answering.got.endswith(b"4\r\nv=0\n\r\n0\r\n\r\n")
    assert head.startswith("HTTP/1.1 201 Created")
    assert answered == b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


async def test_a_second_request_behind_the_first_never_reaches_the_upstream(tmp_path: Path) -> None:
    # It would go there unchecked, with the client's own headers and perhaps with the house's key.
    answering = Answering(OK)
    request = b"GET /v1/realtime/x HTTP/1.1\r\nHost: relay\r\n\r\n"
    async with (
        bare_server(answering) as url,
        relaying(url, tmp_path) as relay,
        bare_client(relay.port, request + b"GET /v1/files HTTP/1.1\r\nHost: relay\r\n\r\n") as client,
    ):
        head, answered = await client.head(), await client.rest()

    assert answering.got.count(b"GET ") == 1
    assert "Connection: close" in head
    assert answered == b'{"value":"e"}'


async def test_an_upstream_that_takes_no_connection_is_a_502_that_names_it(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound, so nobody else's, and not listening
        port = silent.getsockname()[1]
        async with relaying(f"ws://127.0.0.1:{port}", tmp_path) as relay:
            with pytest.raises(InvalidStatus) as refused:
                await connect(relay.url + PATH)
            closing = await relay.closing()

    error = json.loads(refused.value.response.body or b"")["error"]
    assert refused.value.response.status_code == 502
    assert error["code"] == "upstream_unreachable"
    assert f"127.0.0.1:{port}" in error["message"]
    assert (closing.closed_by, closing.code) == ("server", None)


async def test_an_upstream_that_does_not_answer_is_a_504(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with bare_server(say_nothing) as url, relaying(url, tmp_path, dial_timeout_seconds=0.1) as relay:
        with pytest.raises(InvalidStatus) as refused:
            await connect(relay.url + PATH)
        await relay.closing()

    assert refused.value.response.status_code == 504


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 20", b"\x00\x01 what is HTTP?\r\n\r\n"])
async def test_an_upstream_that_answers_no_http_is_a_502(tmp_path: Path, answer: bytes) -> None:
    async with bare_server(Answering(answer)) as url, relaying(url, tmp_path) as relay:
        with pytest.raises(InvalidStatus) as refused:
            await connect(relay.url + PATH)
        await relay.closing()

    assert refused.value.response.status_code == 502


async def test_an_upstream_whose_certificate_is_not_trusted_is_a_502_that_says_so(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    async with upstream(echo, ssl=served_with(cert, key)) as url, relaying(url, tmp_path) as relay:
        with pytest.raises(InvalidStatus) as refused:
            await connect(relay.url + PATH)

    assert refused.value.response.status_code == 502
    assert b"certificate is not trusted" in (refused.value.response.body or b"")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01 TLS to a plain port\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://e/ HTTP/1.1\r\nHost: e\r\n\r\n",
    ],
)
async def test_what_is_no_request_for_us_is_a_400(tmp_path: Path, sent: bytes) -> None:
    async with upstream(echo) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, sent) as client:
            assert (await client.head()).startswith("HTTP/1.1 400 ")
        assert relay.events() == []


async def test_a_client_that_connects_and_leaves_is_no_session(tmp_path: Path) -> None:
    async with upstream(echo) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port):
            pass
        async with bare_client(relay.port, upgrade()[:20]):
            pass
        assert relay.events() == []


async def asked_with(tmp_path: Path, *headers: str, target: str = PATH, **settings: Any) -> tuple[str, Request | None]:
    """The status line a client gets with these headers, and what the upstream saw of it."""
    seen: list[Request] = []

    def note(_: ServerConnection, request: Request) -> Response | None:
        seen.append(request)
        return None

    async with (
        upstream(echo, process_request=note) as url,
        relaying(url, tmp_path, **{**CUSTODY, **settings}) as relay,
        bare_client(relay.port, upgrade(target, *headers)) as client,
    ):
        head = await client.head()
    return head.partition("\r\n")[0], seen[0] if seen else None


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("Authorization: Bearer relay-key-of-the-shop", PATH),
        ("api-key: relay-key-of-the-shop", PATH),
        ("X-None: 1", PATH + "&api-key=relay-key-of-the-shop"),
        ("Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.relay-key-of-the-shop", PATH),
    ],
)
async def test_a_relay_key_admits_and_the_upstream_gets_the_houses_key_only(
    tmp_path: Path, header: str, target: str
) -> None:
    status, request = await asked_with(tmp_path, header, target=target)

    assert status.startswith("HTTP/1.1 101 ")
    assert request is not None
    assert request.headers.get_all("Authorization") == ["Bearer sk-of-the-house"]
    assert "relay-key-of-the-shop" not in str(request.headers) + request.path


async def test_the_name_of_the_relay_key_is_recorded_and_no_key_is(tmp_path: Path) -> None:
    await asked_with(tmp_path, "Authorization: Bearer relay-key-of-the-shop")
    journal = on_disk(tmp_path)

    assert b'"relay_key":"shop"' in journal
    assert b"relay-key-of-the-shop" not in journal
    assert b"sk-of-the-house" not in journal


@pytest.mark.parametrize(
    "header", ["Authorization: Bearer relay-key-of-the-shoq", "Authorization: Bearer ", "X-None: 1"]
)
async def test_an_unknown_key_is_a_401_and_goes_nowhere(tmp_path: Path, header: str) -> None:
    status, request = await asked_with(tmp_path, header)

    assert status.startswith("HTTP/1.1 401 ")
    assert request is None


@pytest.mark.parametrize(
    "target",
    [
        "/v1/files",
        "/v1/realtime/../files",
        "/v1/realtime/%2e%2e/files",
        "/v1/realtime/%252e%252e/files",
        "/v1/realtime/..%2ffiles",
        "/v1/realtime/..\\files",
        "/v1//files/realtime",
        "/v1/xrealtime",
    ],
)
async def test_the_houses_key_is_for_realtime_paths_only(tmp_path: Path, target: str) -> None:
    status, request = await asked_with(tmp_path, "Authorization: Bearer relay-key-of-the-shop", target=target)

    assert status.startswith("HTTP/1.1 403 ")
    assert request is None


async def test_azure_gets_the_houses_key_in_its_own_header(tmp_path: Path) -> None:
    _, request = await asked_with(tmp_path, "api-key: relay-key-of-the-shop", api_key_header="api-key")

    assert request is not None
    assert request.headers.get_all("api-key") == ["sk-of-the-house"]
    assert "Authorization" not in request.headers


async def test_upstream_headers_take_the_place_of_the_clients(tmp_path: Path) -> None:
    _, request = await asked_with(
        tmp_path,
        "Authorization: Bearer relay-key-of-the-shop",
        "OpenAI-Project: proj_client",
        upstream_headers={"OpenAI-Project": "proj_house", "X-More": "1"},
    )

    assert request is not None
    assert request.headers.get_all("OpenAI-Project") == ["proj_house"]
    assert request.headers["X-More"] == "1"


async def test_the_beta_header_can_be_stripped(tmp_path: Path) -> None:
    _, request = await asked_with(
        tmp_path,
        "Authorization: Bearer relay-key-of-the-shop",
        "OpenAI-Beta: realtime=v1",
        "Sec-WebSocket-Protocol: realtime, openai-beta.realtime-v1",
        beta_header="strip",
    )

    assert request is not None
    assert "OpenAI-Beta" not in request.headers
    assert request.headers["Sec-WebSocket-Protocol"] == "realtime"
