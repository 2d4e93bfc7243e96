"""A client that speaks the retired beta shape, through the relay, with an upstream that speaks only GA."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from ingest import markers
from ingest.envelope import RecordedEvent, Source
from ingest.markers import MessageRewritten, SessionOpened
from pipeline.domain.facts import Response, Session, Turn
from pipeline.domain.fold import replay
from simulator.audio import Format, encode
from simulator.server import serve
from simulator.settings import SimulatorSettings
from tests.builders import RULES
from tests.ingest.relay_world import WITHIN_S, Relaying, echo, relaying, silent, upstream, within
from tests.simulator.driven import spoken

MODEL = "gpt-4o-realtime-preview"
BETA = {"Authorization": "Bearer sk-test", "OpenAI-Beta": "realtime=v1"}


@asynccontextmanager
async def translating(folder: Path, **settings: Any) -> AsyncIterator[Relaying]:
    """A relay that translates, before a simulator that refuses beta clients and retired models as the API does."""
    async with (
        serve(SimulatorSettings(port=0, seed=1, beta=False)) as simulator,
        relaying(simulator.base_url.removesuffix("/v1"), folder, beta="translate", **settings) as relay,
    ):
        yield relay


@asynccontextmanager
async def beta_client(
    relay: Relaying, query: str = f"model={MODEL}", **options: Any
) -> AsyncIterator[ClientConnection]:
    options = {"additional_headers": BETA, "max_size": None, "proxy": None, **options}
    async with asyncio.timeout(WITHIN_S), connect(f"{relay.url}/v1/realtime?{query}", **options) as socket:
        yield socket


async def send(socket: ClientConnection, kind: str, **fields: Any) -> None:
    await socket.send(msgspec.json.encode({"type": kind, **fields}).decode())


async def until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """What the server says up to an event of this type."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        events.append(msgspec.json.decode(await socket.recv()))
    return events


def rewritten(events: list[RecordedEvent]) -> list[tuple[str, MessageRewritten]]:
    """The type of each message that was rewritten, and what the log says of it."""
    found = []
    for before, event in itertools.pairwise(events):
        marker = markers.decode(event.data) if event.source is Source.RECORDER else None
        if isinstance(marker, MessageRewritten):
            found.append((before.type, marker))
    return found


def rows(events: list[RecordedEvent], kind: type[Any]) -> list[Any]:
    latest = {
        tuple(getattr(row, name) for name in row.key): row for row in replay(events, RULES) if isinstance(row, kind)
    }
    return list(latest.values())


async def classic(url: str, events: list[str]) -> str:
    """The client of the old guide, word for word, on the SDK's own beta resource."""
    text = ""
    client = AsyncOpenAI(api_key="sk-test", websocket_base_url=url)
    async with client.beta.realtime.connect(model=MODEL) as connection:
        await connection.session.update(session={"modalities": ["text"]})
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say hello!"}]}
        )
        await connection.response.create()
        async for event in connection:
            events.append(event.type)
            if event.type == "response.text.delta":
                text += event.delta
            elif event.type == "response.done":
                break
    return text


async def test_the_classic_client_of_the_guide_completes(tmp_path: Path) -> None:
    events: list[str] = []
    async with translating(tmp_path) as relay:
        text = await within(classic(f"{relay.url}/v1", events), 20)
        await relay.closing()

    assert text == "Yes, I can hear you loud and clear. How can I help you today?"
    assert events[0] == "session.created"
    assert "conversation.item.created" in events
    assert not {"conversation.item.added", "conversation.item.done", "response.output_text.delta"} & set(events)


async def test_without_translation_the_same_client_is_refused(tmp_path: Path) -> None:
    async with (
        serve(SimulatorSettings(port=0, seed=1, beta=False)) as simulator,
        relaying(simulator.base_url.removesuffix("/v1"), tmp_path) as relay,
        beta_client(relay) as socket,
    ):
        [refusal] = await until(socket, "error")

    assert refusal["error"]["code"] == "beta_api_shape_disabled"


async def test_both_shapes_are_in_the_log_and_what_was_rewritten(tmp_path: Path) -> None:
    async with translating(tmp_path) as relay:
        async with beta_client(relay) as socket:
            await send(socket, "session.update", session={"modalities": ["text"], "temperature": 0.6})
            await send(socket, "response.create")
            heard = await until(socket, "response.done")
        await relay.closing()
        events = relay.events()

    assert [event.seq for event in events] == list(range(len(events)))
    opened = markers.decode(events[0].data)
    assert isinstance(opened, SessionOpened)
    assert (opened.beta, opened.model) == ("translate", MODEL)
    sent = msgspec.json.decode(next(event.data for event in events if event.type == "session.update"))
    assert sent["session"] == {"modalities": ["text"], "temperature": 0.6}
    became = {kind: marker for kind, marker in rewritten(events) if kind != "response.output_text.delta"}
    assert became["session.update"].to == "upstream"
    assert became["session.update"].data == {
        "type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]},
    }  # fmt: skip
    assert became["conversation.item.done"] == MessageRewritten(to="client")
    deltas = [marker for kind, marker in rewritten(events) if kind == "response.output_text.delta"]
    assert set(deltas) == {MessageRewritten(to="client", as_type="response.text.delta")}
    done = became["response.done"]
    assert done.data == heard[-1]
    assert done.data["response"]["modalities"] == ["text"]


