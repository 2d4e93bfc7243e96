"""Short ways to say rows, events and datasets; what a test doesn't name doesn't matter to it."""

import base64
import json
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ingest import markers
from ingest.envelope import RecordedEvent, Source, encode, new_session_id
from pipeline.archive import archived
from pipeline.dataset import Reader
from pipeline.dataset_schemas import EVENT_AUDIO, EVENTS, FACTS, key_of, table_of
from pipeline.dataset_store import Where
from pipeline.dataset_writer import Batch, Writer
from pipeline.domain import facts
from pipeline.replay_sessions import fold_events
from pipeline.runner import default_step

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def session_id(number: int = 1, opened_at: datetime = NOON) -> str:
    """The id of a session; higher numbers opened later."""
    return new_session_id(int(opened_at.timestamp() * 1e9) + number * 1_000_000, number)


def session_row(session: str, version: int = 0, **changes: object) -> facts.Session:
    row = facts.Session(
        session_id=session,
        version=version,
        status="open",
        source="relay",
        worker="w1",
        opened_at=NOON,
        last_event_at=NOON,
        duration_ms=0.0,
    )
    return msgspec.structs.replace(row, **changes)


def turn_row(session: str, turn_index: int = 0, version: int = 0, **changes: object) -> facts.Turn:
    row = facts.Turn(
        session_id=session,
        version=version,
        turn_index=turn_index,
        status="open",
        input_kind="speech",
        opened_at=NOON,
        opened_elapsed_ms=0.0,
    )
    return msgspec.structs.replace(row, **changes)


def event(session: str, seq: int, message: bytes | dict[str, object], source: Source = Source.CLIENT) -> RecordedEvent:
    data = message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode()
    try:
        kind = str(json.loads(data)["type"])
    except (ValueError, KeyError, TypeError):
        kind = "untyped"
    return RecordedEvent(
        session_id=session,
        seq=seq,
        elapsed_ns=seq * 20_000_000,
        seen_at_ns=time.time_ns(),
        source=source,
        type=kind,
        worker="w1",
        data=data,
    )


def append(audio: bytes) -> dict[str, object]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}


def delta(audio: bytes, response_id: str = "resp_1", item_id: str = "item_1") -> dict[str, object]:
    return {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": response_id,
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode(audio).decode(),
    }


def batch(rows: Iterable[facts.Row] = (), events: Sequence[RecordedEvent] = (), position: int = 1) -> Batch:
    """Rows and events that all came with the line that ends at that position of w1's journal."""
    made = Batch()
    for row in rows:
        made.add(FACTS[table_of(row)], row, "w1", position)
    for seen in events:
        found = archived(seen, position)
        made.add(EVENTS, found.event, "w1", position)
        if found.audio is not None:
            made.add(EVENT_AUDIO, found.audio, "w1", position)
    made.reached("w1", position)
    return made


def journal(data_dir: Path, events: Iterable[RecordedEvent], worker: str = "w1") -> int:
    """Append the events to a worker's only segment, as the recorder does; gives the position behind them."""
    folder = data_dir / "journal" / worker
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "0000000001.jsonl"
    with path.open("ab") as file:
        file.write(b"".join(encode(seen) + b"\n" for seen in events))
    return 1 << 40 | path.stat().st_size


def rows_of(dataset_dir: Where, table: str) -> list[dict[str, object]]:
    """All rows of a view, in the order of their columns."""
    reader = Reader(dataset_dir)
    try:
        found: list[dict[str, object]] = reader.query(f"select * from {table} order by all").to_pylist()
        return found
    finally:
        reader.close()


def all_rows(dataset_dir: Where) -> dict[str, list[dict[str, object]]]:
    """All rows of all fact tables."""
    return {name: rows_of(dataset_dir, name) for name in FACTS}


def written(dataset_dir: Where, *batches: Batch) -> None:
    """A dataset that holds these batches."""
    writer = Writer.open(dataset_dir)
    for each in batches:
        writer.commit(each)
    writer.close()


def story(session: str, turns: int = 2, *, closed: bool = True, audio: bytes = b"\1\2" * 2400) -> list[RecordedEvent]:
    """A call: each turn is half a second of speech, and an answer of half a second."""
    client, server, recorder = Source.CLIENT, Source.SERVER, Source.RECORDER
    opened = markers.SessionOpened(mode="relay", path="/v1/realtime?model=gpt-realtime", worker="w1")
    messages: list[tuple[bytes | dict[str, object], Source]] = [
        (markers.encode(opened), recorder),
        ({"type": "session.created", "session": CONFIGURED}, server),
    ]
    for turn in range(turns):
        user, answer = f"user_{turn}", f"resp_{turn}"
        messages += [(append(audio), client)] * 5
        messages += [
            ({"type": "input_audio_buffer.speech_started", "audio_start_ms": turn * 500, "item_id": user}, server),
            ({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": turn * 500 + 500, "item_id": user}, server),
            ({"type": "input_audio_buffer.committed", "item_id": user}, server),
            ({"type": "response.created", "response": {"id": answer, "status": "in_progress"}}, server),
        ]
        messages += [(delta(audio, answer, f"agent_{turn}"), server)] * 5
        messages += [
            (
                {
                    "type": "response.done",
                    "response": {"id": answer, "status": "completed", "output": [], "usage": USAGE},
                },
                server,
            )
        ]
    if closed:
        messages += [(markers.encode(markers.SessionClosed(closed_by="client", code=1000)), recorder)]
    return [event(session, seq, message, source) for seq, (message, source) in enumerate(messages)]


CONFIGURED = {
    "id": "sess_1",
    "model": "gpt-realtime",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 200},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"},
    },
}
USAGE = {
    "total_tokens": 30,
    "input_tokens": 10,
    "output_tokens": 20,
    "input_token_details": {"text_tokens": 5, "audio_tokens": 5, "cached_tokens": 0},
    "output_token_details": {"text_tokens": 5, "audio_tokens": 15},
}


def folded(events: Iterable[RecordedEvent]) -> dict[str, dict[tuple[object, ...], dict[str, object]]]:
    """The rows that a log gives, by table and key: from the pure fold alone."""
    rows: dict[str, dict[tuple[object, ...], dict[str, object]]] = {name: {} for name in FACTS}
    for fact in fold_events(events, default_step()):
        table = FACTS[table_of(fact)]
        columns = msgspec.structs.fields(fact)
        rows[table.name][key_of(table, fact)] = {field.encode_name: getattr(fact, field.name) for field in columns}
    return rows


def stored(dataset_dir: Where) -> dict[str, dict[tuple[object, ...], dict[str, object]]]:
    """The rows that a dataset holds, by table and key, without what the views add. Fails where a key comes twice."""
    rows: dict[str, dict[tuple[object, ...], dict[str, object]]] = {}
    for name, found in all_rows(dataset_dir).items():
        table = FACTS[name]
        rows[name] = {
            tuple(row[column] for column in table.key): {column: row[column] for column in table.columns.names}
            for row in found
        }
        assert len(rows[name]) == len(found), f"{name}: a key twice"
    return rows
