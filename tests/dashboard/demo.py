"""Made-up calls in a real dataset, for tests of the dashboard: each call is a small story told by a seed.

The rows are made by hand, so that the dashboard's tests don't stand on the fold; the events are such as the journal
holds, archived and read back by the pipeline's own code.
"""

import json
import math
import random
from array import array
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
import pybase64

from ingest.envelope import RecordedEvent, Source, new_session_id
from pipeline.archive import archived
from pipeline.dataset_schemas import TABLES, table_of
from pipeline.dataset_writer import Batch, Writer
from pipeline.domain import facts
from pipeline.domain.prices import nanos, token_bill
from pipeline.domain.usage import TokenCounts
from pipeline.price_lists import default_rules
from pipeline.status import Status, WorkerStatus, write_status

R = TypeVar("R", bound=facts.Row)

NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
"""When the calls were, long before any test runs."""
MODELS = ("gpt-realtime", "gpt-realtime-mini")
SAID = (
    ("I would like to move my appointment to Thursday.", "Of course. Which time on Thursday suits you best?"),
    ("Is there anything before ten?", "There is a slot at half past nine. Shall I book it?"),
    ("Yes, and please send me a reminder.", "Done. You will get a message the evening before."),
    ("What does the first visit cost?", "The first visit is free; later visits are forty dollars."),
    ("Thank you, that is all.", "You are welcome. Goodbye!"),
)
BYTES_PER_MS = 48
BILLED = default_rules().billed


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call: its rows by kind and its events."""

    rows: list[facts.Row]
    events: list[RecordedEvent]

    @property
    def session(self) -> facts.Session:
        [found] = [row for row in self.rows if isinstance(row, facts.Session)]
        return found


def calls(count: int, *, seed: int = 7, until: datetime = NOW, every: timedelta = timedelta(minutes=7)) -> list[Call]:
    """Calls that opened one after another, the last shortly before `until`; the youngest one is still open."""
    chance = random.Random(seed)
    opened = [until - every * (count - place) for place in range(count)]
    return [call(chance, at, live=place == count - 1 and count > 1) for place, at in enumerate(opened)]


def call(chance: random.Random, opened_at: datetime, *, live: bool = False) -> Call:
    """One call of some turns; perhaps with a tool call, an interruption, an error, a gap."""
    story = _Story(chance=chance, opened_at=opened_at, live=live)
    return story.told()


class _Story:
    """Builds one call turn by turn. Times are milliseconds since the session opened."""

    def __init__(self, *, chance: random.Random, opened_at: datetime, live: bool) -> None:
        self.chance, self.opened_at, self.live = chance, opened_at, live
        self.session_id = new_session_id(int(opened_at.timestamp() * 1e9), chance.getrandbits(74))
        self.model = chance.choice(MODELS)
        self.rows: list[facts.Row] = []
        self.events: list[RecordedEvent] = []
        self.clock = 0.0

    def told(self) -> Call:
        self.event("recorder", "session.opened", {"mode": "relay", "path": f"/v1/realtime?model={self.model}"})
        self.clock = 180.0
        self.event("server", "session.created", {"session": {"model": self.model}})
        for index in range(self.chance.randint(2, 4) if not self.live else 2):
            self.turn(index)
        if not self.live:
            self.clock += 400
            self.event("recorder", "session.closed", {"closed_by": "client", "code": 1000})
        self.rows.append(self.summary())
        return Call(rows=self.rows, events=self.events)

    def at(self, elapsed_ms: float) -> datetime:
        return self.opened_at + timedelta(milliseconds=elapsed_ms)

    def event(self, source: str, kind: str, data: dict[str, object], audio: bytes | None = None) -> int:
        if audio is not None:
            member = "audio" if source == "client" else "delta"
            data = data | {member: pybase64.b64encode(audio).decode()}
        seq = len(self.events)
        self.events.append(
            RecordedEvent(
                session_id=self.session_id,
                seq=seq,
                elapsed_ns=int(self.clock * 1e6),
                seen_at_ns=int(self.at(self.clock).timestamp() * 1e6) * 1000,
                source=Source(source),
                type=kind,
                worker="demo",
                data=json.dumps({"type": kind, **data}).encode(),
            )
        )
        return seq

    def turn(self, index: int) -> None:
        started = self.clock + 600
        spoken = float(self.chance.randint(900, 2600))
        self.stream_speech(until=started + spoken + 500)
        self.clock = started + spoken + 500
        stopped = self.clock
        seq = self.event("server", "input_audio_buffer.speech_stopped", {"audio_end_ms": round(stopped)})
        model = max(120.0, self.chance.lognormvariate(math.log(380), 0.45))
        self.clock = stopped + 40
        created = self.event("server", "response.created", {"response": {"id": self.response_id(index)}})
        self.clock += model
        first = self.clock
        generated = float(self.chance.randint(1500, 4000))
        cut = self.chance.random() < 0.25
        heard = generated * 0.4 if cut else generated
        self.stream_answer(index, generated)
        done = self.event("server", "response.done", {"response": {"id": self.response_id(index)}})
        done_ms = self.clock
        open_turn = self.live and index == 1
        self.rows.append(
            facts.Turn(
                session_id=self.session_id,
                version=done,
                turn_index=index,
                status="open" if open_turn else "closed",
                input_kind="speech",
                speech_ended_by="server_vad",
                model=self.model,
                opened_at=self.at(started),
                opened_elapsed_ms=started,
                speech_started_elapsed_ms=started,
                speech_ended_elapsed_ms=stopped - 500,
                speech_stopped_elapsed_ms=stopped,
                user_speech_ms=spoken,
                first_output_elapsed_ms=first,
                playout_end_elapsed_ms=first + heard,
                closed_elapsed_ms=None if open_turn else first + heard,
                first_output_kind="audio",
                endpointing_ms=500.0,
                wire_latency_ms=first - stopped,
                perceived_latency_ms=first - stopped + 500,
                model_latency_ms=model,
                latency_basis="append_clock",
                responses=1,
                interrupted=cut,
                generated_ms=generated,
                heard_ms=heard,
                unheard_ms=generated - heard,
            )
        )
        self.rows.append(
            facts.Response(
                session_id=self.session_id,
                version=done,
                response_id=self.response_id(index),
                seq=created,
                turn_index=index,
                model=self.model,
                status="cancelled" if cut else "completed",
                status_reason="turn_detected" if cut else None,
                created_at=self.at(stopped + 40),
                created_elapsed_ms=stopped + 40,
                first_output_elapsed_ms=first,
                first_output_kind="audio",
                done_elapsed_ms=done_ms,
                playout_end_elapsed_ms=first + heard,
                model_latency_ms=model,
                output_items=1,
                generated_ms=generated,
                heard_ms=heard,
                unheard_ms=generated - heard,
                heard_basis="truncate" if cut else "playout",
                input_tokens=210,
                output_tokens=120,
                output_audio_tokens=100,
                output_text_tokens=20,
            )
        )
        self.words(index, seq, stopped, done_ms)
        self.price(created, index, generated)
        if index == 0:
            self.tool(seq, index, first)
        if cut:
            self.interruption(index, first + heard, generated, heard)
        self.clock = max(self.clock, first + heard)

    def response_id(self, index: int) -> str:
        return f"resp_{self.session_id[-4:]}_{index}"

    def stream_speech(self, *, until: float) -> None:
        while self.clock < until:
            self.clock += 100
            self.event("client", "input_audio_buffer.append", {}, tone(100, 220, 4000))

    def stream_answer(self, index: int, generated: float) -> None:
        left = generated
        while left > 0:
            piece = min(left, 250.0)
            data: dict[str, object] = {"response_id": self.response_id(index)}
            self.event("server", "response.output_audio.delta", data, tone(piece, 330, 6000))
            self.clock += 25
            left -= piece

    def words(self, index: int, seq: int, stopped: float, done_ms: float) -> None:
        user, agent = SAID[index % len(SAID)]
        shared = {"session_id": self.session_id, "version": seq, "content_index": 0, "turn_index": index}
        self.rows.append(
            facts.Transcript(
                **shared,  # type: ignore[arg-type]
                item_id=f"item_u{index}",
                role="user",
                kind="audio",
                text=user,
                at=self.at(stopped + 300),
                elapsed_ms=stopped + 300,
            )
        )
        self.rows.append(
            facts.Transcript(
                **shared,  # type: ignore[arg-type]
                item_id=f"item_a{index}",
                role="agent",
                kind="audio",
                text=agent,
                response_id=self.response_id(index),
                at=self.at(done_ms),
                elapsed_ms=done_ms,
            )
        )

    def price(self, seq: int, index: int, generated: float) -> None:
        unknown = self.model == "gpt-realtime-mini" and index == 1
        counts = TokenCounts(text_in=60, audio_in=150, audio_cached=64, audio_out=100, text_out=20)
        metered = nanos(round(generated * 1e6), 240_000_000) + 60 * 5_000 + 20 * 20_000
        billed = None if unknown else token_bill(BILLED, self.model, counts, self.opened_at.date()).usd_nanos
        self.rows.append(
            facts.Cost(
                session_id=self.session_id,
                version=seq,
                seq=seq,
                kind="response",
                at=self.at(self.clock),
                response_id=self.response_id(index),
                turn_index=index,
                model=self.model,
                audio_ms=generated,
                input_text_tokens=60,
                input_audio_tokens=150,
                cached_audio_tokens=64,
                output_audio_tokens=100,
                output_text_tokens=20,
                metered_usd_nanos=metered,
                metered_list="legacy-2024-10",
                billed_usd_nanos=billed,
                billed_list=BILLED.name,
                billed_reason="no_usage" if unknown else None,
            )
        )
        self.rows.append(
            facts.AudioMinute(
                session_id=self.session_id,
                version=seq,
                minute=self.at(0).replace(second=0, microsecond=0) + timedelta(minutes=index),
                model=self.model,
                audio_in_ms=2000.0,
                generated_ms=generated,
                heard_ms=generated,
                metered_usd_nanos=metered,
                billed_usd_nanos=billed or 0,
                unpriced=int(unknown),
            )
        )

    def tool(self, seq: int, index: int, first: float) -> None:
        self.rows.append(
            facts.ToolCall(
                session_id=self.session_id,
                version=seq,
                call_id=f"call_{self.session_id[-4:]}",
                seq=seq,
                kind="function",
                name="find_slot",
                arguments='{"day": "Thursday", "before": "10:00"}',
                output='{"slot": "09:30"}',
                status="answered",
                turn_index=index,
                at=self.at(first - 150),
                arguments_done_elapsed_ms=first - 150,
                output_elapsed_ms=first - 60,
                tool_wait_ms=90.0,
                after_tool_ms=60.0,
            )
        )

    def interruption(self, index: int, at_ms: float, generated: float, heard: float) -> None:
        words = self.chance.random() < 0.7
        self.rows.append(
            facts.Interruption(
                session_id=self.session_id,
                version=len(self.events),
                seq=self.event("server", "input_audio_buffer.speech_started", {"audio_start_ms": round(at_ms)}),
                class_="barge_in" if words else "false_interruption",
                turn_index=index,
                response_id=self.response_id(index),
                at=self.at(at_ms),
                elapsed_ms=at_ms - 250,
                position_in_response_ms=heard - 250,
                overlap_ms=250.0,
                yielded=True,
                yielded_by="truncated",
                time_to_yield_ms=250.0,
                generated_ms=generated,
                heard_ms=heard,
                unheard_ms=generated - heard,
                unheard_usd_nanos=round((generated - heard) / 60_000 * 0.24e9),
                reason="a user turn with words followed" if words else "no words followed within 2.0 s",
                yield_window_ms=2000,
                speech_min_ms=1000,
                transcript_wait_ms=10_000,
            )
        )

    def summary(self) -> facts.Session:
        turns = [row for row in self.rows if isinstance(row, facts.Turn)]
        costs = [row for row in self.rows if isinstance(row, facts.Cost)]
        lost = not self.live and self.chance.random() < 0.1
        if lost:
            self.events = [event for event in self.events if event.seq not in {2, 3, 4}]
            self.rows.append(
                facts.Gap(
                    session_id=self.session_id,
                    version=3,
                    seq=2,
                    count=3,
                    reason="disk_full",
                    at=self.at(500),
                )
            )
        failed = self.chance.random() < 0.15
        if failed:
            self.rows.append(
                facts.SessionError(
                    session_id=self.session_id,
                    version=6,
                    seq=6,
                    kind="error_event",
                    code="input_audio_buffer_commit_empty",
                    error_type="invalid_request_error",
                    message="buffer too small: expected at least 100 ms of audio",
                    at=self.at(900),
                    elapsed_ms=900.0,
                )
            )
        return facts.Session(
            session_id=self.session_id,
            version=len(self.events) - 1,
            status="open" if self.live else "closed",
            source="relay",
            worker="demo",
            upstream_session_id=f"sess_{self.session_id[-6:]}",
            upstream_host="api.openai.com",
            path=f"/v1/realtime?model={self.model}",
            model=self.model,
            api_shape="ga",
            opened_at=self.opened_at,
            last_event_at=self.at(self.clock),
            duration_ms=self.clock,
            turn_detection="server_vad",
            silence_duration_ms=500,
            voice="marin",
            input_format="audio/pcm",
            output_format="audio/pcm",
            events_client=sum(event.source == "client" for event in self.events),
            events_server=sum(event.source == "server" for event in self.events),
            events_recorder=sum(event.source == "recorder" for event in self.events),
            turns=len(turns),
            responses=len(turns),
            interruptions=sum(turn.interrupted for turn in turns),
            tool_calls=1,
            errors=int(failed),
            audio_in_ms=sum(turn.user_speech_ms or 0 for turn in turns),
            generated_ms=sum(turn.generated_ms or 0 for turn in turns),
            heard_ms=sum(turn.heard_ms or 0 for turn in turns),
            metered_usd_nanos=sum(cost.metered_usd_nanos or 0 for cost in costs),
            billed_usd_nanos=sum(cost.billed_usd_nanos or 0 for cost in costs),
            unpriced=sum(cost.billed_usd_nanos is None for cost in costs),
            closed_by=None if self.live else "client",
            close_code=None if self.live else 1000,
            events_lost=3 if lost else 0,
            complete=not self.live and not lost,
            incomplete_reason="open" if self.live else "gap" if lost else None,
        )


def tone(duration_ms: float, hertz: int, loudness: int) -> bytes:
    """PCM16 mono at 24 kHz."""
    samples = int(duration_ms * BYTES_PER_MS) // 2
    step = 2 * math.pi * hertz / 24_000
    return array("h", (int(loudness * math.sin(step * place)) for place in range(samples))).tobytes()


def write(data_dir: Path, told: Iterable[Call], position: int = 1) -> None:
    """Put the calls into the dataset of a data directory, as the pipeline would, with a status of this moment."""
    calls_ = list(told)
    batch = Batch()
    for call_ in calls_:
        for event in call_.events:
            kept = archived(event, journal_position=position)
            batch.add(TABLES["events"], kept.event, "demo", position)
            if kept.audio is not None:
                batch.add(TABLES["event_audio"], kept.audio, "demo", position)
        for row in call_.rows:
            batch.add(TABLES[table_of(row)], row, "demo", position)
    batch.reached("demo", position)
    writer = Writer.open(data_dir / "dataset")
    writer.commit(batch)
    writer.close()
    write_status(data_dir / "dataset", running(datetime.now(UTC)))


def running(at: datetime) -> Status:
    """What a pipeline says that keeps up."""
    return Status(
        state="running",
        pid=1,
        at=at,
        started_at=at - timedelta(hours=1),
        last_commit_at=at,
        commits=10,
        events=1_000,
        rows=200,
        workers={"demo": WorkerStatus(position=1, behind_bytes=0)},
    )


def rows_of(found: Iterable[Call], kind: type[R]) -> list[R]:
    """All rows of one kind."""
    return [row for one in found for row in one.rows if isinstance(row, kind)]