async def test_nothing_is_counted_twice(tmp_path: Path) -> None:
    async with translating(tmp_path) as relay:
        async with beta_client(relay) as socket:
            await send(socket, "session.update", session={"turn_detection": None, "voice": "sage"})
            await send(socket, "response.create")
            heard = await until(socket, "response.done")
        await relay.closing()
        events = relay.events()

    [session], [turn], [response] = rows(events, Session), rows(events, Turn), rows(events, Response)
    assert (session.turns, session.responses, session.events_unknown, session.complete) == (1, 1, 0, True)
    assert (session.model, session.voice, session.turn_detection) == ("gpt-realtime", "sage", "none")
    deltas = [event["delta"] for event in heard if event["type"] == "response.audio.delta"]
    assert response.generated_ms == sum(len(base64.b64decode(delta)) for delta in deltas) / 48
    assert turn.perceived_latency_ms is not None
    counted = {source: sum(event.source is source for event in events) for source in (Source.CLIENT, Source.SERVER)}
    assert (session.events_client, session.events_server) == (counted[Source.CLIENT], counted[Source.SERVER])


async def test_a_spoken_turn_in_the_formats_of_that_time(tmp_path: Path) -> None:
    async with translating(tmp_path) as relay, beta_client(relay) as socket:
        formats = {"input_audio_format": "g711_ulaw", "output_audio_format": "g711_ulaw"}
        await send(socket, "session.update", session={**formats, "input_audio_transcription": {"model": "whisper-1"}})
        updated = (await until(socket, "session.updated"))[-1]["session"]
        sound = encode(spoken("ten_of_clubs", before_ms=200, after_ms=900), Format.PCMU)
        for start in range(0, len(sound), 800):
            await send(socket, "input_audio_buffer.append", audio=base64.b64encode(sound[start : start + 800]).decode())
        heard = await until(socket, "response.done")

    assert (updated["input_audio_format"], updated["output_audio_format"]) == ("g711_ulaw", "g711_ulaw")
    assert updated["input_audio_transcription"]["model"] == "whisper-1"
    assert updated["turn_detection"]["type"] == "server_vad"
    types = [event["type"] for event in heard]
    assert types.count("conversation.item.created") == 2
    assert "response.audio.delta" in types
    assert "response.audio_transcript.done" in types
    assert heard[-1]["response"]["output"][0]["content"][0]["type"] == "audio"


async def test_a_transcription_session_of_that_time(tmp_path: Path) -> None:
    async with translating(tmp_path) as relay, beta_client(relay, "intent=transcription") as socket:
        [created] = await until(socket, "transcription_session.created")
        await send(
            socket, "transcription_session.update", session={"input_audio_transcription": {"model": "whisper-1"}}
        )
        updated = (await until(socket, "transcription_session.updated"))[-1]

    assert created["session"]["input_audio_format"] == "pcm16"
    assert updated["session"]["input_audio_transcription"]["model"] == "whisper-1"


async def test_a_browser_asks_for_beta_by_subprotocol(tmp_path: Path) -> None:
    offered = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.sk-test"),
               Subprotocol("openai-beta.realtime-v1")]  # fmt: skip
    async with (
        translating(tmp_path) as relay,
        beta_client(relay, additional_headers={}, subprotocols=offered) as socket,
    ):
        [created] = await until(socket, "session.created")

    assert socket.subprotocol == "realtime"
    assert created["session"]["modalities"] == ["text", "audio"]


async def test_a_client_that_speaks_ga_gets_every_byte_as_it_was_sent(tmp_path: Path) -> None:
    headers = {"Authorization": "Bearer sk-test"}
    async with translating(tmp_path) as relay:
        async with beta_client(relay, "model=gpt-realtime", additional_headers=headers) as socket:
            [created] = await until(socket, "session.created")
        await relay.closing()

        assert created["session"]["output_modalities"] == ["audio"]
        assert rewritten(relay.events()) == []


async def test_an_error_names_the_clients_own_event(tmp_path: Path) -> None:
    async with translating(tmp_path) as relay, beta_client(relay) as socket:
        await send(socket, "session.update", event_id="mine", session={"voice": "nobody"})
        error = (await until(socket, "error"))[-1]["error"]

    assert error["event_id"] == "mine"


