"""Bytes out are bytes in, whatever their size, their number and the patience of who reads them."""

import asyncio
import hashlib
import os
import random
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection

from ingest.envelope import Source
from tests.ingest.relay_world import PATH, bare_client, bare_server, frame, relaying, upgrade, upstream, within
from tests.ingest.test_relay_closing import SWITCHED

MIB = 1 << 20


def mixed(count: int, seed: int) -> bytes:
    """Frames of all kinds in a row, as a peer could send them: text, binary, fragments, pings, from 20 bytes up."""
    chosen = random.Random(seed)
    frames = []
    for _ in range(count):
        payload = os.urandom(int(20 * 2 ** chosen.uniform(0, 15)))
        match chosen.randrange(4):
            case 0:
                cut = chosen.randrange(len(payload))
                frames += [frame(1, payload[:cut], fin=False), frame(9, b"ping"), frame(0, payload[cut:])]
            case 1:
                frames.append(frame(2, payload))
            case _:
                frames.append(frame(1, payload))
    return b"".join(frames)


async def in_odd_pieces(writer: asyncio.StreamWriter, data: bytes, seed: int) -> None:
    chosen, position = random.Random(seed), 0
    while position < len(data):
        size = int(2 ** chosen.uniform(0, 19))
        writer.write(data[position : position + size])
        await writer.drain()
        position += size


async def test_mixed_frames_arrive_byte_for_byte_in_both_directions(tmp_path: Path) -> None:
    up, down = mixed(300, seed=1), mixed(300, seed=2)
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED)
        sending = asyncio.ensure_future(in_odd_pieces(writer, down, seed=3))
        await got.put(await reader.readexactly(len(up)))
        await sending

    async with bare_server(exchange) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade()) as client:
            await client.head()
            sending = asyncio.ensure_future(in_odd_pieces(client.writer, up, seed=4))
            received = await within(client.reader.readexactly(len(down)))
            await sending
            arrived = await within(got.get())
        await relay.closing()

    assert hashlib.sha256(received).digest() == hashlib.sha256(down).digest()
    assert hashlib.sha256(arrived).digest() == hashlib.sha256(up).digest()
    assert len(relay.said_by(Source.CLIENT)) == len(relay.said_by(Source.SERVER)) == 300


async def test_messages_to_16_mib_arrive_and_are_recorded_as_they_were_sent(tmp_path: Path) -> None:
    sizes = [20, 125, 126, 65_535, 65_536, 1 * MIB, 16 * MIB]
    messages = [os.urandom(size // 2).hex() for size in sizes]

    async def answer(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with upstream(answer) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH, max_size=None, compression=None) as client:
            for message in messages:
                await client.send(message)
                assert await within(client.recv()) == message
        await relay.closing()

    assert relay.said_by(Source.CLIENT) == relay.said_by(Source.SERVER) == [text.encode() for text in messages]


async def test_a_client_that_does_not_read_holds_the_upstream_back_and_costs_no_memory(tmp_path: Path) -> None:
    sent = 0
    stuck = asyncio.Event()

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        message = "A" * 100_000
        while True:
            try:
                await asyncio.wait_for(connection.send(message), 1)
            except TimeoutError:
                stuck.set()
                await connection.wait_closed()
                return
            sent += len(message)

    async with upstream(flood, write_limit=1000) as url, relaying(url, tmp_path) as relay:
        before = psutil.Process().memory_info().rss
        async with bare_client(relay.port, upgrade()) as client:
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await within(stuck.wait())
            grown = psutil.Process().memory_info().rss - before
            client.vanish()
        await relay.closing()

    # What was taken from the upstream stands in the kernel's buffers of four sockets, not in the relay.
    assert sent < 40 * MIB
    assert grown < 8 * MIB


async def test_what_was_held_back_arrives_once_the_client_reads(tmp_path: Path) -> None:
    down = mixed(400, seed=5)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED + down)
        await writer.drain()

    async with (
        bare_server(flood) as url,
        relaying(url, tmp_path) as relay,
        bare_client(relay.port, upgrade()) as client,
    ):
        await client.head()
        received = bytearray()
        while len(received) < len(down):
            received += await within(client.reader.read(10_000))

    # Behind it stands the relay's goodbye for an upstream that left without one.
    assert hashlib.sha256(received[: len(down)]).digest() == hashlib.sha256(down).digest()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 13])
async def test_frames_that_come_byte_by_byte_are_recorded_whole(tmp_path: Path, size: int) -> None:
    data = frame(1, b"x" * 130) + frame(9, b"") + frame(1, b"") + frame(8, b"\x03\xe8why")

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED)
        await reader.readexactly(len(data))
        writer.write(frame(8, b"\x03\xe8", masked=False))

    async with bare_server(take) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade()) as client:
            await client.head()
            for position in range(0, len(data), size):
                client.writer.write(data[position : position + size])
                await asyncio.sleep(0)
            await client.rest()
        closing = await relay.closing()

    assert relay.said_by(Source.CLIENT) == [b"x" * 130, b""]
    assert (closing.code, closing.reason) == (1000, "why")
