"""The driver against the simulator, over real sockets, into a real journal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection

from ingest import envelope, markers
from ingest.driver import Driver, Outcome
from ingest.driver_line import Target
from ingest.envelope import RecordedEvent, Source
from ingest.journal import Journal
from ingest.markers import SessionClosed, SessionOpened
from ingest.recording import Recorder
from ingest.scenario import Scenario
from simulator.server import serve
from simulator.settings import SimulatorSettings
from tests.ingest.relay_world import WITHIN_S, silent, upstream

SPEECH = Path(__file__).parents[2] / "simulator" / "speech"
HELLO = 'steps = [{ do = "type", text = "Hello." }, { do = "hear" }]\nsession = { output_modalities = ["text"] }\n'
TALKS = 'answer_s = 60\nsession = { audio = { input = { turn_detection = { type = "server_vad", silence_duration_ms = 300 } } } }\n'
SLOW = """
[timing]
pace = 1.05
[[scripts]]
name = "slow"
replies = [{ say = "This is a long answer that nobody will want to hear to its end, because it goes on and on.", repeat = true }]
"""


class Driven(msgspec.Struct, frozen=True):
    outcomes: list[Outcome]
    events: list[RecordedEvent]
    told: list[str]

    @property
    def outcome(self) -> Outcome:
        [outcome] = self.outcomes
        return outcome

    def types(self, source: Source) -> list[str]:
        return [event.type for event in self.events if event.source is source]

    def sent(self, kind: str) -> list[dict[str, Any]]:
        return [msgspec.json.decode(event.data) for event in self.events
                if event.source is Source.CLIENT and event.type == kind]  # fmt: skip

    def marked(self, kind: type[Any]) -> list[Any]:
        found = [markers.decode(event.data) for event in self.events if event.source is Source.RECORDER]
        return [marker for marker in found if isinstance(marker, kind)]


async def driven(
    folder: Path, text: str, url: str, *, key: str = "sk-test", begun: asyncio.Event | None = None, **changes: Any
) -> Driven:
    """Run a scenario, and read back what was recorded. `begun` is set when the session tells something."""
    scenario = msgspec.structs.replace(
        msgspec.toml.decode(text, type=Scenario), name="mine", folder=str(folder), **changes
    )
    recorder = Recorder(Journal.open(folder / "journal", "driver-1"))
    told: list[str] = []

    def progress(_: int, text: str) -> None:
        told.append(text)
        if begun is not None:
            begun.set()

    target = Target(url=url, headers={"Authorization": f"Bearer {key}"}, dial_seconds=WITHIN_S)
    try:
        outcomes = await Driver(scenario, target, recorder, [SPEECH]).drive(progress)
    finally:
        recorder.close()
    segments = sorted((folder / "journal").glob("*/*.jsonl"))
    events = [envelope.decode(line) for path in segments for line in path.read_bytes().splitlines()]
    return Driven(outcomes, events, told)


@asynccontextmanager
async def simulated(folder: Path, scenario: str = "", **options: Any) -> AsyncIterator[str]:
    """A simulator's base URL."""
    if scenario:
        options["scenario"] = folder / "played.toml"
        options["scenario"].write_text(scenario)
    async with serve(SimulatorSettings(port=0, seed=1, beta=False, **options)) as simulator:
        yield simulator.base_url


async def test_a_session_is_in_the_log_from_its_opening_to_its_end(tmp_path: Path) -> None:
    async with simulated(tmp_path) as url:
        ran = await driven(tmp_path, HELLO, url)

    assert ran.outcome.problems == ()
    [opened] = ran.marked(SessionOpened)
    assert (opened.mode, opened.scenario, opened.model) == ("driver", "mine", "gpt-realtime")
    assert opened.path == "/v1/realtime?model=gpt-realtime"
    [closed] = ran.marked(SessionClosed)
    assert (closed.closed_by, closed.code) == ("client", 1000)
    assert [event.seq for event in ran.events] == list(range(len(ran.events)))
    assert ran.types(Source.CLIENT) == ["session.update", "conversation.item.create", "response.create"]
    assert "response.output_text.done" in ran.types(Source.SERVER)


async def test_no_key_is_in_the_log(tmp_path: Path) -> None:
    async with simulated(tmp_path) as url:
        await driven(tmp_path, HELLO, url, key="sk-very-secret")

    assert b"very-secret" not in journal_of(tmp_path)


