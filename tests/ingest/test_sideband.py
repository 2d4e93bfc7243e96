"""One call followed by a sideband against an upstream that behaves badly: what is tried again, and what is given up."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve

from ingest import envelope, markers
from ingest.attaching import Door
from ingest.counts import Counts
from ingest.frames import CloseFrame
from ingest.journal import Journal
from ingest.markers import EventsLost, SessionOpened
from ingest.recording import Recorder
from ingest.recordings import Recordings
from ingest.sideband import Call, Follower, Manners, may_return
from ingest.splice import Ending
from ingest.upstream import Upstream
from tests.ingest.relay_world import WITHIN_S, Script, port_of

NOT_FOUND = '{"type":"error","error":{"type":"invalid_request_error","code":"call_id_not_found"}}'


@asynccontextmanager
async def upstream(*scripts: Script) -> AsyncIterator[tuple[Server, list[str]]]:
    """Plays the scripts to one attachment after the other; then it knows no call any more."""
    left, paths = list(scripts), []

    async def play(connection: ServerConnection) -> None:
        await left.pop(0)(connection)

    def answer(connection: ServerConnection, request: object) -> object:
        paths.append(connection.request.path if connection.request else "")
        return None if left else connection.respond(404, "call_id_not_found")

    async with serve(play, "127.0.0.1", 0, process_request=answer) as server:  # type: ignore[arg-type]
        yield server, paths


async def followed(tmp_path: Path, *scripts: Script, quiet: float = 5) -> tuple[Ending, list[envelope.RecordedEvent]]:
    """How following such an upstream ended, and what was recorded."""
    journal = Journal.open(tmp_path, "test")
    recorder = Recorder(journal)
    recordings = Recordings(recorder, Counts())
    recording = recordings.open(SessionOpened(mode="sideband", path="/"))
    async with upstream(*scripts) as (server, _):
        door = Door(
            upstream=Upstream.of(f"ws://127.0.0.1:{port_of(server)}"),
            tls=None,
            timeout_seconds=WITHIN_S,
            message_max_bytes=1 << 20,
        )
        credentials = [(b"Authorization", b"Bearer sk-1")]
        call = Call(call_id="rtc_1", place="/v1/realtime", credentials=credentials, attach_seconds=3)
        manners = Manners(quiet_seconds=quiet, ask_configuration=False)
        async with asyncio.timeout(WITHIN_S):
            ending = await Follower(call, recording, recordings, door, manners).follow()
    recorder.close()
    lines = [line for path in sorted((tmp_path / "test").glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    return ending, [envelope.decode(line) for line in lines]


def saying(messages: Sequence[str], code: int = 1000, reason: str = "") -> Script:
    async def script(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)
        await connection.close(code, reason)

    return script


async def vanishing(connection: ServerConnection) -> None:
    await connection.send('{"type":"a"}')
    await connection.ping()
    connection.transport.abort()


async def silent(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def test_a_sideband_that_breaks_off_is_attached_again_and_what_it_missed_is_a_gap(tmp_path: Path) -> None:
    ending, events = await followed(tmp_path, vanishing, saying(['{"type":"b"}']))

    assert ending.code == 1000
    assert [event.type for event in events][-2:] == ["b", "session.closed"]
    [lost] = [found for event in events if isinstance(found := markers.decode(event.data), EventsLost)]
    assert (lost.reason, lost.count) == ("sideband_lost", 1)
    assert lost.first_seq not in {event.seq for event in events}


async def test_a_call_that_is_gone_when_it_would_be_attached_again_has_ended(tmp_path: Path) -> None:
    ending, _ = await followed(tmp_path, vanishing)

    assert (ending.closed_by, ending.code) == ("client", None)


async def test_a_call_not_known_yet_is_asked_for_again_also_where_that_is_said_in_an_event(tmp_path: Path) -> None:
    ending, events = await followed(tmp_path, saying([NOT_FOUND], 4004), saying(['{"type":"a"}']))

    assert ending.code == 1000
    # That the call was not there yet is no error of the call.
    assert [event.type for event in events if event.source == "server"] == ["a"]


async def test_a_call_that_is_never_known_is_given_up_although_each_attachment_succeeds(tmp_path: Path) -> None:
    ending, _ = await followed(tmp_path, *[saying([NOT_FOUND], 4004)] * 10)

    assert (ending.closed_by, ending.code, ending.reason) == ("server", None, "call_id_not_found for 3 s")


async def test_a_call_that_is_never_found_is_given_up_with_a_reason(tmp_path: Path) -> None:
    ending, _ = await followed(tmp_path)

    assert (ending.closed_by, ending.code) == ("server", None)
    assert ending.reason.startswith("HTTP 404 call_id_not_found (")


async def test_silence_is_asked_about_and_a_call_that_is_still_known_goes_on(tmp_path: Path) -> None:
    # The second and third attachment are the questions; to the fourth there is no answer.
    ending, events = await followed(tmp_path, silent, silent, silent, quiet=0.1)

    assert "does not say when a caller leaves" in ending.reason
    assert [event.type for event in events] == ["session.opened", "upstream.connected", "session.closed"]


@pytest.mark.parametrize(
    ("code", "reason", "returns"),
    [
        (1000, "", False),
        (1001, "Your session hit the maximum duration of 60 minutes.", False),
        (1001, "", True),
        (1006, "", True),
        (1011, "", True),
        (1012, "service restart", True),
        (1013, "insufficient_quota.credit_balance_exhausted", False),
        (3000, "invalid_request_error.invalid_api_key", False),
        (4004, "", False),
    ],
)
def test_what_a_call_can_return_from(code: int, reason: str, returns: bool) -> None:
    assert may_return(CloseFrame(code=code, reason=reason)) is returns
