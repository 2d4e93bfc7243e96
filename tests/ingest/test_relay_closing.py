"""How calls end: goodbyes that pass, ends without one, and the relay's own goodbye."""

import asyncio
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from ingest import splice
from ingest.frames import close_frame
from tests.ingest.relay_world import (
    PATH,
    bare_client,
    bare_server,
    echo,
    frame,
    relaying,
    upgrade,
    upstream,
    within,
)

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


async def test_a_close_without_a_code_passes_as_it_is_and_is_recorded_as_1005(tmp_path: Path) -> None:
    async with upstream(echo) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade()) as client:
            await client.head()
            client.writer.write(frame(8, b""))
            assert await client.rest() == frame(8, b"", masked=False)
        closing = await relay.closing()

    assert (closing.closed_by, closing.code, closing.reason) == ("client", 1005, "")


async def test_the_close_frame_of_an_upstream_is_passed_byte_for_byte(tmp_path: Path) -> None:
    sent = frame(8, b"\x0f\xa0" + "Größe".encode(), masked=False)

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED + sent)
        await reader.read(100)

    async with bare_server(close) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade()) as client:
            await client.head()
            client.writer.write(frame(8, b"\x0f\xa0"))
            assert await client.rest() == sent
        closing = await relay.closing()

    assert (closing.closed_by, closing.code, closing.reason) == ("server", 4000, "Größe")


async def test_an_upstream_that_vanishes_becomes_a_1011_for_the_client_and_1006_in_the_log(tmp_path: Path) -> None:
    async def vanish(connection: ServerConnection) -> None:
        await connection.send("last words")
        connection.transport.abort()

    async with upstream(vanish) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH) as client:
            assert await within(client.recv()) == "last words"
            with pytest.raises(ConnectionClosed) as closed:
                await within(client.recv())
        closing = await relay.closing()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, "upstream connection lost")
    assert (closing.closed_by, closing.code) == ("server", 1006)


async def test_a_client_that_vanishes_becomes_a_1011_for_the_upstream_and_1006_in_the_log(tmp_path: Path) -> None:
    ends: asyncio.Queue[tuple[int | None, str | None]] = asyncio.Queue()

    async def wait(connection: ServerConnection) -> None:
        await connection.wait_closed()
        await ends.put((connection.close_code, connection.close_reason))

    async with upstream(wait) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH) as client:
            client.transport.abort()
        assert await within(ends.get()) == (1011, "client connection lost")
        closing = await relay.closing()

    assert (closing.closed_by, closing.code) == ("client", 1006)


async def test_a_client_that_vanishes_within_a_frame_breaks_the_upstreams_connection(tmp_path: Path) -> None:
    ends: asyncio.Queue[int | None] = asyncio.Queue()

    async def wait(connection: ServerConnection) -> None:
        await connection.wait_closed()
        await ends.put(connection.close_code)

    async with upstream(wait) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade() + frame(1, b"A" * 5000)[:3000]) as client:
            await client.head()
            client.writer.write_eof()
            # No goodbye can be told from the rest of that frame.
            assert await within(ends.get()) == 1006
        closing = await relay.closing()

    assert (closing.closed_by, closing.code) == ("client", 1006)


async def test_an_upstream_that_vanishes_within_a_frame_breaks_the_clients_connection(tmp_path: Path) -> None:
    part = frame(1, b"A" * 5000, masked=False)[:3000]

    async def vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED + part)

    async with bare_server(vanish) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade()) as client:
            await client.head()
            assert await client.rest() == part
        closing = await relay.closing()

    assert (closing.closed_by, closing.code) == ("server", 1006)


async def test_a_peer_that_never_answers_a_goodbye_is_waited_for_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splice, "LINGER_SECONDS", 0.2)

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED)
        await reader.read()

    async with bare_server(ignore) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade()) as client:
            await client.head()
            client.writer.write(frame(8, b"\x03\xe8"))
            assert await client.rest() == b""
        closing = await relay.closing()

    assert (closing.closed_by, closing.code) == ("client", 1000)


async def test_a_drained_relay_says_goodbye_to_both_sides_with_1012(tmp_path: Path) -> None:
    ends: asyncio.Queue[tuple[int | None, str | None]] = asyncio.Queue()

    async def wait(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.wait_closed()
        await ends.put((connection.close_code, connection.close_reason))

    async with upstream(wait) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH) as client:
            assert await within(client.recv()) == "hello"
            await within(relay.relay.drain(0))
            with pytest.raises(ConnectionClosed) as closed:
                await within(client.recv())
            assert await within(ends.get()) == (1012, "service restart")
        closing = await relay.closing()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "service restart")
    assert (closing.closed_by, closing.code, closing.reason) == ("recorder", 1012, "service restart")


async def test_a_drained_relay_lets_running_calls_finish_and_takes_no_new_ones(tmp_path: Path) -> None:
    async with upstream(echo) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH) as client:
            draining = asyncio.ensure_future(relay.relay.drain(60))
            await client.send("still here")
            assert await within(client.recv()) == "still here"
            with pytest.raises(OSError, match=r"\d"):
                await asyncio.open_connection("127.0.0.1", relay.port)
        await within(draining)
        closing = await relay.closing()

    assert (closing.closed_by, closing.code) == ("client", 1000)


async def test_a_goodbye_waits_for_the_end_of_the_frame_under_way(tmp_path: Path) -> None:
    whole = frame(1, b"A" * 5000, masked=False)
    go_on = asyncio.Event()

    async def halves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED + whole[:3000])
        await go_on.wait()
        writer.write(whole[3000:] + frame(1, b"too late", masked=False))
        await reader.read()

    async with (
        bare_server(halves) as url,
        relaying(url, tmp_path) as relay,
        bare_client(relay.port, upgrade()) as client,
    ):
        await client.head()
        received = await within(client.reader.readexactly(3000))
        draining = asyncio.ensure_future(relay.relay.drain(0))
        await asyncio.sleep(0)  # let the drain begin
        go_on.set()
        goodbye = close_frame(1012, "service restart")
        received += await within(client.reader.readexactly(2000 + 4 + len(goodbye)))
        client.writer.write(frame(8, goodbye[2:]))
        assert await client.rest() == b""
        await within(draining)

    assert received == whole + goodbye


async def test_a_call_that_ends_by_itself_is_not_told_goodbye_again(tmp_path: Path) -> None:
    async def close_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED)
        await reader.readexactly(8)
        draining.set()
        await asyncio.sleep(0.05)  # the upstream takes its time to answer
        writer.write(frame(8, b"\x03\xe8", masked=False))

    draining = asyncio.Event()
    async with bare_server(close_late) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade()) as client:
            await client.head()
            client.writer.write(frame(8, b"\x03\xe8"))
            await within(draining.wait())
            await within(relay.relay.drain(0))
            assert await client.rest() == frame(8, b"\x03\xe8", masked=False)
        closing = await relay.closing()

    assert (closing.closed_by, closing.code) == ("client", 1000)