async def test_secrets_are_cut_out_of_what_was_rewritten_too(tmp_path: Path) -> None:
    tool = {"type": "mcp", "server_label": "x", "server_url": "https://x.example", "authorization": "top-secret-token"}
    async with translating(tmp_path) as relay:
        async with beta_client(relay) as socket:
            await send(socket, "session.update", session={"tools": [tool], "modalities": ["text"]})
            await until(socket, "session.created")
        await relay.closing()
        found = rewritten(relay.events())

        assert any(kind == "session.update" for kind, _ in found)
        assert b"top-secret-token" not in b"".join(event.data for event in relay.events())


# --- as a connection


@asynccontextmanager
async def before(script: Any, folder: Path, **settings: Any) -> AsyncIterator[Relaying]:
    async with upstream(script) as url, relaying(url, folder, beta="translate", **settings) as relay:
        yield relay


@pytest.mark.parametrize("message", ["no json", '["a list"]', '{"type": 7}', "{}", b"\x00binary"])
async def test_what_is_no_event_passes_as_it_is(tmp_path: Path, message: str | bytes) -> None:
    async with before(echo, tmp_path) as relay, beta_client(relay) as socket:
        await socket.send(message)

        assert await socket.recv() == message


async def test_fragments_become_one_message(tmp_path: Path) -> None:
    async with before(echo, tmp_path) as relay, beta_client(relay) as socket:
        await socket.send(iter(['{"type":', '"response.cancel"', "}"]))

        assert await socket.recv() == '{"type":"response.cancel"}'


async def test_a_large_append_passes(tmp_path: Path) -> None:
    audio = base64.b64encode(bytes(15 << 20)).decode()
    async with before(echo, tmp_path) as relay, beta_client(relay) as socket:
        await send(socket, "input_audio_buffer.append", audio=audio)
        back = msgspec.json.decode(await socket.recv())

    assert back["audio"] == audio


async def test_a_message_past_the_bound_closes_with_1009(tmp_path: Path) -> None:
    async with before(silent, tmp_path, message_max_mib=1) as relay:
        async with beta_client(relay) as socket:
            await socket.send("x" * (2 << 20))
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        ended = await relay.closing()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    assert (ended.closed_by, ended.code) == ("client", 1009)


async def test_pings_of_either_side_keep_both_awake(tmp_path: Path) -> None:
    seen = asyncio.Event()

    async def pinging(socket: ServerConnection) -> None:
        await (await socket.ping())
        seen.set()
        await silent(socket)

    async with before(pinging, tmp_path) as relay, beta_client(relay) as socket:
        await within(seen.wait())
        await within(await socket.ping())


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (3000, "invalid_request_error.invalid_api_key"), (4004, "x")])
async def test_the_servers_close_reaches_the_client_with_its_reason(tmp_path: Path, code: int, reason: str) -> None:
    async def closing(socket: ServerConnection) -> None:
        await socket.close(code, reason)

    async with before(closing, tmp_path) as relay:
        async with beta_client(relay) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        ended = await relay.closing()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)
    assert (ended.closed_by, ended.code) == ("server", code)


async def test_the_clients_close_reaches_the_server(tmp_path: Path) -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def noting(socket: ServerConnection) -> None:
        await socket.wait_closed()
        codes.put_nowait(socket.close_code)

    async with before(noting, tmp_path) as relay:
        async with beta_client(relay) as socket:
            await socket.close(4321, "enough")
        assert await within(codes.get()) == 4321
        ended = await relay.closing()

    assert (ended.closed_by, ended.code, ended.reason) == ("client", 4321, "enough")


async def test_an_upstream_that_vanishes_is_told_as_lost(tmp_path: Path) -> None:
    async def vanishing(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with before(vanishing, tmp_path) as relay:
        async with beta_client(relay) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        ended = await relay.closing()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, "upstream connection lost")
    assert (ended.closed_by, ended.code) == ("server", 1006)


async def test_a_client_that_vanishes_is_told_as_lost(tmp_path: Path) -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def noting(socket: ServerConnection) -> None:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        codes.put_nowait(socket.close_code)

    async with before(noting, tmp_path) as relay:
        async with beta_client(relay) as socket:
            socket.transport.abort()
        assert await within(codes.get()) == 1011
        ended = await relay.closing()

    assert (ended.closed_by, ended.code) == ("client", 1006)


async def test_a_draining_worker_says_goodbye(tmp_path: Path) -> None:
    async with before(silent, tmp_path) as relay, beta_client(relay) as socket:
        await send(socket, "response.cancel")
        draining = asyncio.ensure_future(relay.relay.drain(0))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        await within(draining)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def test_a_limit_ends_it_as_any_other_call(tmp_path: Path) -> None:
    async with before(silent, tmp_path, limit_minutes=0.005) as relay:
        async with beta_client(relay) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        ended = await relay.closing()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4410
    assert ended.closed_by == "recorder"


async def test_a_mistake_of_ours_in_recording_does_not_reach_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("ingest.session_recording.SessionRecording.see", broken)
    async with before(echo, tmp_path) as relay, beta_client(relay) as socket:
        await send(socket, "response.cancel")

        assert msgspec.json.decode(await socket.recv()) == {"type": "response.cancel"}
