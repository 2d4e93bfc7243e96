"""Every way in that a recorder serves ends in the same tables: one query over all of them."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai import AsyncOpenAI

from calltape import importing
from calltape.settings import ImportSettings
from ingest.envelope import encode
from pipeline import runner
from pipeline.archive_reader import ArchiveReader
from pipeline.dataset import Reader
from pipeline.settings import PipelineSettings
from tests.ingest.relay_world import Relaying
from tests.ingest.test_limits import endings
from tests.ingest.test_webhooks import TELEPHONE, ring
from tests.ingest.test_webrtc import SESSION, World, seen, world
from tests.pipeline.builders import all_rows
from tests.simulator.calling import web_call

BY_SOURCE = """
select
    source, count(*)::int as sessions, count(*) filter (complete)::int as complete, sum(turns)::int as turns,
    sum(audio_in_ms) as audio_in_ms, any_value(audio_reason) as audio_reason,
    sum(billed_usd_nanos)::bigint as billed, sum(unpriced)::int as unpriced
from sessions group by source order by source
"""
PLAYED = """
select count(*)::int as turns, count(perceived_latency_ms)::int as perceived, any_value(latency_basis) as basis,
    count(playout_end_elapsed_ms)::int as heard_out, count(*) filter (turns.status = 'closed')::int as closed
from turns join sessions using (session_id) where source = 'sideband' and input_kind = 'speech'
"""


class BySource(msgspec.Struct, frozen=True):
    source: str
    sessions: int
    complete: int
    turns: int
    audio_in_ms: float | None
    audio_reason: str | None
    billed: int
    unpriced: int


async def test_one_query_over_all_ways_in_says_what_each_leg_could_not_see(tmp_path: Path) -> None:
    sip = {"*": {"action": "accept", "session": {"model": "gpt-realtime"}}}
    async with world(tmp_path, sip=sip, sideband_ask_configuration=True, **TELEPHONE) as here:
        await ring(here)
        await _relayed(here)
        async with web_call(f"{here.http}/realtime/calls", session=SESSION) as call:
            await seen(here.relay, "upstream.connected")
            await call.ask("hello")
            await call.until("output_audio_buffer.stopped")
        await _ended(here.relay, 3)
    await asyncio.to_thread(_imported, tmp_path, _elsewhere(tmp_path))
    await asyncio.to_thread(_fold, tmp_path, 4)
    imported, relay, sideband = (BySource(*row) for row in _asked(tmp_path, BY_SOURCE))
    [(turns, perceived, basis, heard_out, closed)] = _asked(tmp_path, PLAYED)

    assert (relay.source, relay.sessions, relay.complete) == ("relay", 1, 1)
    assert (sideband.sessions, sideband.complete, sideband.turns) == (2, 2, 2)
    assert relay.audio_in_ms is not None
    # The sound went elsewhere: there is no length of it, and the row says why.
    assert (sideband.audio_in_ms, sideband.audio_reason) == (None, "audio_elsewhere")
    assert sideband.billed > 0
    assert sideband.unpriced == 0
    # A log of elsewhere that knows no times: what it says is counted, what takes time is not known.
    assert (imported.source, imported.sessions, imported.complete, imported.turns) == ("import", 1, 1, 1)
    assert imported.audio_reason == "no_times"
    # The telephone call's spoken turn: its latency is the player's word.
    assert (turns, perceived, basis, heard_out, closed) == (1, 1, "playout", 1, 1)

    steered = _asked(tmp_path, 'select action, "by", status from steering order by "at"')
    assert ("accept", "policy", 200) in steered

    await asyncio.to_thread(_the_same_again, tmp_path, tmp_path / "again")


def _elsewhere(folder: Path) -> Path:
    """A log as somebody else's program might keep it."""
    log = folder / "elsewhere.jsonl"
    response = {"id": "resp_1", "status": "in_progress", "output": []}
    events = [
        ("server", {"type": "session.created", "session": {"type": "realtime", "model": "gpt-realtime"}}),
        ("client", {"type": "response.create"}),
        ("server", {"type": "response.created", "response": response}),
        ("server", {"type": "response.done", "response": response | {"status": "completed", "usage": None}}),
    ]
    lines = [msgspec.json.encode({"direction": direction, "event": event}) for direction, event in events]
    log.write_bytes(b"\n".join(lines))
    return log


def _imported(data_dir: Path, *files: Path) -> None:
    assert importing.run(ImportSettings(files=[str(each) for each in files], data_dir=data_dir)) == 0


def _the_same_again(data_dir: Path, other: Path) -> None:
    """What was exported as JSON lines and imported elsewhere gives every row anew, and no row twice."""
    sessions = [session_id for (session_id,) in _asked(data_dir, "select session_id from sessions")]
    reader = Reader(data_dir / "dataset")
    exported = [data_dir / f"{session_id}.jsonl" for session_id in sessions]
    for session_id, file in zip(sessions, exported, strict=True):
        events = ArchiveReader(reader).events(session_id)
        file.write_bytes(b"".join(encode(found.event) + b"\n" for found in events))
    reader.close()
    _imported(other, *exported)
    _imported(other, *exported)
    _fold(other, len(sessions))

    assert all_rows(other / "dataset") == all_rows(data_dir / "dataset")


async def _relayed(here: World) -> None:
    client = AsyncOpenAI(api_key="sk-1", websocket_base_url=here.relay.url + "/v1")
    async with client.realtime.connect(model="gpt-realtime") as connection:
        item: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        async for event in connection:
            if event.type == "response.done":
                break


async def _ended(relay: Relaying, sessions: int) -> None:
    async with asyncio.timeout(150):
        while len(endings(relay)) < sessions:  # noqa: ASYNC110  # the journal is a file: nothing else to wait on
            await asyncio.sleep(0.02)


def _fold(data_dir: Path, sessions: int) -> None:
    """Let the pipeline work until all sessions are in the tables."""
    stop = threading.Event()
    work = threading.Thread(target=runner.run, args=(PipelineSettings(data_dir=data_dir),), kwargs={"stop": stop})
    work.start()
    try:
        for _ in range(1_200):
            try:
                [(closed,)] = _asked(data_dir, "select count(*) from sessions where status = 'closed'")
            except Exception:  # noqa: BLE001  # there is no dataset yet
                closed = 0
            if closed == sessions:
                return
            time.sleep(0.1)  # rows appear in files: there is nothing to wait on
        pytest.fail("the rows did not come")
    finally:
        stop.set()
        work.join()


def _asked(data_dir: Path, statement: str) -> list[tuple[Any, ...]]:
    reader = Reader(data_dir / "dataset")
    try:
        return reader.cursor().sql(statement).fetchall()
    finally:
        reader.close()
