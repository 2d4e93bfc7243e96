"""Stories: a session told one event a line, in milliseconds, and the rows that the fold makes of it.

story = Story().opened().configured(silence_ms=200)
story.at(100).append(100, times=20)
story.at(2300).server("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
[turn] = rows(story)["turns"].values()
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Any, Self

import msgspec

from ingest.envelope import UNTYPED, RecordedEvent, Source
from pipeline.domain.facts import TABLES, Fact
from pipeline.domain.fold import Rules, SessionState, dump, load, step
from pipeline.price_lists import default_rules

NS_PER_MS = 1_000_000
OPENED_AT_NS = 1_790_000_000_000_000_000
"""2026-09-21T14:13:20Z: 20 seconds into a minute."""

RULES = default_rules()

Key = tuple[object, ...]
Rows = dict[str, dict[Key, Any]]
"""Table -> key -> the row that holds."""

_TABLE_OF = {row: table for table, row in TABLES.items()}


class Story:
    """Builds the events of one session. Each call adds what happens next, at the time last set."""

    def __init__(self, session_id: str = "s1") -> None:
        self.session_id = session_id
        self.events: list[RecordedEvent] = []
        self.now_ms: float = 0
        self.clock_ms: float = 0
        """By how much the wall clock was set, forwards or back."""
        self.next_seq = 0

    def at(self, ms: float) -> Self:
        """What follows happens at this time since the session opened."""
        self.now_ms = ms
        return self

    def after(self, ms: float) -> Self:
        self.now_ms += ms
        return self

    def lose(self, count: int) -> Self:
        """Events that were seen and never logged."""
        self.next_seq += count
        return self

    # --- who says it

    def client(self, type_: str, **fields: Any) -> Self:
        return self.said(Source.CLIENT, type_, msgspec.json.encode({"type": type_, **fields}))

    def server(self, type_: str, **fields: Any) -> Self:
        return self.said(Source.SERVER, type_, msgspec.json.encode({"type": type_, **fields}))

    def recorder(self, type_: str, **fields: Any) -> Self:
        return self.said(Source.RECORDER, type_, msgspec.json.encode({"type": type_, **fields}))

    def said(self, source: Source, type_: str = UNTYPED, data: bytes = b"{}") -> Self:
        elapsed_ns = round(self.now_ms * NS_PER_MS)
        self.events.append(
            RecordedEvent(
                session_id=self.session_id,
                seq=self.next_seq,
                elapsed_ns=elapsed_ns,
                seen_at_ns=OPENED_AT_NS + elapsed_ns + round(self.clock_ms * NS_PER_MS),
                source=source,
                type=type_,
                worker="w1",
                data=data,
            )
        )
        self.next_seq += 1
        return self

    # --- what is often said

    def opened(self, mode: str = "relay", **fields: Any) -> Self:
        return self.recorder("session.opened", mode=mode, path="/v1/realtime?model=gpt-realtime", **fields)

    def configured(self, **changes: Any) -> Self:
        return self.server("session.created", session=ga_session(**changes))

    def reconfigured(self, **changes: Any) -> Self:
        return self.server("session.updated", session=ga_session(**changes))

    def append(self, ms: float, *, times: int = 1, every_ms: float | None = None, bytes_per_ms: int = 48) -> Self:
        """Input audio, in real time unless `every_ms` says otherwise; the clock stands at the last append after it."""
        for index in range(times):
            if index:
                self.after(ms if every_ms is None else every_ms)
            self.client("input_audio_buffer.append", audio=audio(round(ms * bytes_per_ms)))
        return self

    def speech_started(self, item_id: str, audio_start_ms: float | None = None) -> Self:
        return self.server("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=audio_start_ms)

    def speech_stopped(self, item_id: str, audio_end_ms: float | None = None) -> Self:
        return self.server("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=audio_end_ms)

    def committed(self, item_id: str) -> Self:
        return self.server("input_audio_buffer.committed", item_id=item_id)

    def transcribed(self, item_id: str, transcript: str, **usage: Any) -> Self:
        return self.server(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            content_index=0,
            transcript=transcript,
            usage=usage or {"type": "duration", "seconds": 1},
        )

    def user_writes(self, text: str, item_id: str | None = None) -> Self:
        item: dict[str, Any] = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        return self.client("conversation.item.create", item=item | ({"id": item_id} if item_id else {}))

    def created(self, response_id: str, **fields: Any) -> Self:
        response = {"id": response_id, "status": "in_progress", "conversation_id": "conv_1", **fields}
        return self.server("response.created", response=response)

    def speaks(self, response_id: str, ms: float, *, item_id: str = "", bytes_per_ms: int = 48) -> Self:
        """An audio delta of so many milliseconds."""
        return self.server(
            "response.output_audio.delta",
            response_id=response_id,
            item_id=item_id or f"{response_id}_item",
            delta=audio(round(ms * bytes_per_ms)),
        )

    def writes(self, response_id: str, text: str) -> Self:
        return self.server("response.output_text.delta", response_id=response_id, delta=text)

    def done(self, response_id: str, status: str = "completed", **fields: Any) -> Self:
        fields = {"usage": usage(), **fields}
        return self.server("response.done", response={"id": response_id, "status": status, **fields})

    def cancelled(self, response_id: str, reason: str = "turn_detected", **fields: Any) -> Self:
        return self.done(response_id, "cancelled", status_details={"type": "cancelled", "reason": reason}, **fields)

    def calls(self, response_id: str, call_id: str, name: str = "get_weather", arguments: str = "{}") -> Self:
        """The model has said all of a function call."""
        return self.server(
            "response.function_call_arguments.done",
            response_id=response_id,
            item_id=f"{call_id}_item",
            call_id=call_id,
            name=name,
            arguments=arguments,
        )

    def answers(self, call_id: str, output: str = "fog") -> Self:
        """The client sends the function's result."""
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        return self.client("conversation.item.create", item=item)

    def closed(self, closed_by: str = "client", code: int | None = 1000, **fields: Any) -> Self:
        return self.recorder("session.closed", closed_by=closed_by, code=code, **fields)