async def test_a_recording_is_said_in_real_time_and_the_room_is_heard_until_the_end(tmp_path: Path) -> None:
    async with simulated(tmp_path) as url:
        ran = await driven(tmp_path, TALKS + 'steps = [{ do = "say", audio = "ten_of_clubs" }, { do = "hear" }]', url)

    appends = [event for event in ran.events if event.type == "input_audio_buffer.append"]
    times_ms = [(event.elapsed_ns - appends[0].elapsed_ns) / 1e6 for event in appends]
    assert all(time_ms > 40 * place - 5 for place, time_ms in enumerate(times_ms)), "it ran ahead of the clock"
    assert len(appends) > (1096 + 300) // 40
    assert len({len(event.data) for event in appends}) == 1
    assert ran.types(Source.SERVER).count("input_audio_buffer.speech_stopped") == 1


async def test_pushed_to_talk_nothing_is_sent_but_what_is_said(tmp_path: Path) -> None:
    text = (
        'steps = [{ do = "wait", ms = 300 }, { do = "press", audio = "ten_of_clubs" }, { do = "hear" }]\n'
        'session = { audio = { input = { turn_detection = "none" } } }'
    )
    async with simulated(tmp_path) as url:
        ran = await driven(tmp_path, text, url)

    sent = ran.types(Source.CLIENT)
    assert sent[-2:] == ["input_audio_buffer.commit", "response.create"]
    assert sent.count("input_audio_buffer.append") == 1096 // 40 + 1
    assert ran.outcome.problems == ()


async def test_a_caller_cuts_in_at_the_moment_that_the_scenario_says(tmp_path: Path) -> None:
    steps = '[{ do = "say", audio = "ten_of_clubs" }, { do = "say", audio = "seven_of_clubs", after_heard_ms = 1000 }]'
    async with simulated(tmp_path, SLOW) as url:
        ran = await driven(tmp_path, TALKS + f"steps = {steps}", url)

    [truncated] = ran.sent("conversation.item.truncate")
    assert 1000 <= truncated["audio_end_ms"] < 2500
    assert ran.outcome.problems == ()


async def test_a_client_that_cancels_says_how_much_it_heard(tmp_path: Path) -> None:
    steps = '[{ do = "type", text = "Go." }, { do = "cancel", after_heard_ms = 500 }, { do = "hear" }]'
    async with simulated(tmp_path, SLOW) as url:
        ran = await driven(tmp_path, f"steps = {steps}", url)

    assert ran.types(Source.CLIENT)[-2:] == ["response.cancel", "conversation.item.truncate"]
    assert 500 <= ran.sent("conversation.item.truncate")[0]["audio_end_ms"] < 900
    assert ran.outcome.problems == ()


async def test_a_refused_update_is_waited_for_and_gone_on_from(tmp_path: Path) -> None:
    steps = '[{ do = "update", session = { temperature = 0.7 } }, { do = "type", text = "Hello." }, { do = "hear" }]'
    async with simulated(tmp_path) as url:
        ran = await driven(tmp_path, f"steps = {steps}", url)

    assert ran.types(Source.SERVER).count("error") == 1
    assert "response.done" in ran.types(Source.SERVER)


async def test_any_event_can_be_sent_and_waited_for(tmp_path: Path) -> None:
    steps = (
        '[{ do = "send", event = { type = "input_audio_buffer.clear" } },'
        ' { do = "await", event = "input_audio_buffer.cleared" },'
        ' { do = "send", event = { type = "input_audio_buffer.clear" } },'
        ' { do = "await", event = "input_audio_buffer.cleared" }]'
    )
    async with simulated(tmp_path) as url:
        ran = await driven(tmp_path, f"steps = {steps}", url)

    assert ran.types(Source.SERVER).count("input_audio_buffer.cleared") == 2
    assert ran.outcome.problems == ()


async def test_a_tool_that_fails_is_a_problem_that_the_agent_hears_of(tmp_path: Path) -> None:
    played = '[[scripts]]\nname = "t"\nreplies = [{ to = "text", call = [{ name = "look" }] }, { say = "Oh." }]'
    text = HELLO + '[[tools]]\nname = "look"\ncommand = ["false"]\n'
    async with simulated(tmp_path, played) as url:
        ran = await driven(tmp_path, text, url)

    assert ran.outcome.problems == ("tool look: false ended with 1",)
    outputs = [event["item"].get("output") for event in ran.sent("conversation.item.create")]
    assert outputs[-1] == "the tool failed"
    assert ran.types(Source.SERVER).count("response.done") == 2


