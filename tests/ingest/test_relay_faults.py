"""The disk says no while calls run: they go on unharmed, and the log says what it lacks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from bench.ports import free_port
from ingest import markers
from ingest.envelope import RecordedEvent
from ingest.markers import EventsLost
from tests.ingest.disks import small_disk, unchangeable
from tests.ingest.relay_world import PATH, WITHIN_S, Relaying, bare_client, echo, relaying, upstream, within

pytestmark = pytest.mark.slow


class Call(msgspec.Struct, frozen=True):
    relay: Relaying
    client: ClientConnection

    async def talks(self, messages: int) -> None:
        """Each message reaches the upstream and its echo comes back, byte for byte."""
        for number in range(messages):
            text = f'{{"type":"input_audio_buffer.append","n":{number},"audio":"{"QUJD" * 1_500}"}}'
            await within(self.client.send(text))
            assert await within(self.client.recv()) == text

    async def talks_until_recorded(self) -> None:
        """The journal tries again about once a second."""
        async with asyncio.timeout(WITHIN_S):
            recorded = len(self.relay.events())
            while len(self.relay.events()) == recorded:
                await self.talks(1)
                await asyncio.sleep(0.05)  # the journal is a file: there is nothing to wait on but its growth


@asynccontextmanager
async def calling(data_dir: Path, metrics_port: int = -1) -> AsyncIterator[Call]:
    async with (
        upstream(echo) as url,
        relaying(url, data_dir, metrics_port=metrics_port) as relay,
        connect(relay.url + PATH, max_size=None, compression=None) as client,
    ):
        yield Call(relay, client)


def losses(events: list[RecordedEvent]) -> list[EventsLost]:
    told = [markers.decode(event.data) for event in events]
    return [marker for marker in told if isinstance(marker, EventsLost)]


def is_accounted_for(events: list[RecordedEvent]) -> bool:
    """Every number up to the session's end is in the log, or told as lost."""
    numbers = {event.seq for event in events}
    for lost in losses(events):
        numbers |= set(range(lost.first_seq, lost.first_seq + lost.count))
    return numbers == set(range(events[-1].seq + 1)) and events[-1].type == "session.closed"


async def metrics(port: int) -> str:
    async with bare_client(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") as client:
        return (await client.rest()).decode()


async def test_a_full_disk_harms_no_call_and_the_loss_is_told(tmp_path: Path) -> None:
    metrics_port = free_port()
    with small_disk(tmp_path / "disk") as disk:
        async with calling(disk.folder, metrics_port) as call:
            await call.talks(10)
            disk.fill()
            await call.talks(30)
            disk.free()
            await call.talks_until_recorded()
            numbers = await metrics(metrics_port)
        events = call.relay.events()

    lost = sum(each.count for each in losses(events))
    assert is_accounted_for(events)
    assert lost >= 55
    assert {each.reason for each in losses(events)} == {"disk_full"}
    assert f'calltape_ingest_events_lost_total{{reason="disk_full"}} {lost}.0' in numbers


async def test_a_journal_that_turns_read_only_harms_no_call_and_the_loss_is_told(tmp_path: Path) -> None:
    async with calling(tmp_path) as call:
        await call.talks(10)
        with unchangeable(tmp_path / "journal"):
            await call.talks(30)
        await call.talks_until_recorded()
    events = call.relay.events()

    assert is_accounted_for(events)
    assert sum(lost.count for lost in losses(events)) >= 60
    assert {lost.reason for lost in losses(events)} == {"journal_failed"}


async def test_a_journal_deleted_under_a_call_harms_it_not_and_is_begun_anew(tmp_path: Path) -> None:
    async with calling(tmp_path) as call:
        await call.talks(5)
        for path in (tmp_path / "journal").rglob("*.jsonl"):
            path.unlink()
        await call.talks_until_recorded()
        await call.talks(5)
    events = call.relay.events()

    assert [event.seq for event in events] == [*range(events[0].seq, events[-1].seq + 1)]
    assert events[0].seq > 10
    assert events[-1].type == "session.closed"


async def test_a_session_that_begins_and_ends_on_a_full_disk_is_told_once_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with upstream(echo) as url, relaying(url, disk.folder) as relay:
            disk.fill()
            async with connect(relay.url + PATH, compression=None) as client:
                await Call(relay, client).talks(5)
            disk.free()
            await relay.closing()
        events = relay.events()

    assert events[0].type == "session.opened"
    assert is_accounted_for(events)
