"""The call comes first: a fault of whatever observes or records it changes nothing for client and upstream."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from ingest import assembly, markers
from ingest.counts import Counts
from ingest.envelope import Source
from ingest.frames import FrameWalker
from ingest.markers import MessageRewritten, SessionOpened, UpstreamConnected
from ingest.messages import SeenMessage
from ingest.recordings import Recording, Recordings, Unrecorded
from ingest.relay import Relay
from ingest.session_recording import SessionRecording
from ingest.settings import IngestSettings
from tests.ingest.relay_world import PATH, bare_client, echo, frame, relaying, upgrade, upstream, within


class Bug(Exception):
    """What nobody foresaw."""


class Failing:
    """A recorder whose recordings fail wherever they are told to."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.lost: list[tuple[int, str]] = []

    def open(self, _: SessionOpened, /) -> Recording:
        self._maybe("open")
        return FailingRecording(self)

    def _maybe(self, where: str) -> None:
        if where in self.failing:
            raise Bug(where)


class FailingRecording(Unrecorded):
    def __init__(self, recorder: Failing) -> None:
        self._recorder = recorder

    def upstream_connected(self, marker: UpstreamConnected) -> None:
        self._recorder._maybe("connected")

    def see(self, source: Source, messages: Sequence[SeenMessage], rewritten: MessageRewritten | None = None) -> None:
        self._recorder._maybe("see")

    def lose(self, count: int, reason: str, source: Source) -> None:
        self._recorder.lost.append((count, reason))
        self._recorder._maybe("lose")

    def close(self, closed_by: str, code: int | None, reason: str) -> None:
        self._recorder._maybe("close")


@pytest.mark.parametrize("failing", ["open", "connected", "see", "lose", "close"])
async def test_a_recorder_that_fails_anywhere_leaves_the_call_as_it_was(failing: str) -> None:
    counts = Counts()
    recorder = Failing(failing, "see") if failing == "lose" else Failing(failing)
    async with upstream(echo) as url:
        relay = Relay(assembly.parts(IngestSettings(upstream=url), Recordings(recorder, counts), counts))
        relayed = await relay.listen("127.0.0.1", 0, None)
        async with connect(relayed + PATH) as client:
            for number in range(5):
                await client.send(f"message {number}")
                assert await within(client.recv()) == f"message {number}"
        assert client.close_code == 1000
        await within(relay.drain(30))

    assert counts.observer_failures >= 1
    if failing == "see":
        # From its first fault on the recording gets no messages, but it is told how many there were.
        assert recorder.lost == [(1, "observer_failed")] * 10


async def test_a_bug_in_the_walker_is_counted_and_the_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = FrameWalker.feed

    def stumble(self: FrameWalker, data: bytes, found: list[SeenMessage]) -> None:
        if b"stumble" in data:
            raise Bug
        feed(self, data, found)

    monkeypatch.setattr(FrameWalker, "feed", stumble)
    async with upstream(echo) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH, compression=None) as client:
            for message in ("one", "stumble", "three"):
                await client.send(message)
                assert await within(client.recv()) == message
        closing = await relay.closing()

    assert client.close_code == 1000
    assert relay.said_by(Source.SERVER) == [b"one"]
    lost = [
        each for data in relay.said_by(Source.RECORDER) if isinstance(each := markers.decode(data), markers.EventsLost)
    ]
    assert [each.reason for each in lost][:1] == ["observer_failed"]
    assert closing.closed_by == "client"


async def test_a_message_that_the_recording_can_not_read_is_lost_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    see = SessionRecording.see

    def stumble(self: SessionRecording, source: Source, messages: Sequence[SeenMessage]) -> None:
        if any(b"stumble" in message.data for message in messages):
            raise Bug
        see(self, source, messages)

    monkeypatch.setattr(SessionRecording, "see", stumble)
    async with upstream(echo) as url, relaying(url, tmp_path) as relay:
        async with connect(relay.url + PATH) as client:
            await client.send("stumble")
            assert await within(client.recv()) == "stumble"
        await relay.closing()

    lost: list[Any] = [markers.decode(data) for data in relay.said_by(Source.RECORDER)]
    assert sum(each.count for each in lost if isinstance(each, markers.EventsLost)) == 2


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(frame(3, b"reserved opcode"), id="opcode"),
        pytest.param(frame(1, b"not deflate \xff\xff", rsv1=True), id="deflate"),
        pytest.param(frame(0, b"continues nothing"), id="continuation"),
        pytest.param(frame(9, b"x" * 126), id="long ping"),
    ],
)
async def test_bytes_that_are_no_frames_pass_untouched(tmp_path: Path, nonsense: bytes) -> None:
    async with upstream(echo) as url, relaying(url, tmp_path) as relay:
        async with bare_client(relay.port, upgrade() + frame(1, b"before") + nonsense) as client:
            await client.head()
            answered = await client.rest()
        closing = await relay.closing()

    # The upstream itself judges them, and says so to the client.
    assert b"\x03\xea" in answered or b"\x03\xef" in answered
    assert closing.closed_by == "server"
    assert closing.code in {1002, 1007}
    assert relay.said_by(Source.CLIENT) == [b"before"]