async def test_many_sessions_begin_over_the_ramp_and_each_is_recorded_by_itself(tmp_path: Path) -> None:
    async with simulated(tmp_path) as url:
        ran = await driven(tmp_path, HELLO, url, parallel=8, ramp_s=0.8)

    assert len({outcome.session_id for outcome in ran.outcomes}) == 8
    assert {outcome.problems for outcome in ran.outcomes} == {()}
    opened = sorted(event.seen_at_ns for event in ran.events if event.type == "session.opened")
    assert opened[-1] - opened[0] >= 650_000_000
    assert len(ran.marked(SessionClosed)) == 8


async def test_a_translation_ends_when_all_is_translated(tmp_path: Path) -> None:
    text = (
        'kind = "translation"\nmodel = "gpt-realtime-translate"\nchunk_ms = 200\n'
        'steps = [{ do = "say", audio = "ten_of_clubs" }, { do = "hear" }]\n'
        'session = { audio = { output = { language = "es" } } }'
    )
    async with simulated(tmp_path) as url:
        ran = await driven(tmp_path, text, url)

    assert set(ran.types(Source.CLIENT)) == {"session.update", "session.input_audio_buffer.append", "session.close"}
    assert ran.types(Source.SERVER)[-1] == "session.closed"
    [closed] = ran.marked(SessionClosed)
    assert (closed.closed_by, closed.code) == ("server", 1000)
    assert ran.outcome.problems == ()


# --- when it goes wrong


async def test_a_key_that_is_refused_is_told_in_the_servers_words(tmp_path: Path) -> None:
    async with simulated(tmp_path) as url:
        ran = await driven(tmp_path, HELLO, url, key="bad-key")

    assert ran.outcome.problems == ("the server hung up: 3000 invalid_request_error.invalid_api_key",)
    [closed] = ran.marked(SessionClosed)
    assert (closed.closed_by, closed.code) == ("server", 3000)


async def test_an_upstream_that_is_not_there_is_named_and_the_attempt_is_recorded(tmp_path: Path) -> None:
    ran = await driven(tmp_path, HELLO, "ws://127.0.0.1:9/v1")

    assert len(ran.outcome.problems) == 1
    assert "ws://127.0.0.1:9/v1" in ran.outcome.problems[0]
    assert ran.outcome.session_id == ran.events[0].session_id
    [closed] = ran.marked(SessionClosed)
    assert (closed.closed_by, closed.code) == ("server", None)


async def test_what_the_server_owes_and_does_not_bring_is_named_with_the_step(tmp_path: Path) -> None:
    text = 'answer_s = 2\nsteps = [{ do = "await", event = "response.done" }]'
    async with simulated(tmp_path) as url:
        ran = await driven(tmp_path, text, url)

    assert ran.outcome.problems == ("step 1, await of response.done: nothing within 2 s",)
    assert ran.marked(SessionClosed)[0].closed_by == "client"


async def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async with upstream(silent) as url:
        ran = await driven(tmp_path, "answer_s = 0.3\n" + HELLO, url)

    assert ran.outcome.problems == ("session.created: nothing within 0.3 s",)


async def test_a_server_that_vanishes_ends_the_session_as_lost(tmp_path: Path) -> None:
    async def vanish(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with upstream(vanish) as url:
        ran = await driven(tmp_path, HELLO, url)

    assert ran.outcome.problems == ("the connection was lost",)
    [closed] = ran.marked(SessionClosed)
    assert (closed.closed_by, closed.code) == ("server", 1006)


async def test_a_recording_that_is_missing_ends_the_session_with_its_name(tmp_path: Path) -> None:
    async with simulated(tmp_path) as url:
        ran = await driven(tmp_path, 'steps = [{ do = "say", audio = "nope" }]', url)

    assert ran.outcome.problems[0].startswith("no recording 'nope' in ")


async def test_cancelled_it_hangs_up_and_records_the_end(tmp_path: Path) -> None:
    async with simulated(tmp_path) as url:
        begun = asyncio.Event()
        steps = '[{ do = "type", text = "Hello." }, { do = "wait", ms = 60000 }]'
        running = asyncio.ensure_future(driven(tmp_path, f"steps = {steps}", url, begun=begun))
        async with asyncio.timeout(WITHIN_S):
            await begun.wait()
        running.cancel()
        await asyncio.wait([running])

    last = envelope.decode(journal_of(tmp_path).splitlines()[-1])
    assert last.type == "session.closed"
    assert msgspec.json.decode(last.data)["closed_by"] == "client"


def journal_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((folder / "journal").glob("*/*.jsonl")))