def ga_session(
    *,
    model: str = "gpt-realtime",
    silence_ms: int | None = 500,
    prefix_ms: int = 300,
    turn_detection: str | None = "server_vad",
    transcription: str | None = None,
    input_format: dict[str, Any] | None = None,
    output_format: dict[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """The session object as the API reports it."""
    pcm = {"type": "audio/pcm", "rate": 24000}
    vad: dict[str, Any] | None = None
    if turn_detection is not None:
        vad = {"type": turn_detection, "prefix_padding_ms": prefix_ms, "silence_duration_ms": silence_ms}
    input_ = {
        "format": input_format or pcm,
        "turn_detection": vad,
        "transcription": {"model": transcription} if transcription else None,
    }
    audio_ = {"input": input_, "output": {"format": output_format or pcm, "voice": "marin"}}
    return {
        "type": "realtime",
        "id": "sess_1",
        "model": model,
        "output_modalities": ["audio"],
        "audio": audio_,
        **fields,
    }


def usage(  # noqa: PLR0917  # the counts in the order of the API's own object, as tests list them
    text_in: int = 10,
    audio_in: int = 0,
    text_out: int = 5,
    audio_out: int = 0,
    cached_audio: int = 0,
    cached_text: int = 0,
) -> dict[str, Any]:
    """Of a response, as the API reports it."""
    cached = {"text_tokens": cached_text, "audio_tokens": cached_audio, "image_tokens": 0}
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": cached_text + cached_audio,
            "cached_tokens_details": cached,
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def audio(size: int) -> str:
    """Base64 of so many bytes."""
    return base64.b64encode(bytes(size)).decode()


# --- folding


def rows(story: Story | Sequence[RecordedEvent], rules: Rules = RULES) -> Rows:
    """The rows that hold once all was folded."""
    events = story.events if isinstance(story, Story) else story
    return latest(fold(events, rules))


def fold(events: Iterable[RecordedEvent], rules: Rules = RULES) -> list[Fact]:
    """All rows in the order told."""
    return fold_from(SessionState(), events, rules)[1]


def fold_from(
    state: SessionState, events: Iterable[RecordedEvent], rules: Rules = RULES, *, restart: bool = False
) -> tuple[SessionState, list[Fact]]:
    """Continue from a state; with `restart`, by way of its bytes after each event."""
    told: list[Fact] = []
    for event in events:
        state, some = step(load(dump(state)) if restart else state, event, rules)
        told += some
    return state, told


def latest(told: Iterable[Fact]) -> Rows:
    """Of the rows with one key, the one with the highest version."""
    held: Rows = {table: {} for table in TABLES}
    for row in told:
        table = held[_TABLE_OF[type(row)]]
        key = key_of(row)
        if key not in table or table[key].version <= row.version:
            table[key] = row
    return held


def key_of(row: Fact) -> Key:
    return tuple(getattr(row, name) for name in row.key)


def only(told: Rows, table: str) -> Any:
    """The one row of a table."""
    [row] = told[table].values()
    return row


def columns(row: Any, names: str) -> tuple[object, ...]:
    """The named columns of a row, to compare in one line."""
    return tuple(getattr(row, name) for name in names.split())
