"""One class per table: the rows that the fold yields. Field docstrings are the columns' definitions (METRICS.md).

`seq` in a key is where the thing began; `version` is the `seq` of the event that last changed the row, so of two
rows with one key the higher version holds. Times named `*_elapsed_ms` are positions on the session's monotonic
clock; `*_at` are UTC. A quantity that the log can't support is None with a reason in the column named beside it.
How a row becomes Parquet is `pipeline.dataset`'s business.
"""

from datetime import datetime
from typing import ClassVar

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What all rows share."""

    key: ClassVar[tuple[str, ...]]
    """The natural key's columns, beside which two rows are versions of the same thing."""

    session_id: str
    version: int
    """`seq` of the event that last changed this row."""


class Session(Row, frozen=True, kw_only=True):
    """A recorded session. The row is renewed while it runs and holds its totals so far."""

    key: ClassVar[tuple[str, ...]] = ("session_id",)

    status: str
    """open, closed."""
    source: str
    """relay, sideband, driver, import; unknown where the log does not begin with the session's opening."""
    worker: str
    upstream_session_id: str | None = None
    upstream_host: str | None = None
    path: str | None = None
    relay_key: str | None = None
    model: str | None = None
    """As the upstream last reported it, else as asked for in the path."""
    api_shape: str | None = None
    """ga, beta."""
    opened_at: datetime
    last_event_at: datetime
    duration_ms: float
    """From opened to the last event, monotonic."""
    turn_detection: str | None = None
    """server_vad, semantic_vad, none; as last in force. None while unknown."""
    silence_duration_ms: int | None = None
    voice: str | None = None
    input_format: str | None = None
    output_format: str | None = None
    transcription_model: str | None = None
    config_changes: int = 0
    """`session.updated` events that changed the effective configuration."""
    events_client: int = 0
    events_server: int = 0
    events_recorder: int = 0
    events_unknown: int = 0
    unknown_types: str | None = None
    """JSON object: type -> count, of types that this version doesn't know."""
    turns: int = 0
    responses: int = 0
    interruptions: int = 0
    tool_calls: int = 0
    errors: int = 0
    audio_in_ms: float = 0.0
    generated_ms: float = 0.0
    heard_ms: float = 0.0
    metered_usd_nanos: int = 0
    billed_usd_nanos: int = 0
    """The sum of what could be priced; `unpriced` counts what could not."""
    unpriced: int = 0
    closed_by: str | None = None
    """client, server, recorder."""
    close_code: int | None = None
    close_reason: str | None = None
    events_lost: int = 0
    """How many `seq` are missing."""
    complete: bool = False
    """seq 0..n without a hole, and the close was seen."""
    incomplete_reason: str | None = None
    """open, gap, recorder_died. None where complete."""


class Turn(Row, frozen=True, kw_only=True):
    """One user input and all that the agent answered before the next user input."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "turn_index")

    turn_index: int
    """From 0."""
    status: str
    """open, closed."""
    input_kind: str
    """speech, text, none (the client asked without input: a greeting), idle (the API's own nudge)."""
    speech_ended_by: str | None = None
    """server_vad, semantic_vad, client (push-to-talk). None where the input is no speech."""
    user_item_id: str | None = None
    model: str | None = None
    opened_at: datetime
    opened_elapsed_ms: float
    speech_started_elapsed_ms: float | None = None
    speech_ended_elapsed_ms: float | None = None
    """When the worker saw the audio in which the user's speech ended."""
    speech_stopped_elapsed_ms: float | None = None
    """When `speech_stopped` (or the client's `commit`) was seen."""
    user_speech_ms: float | None = None
    first_output_elapsed_ms: float | None = None
    playout_end_elapsed_ms: float | None = None
    closed_elapsed_ms: float | None = None
    first_output_kind: str | None = None
    """audio, text."""
    endpointing_ms: float | None = None
    """From the end of the user's speech to `speech_stopped` (or the client's `commit`) seen."""
    endpointing_reason: str | None = None
    wire_latency_ms: float | None = None
    """From `speech_stopped` (speech with VAD), `commit` (push-to-talk) or `response.create` (text, none) seen, to the
    first audio delta seen; for an answer of text, to its first text delta."""
    wire_latency_reason: str | None = None
    perceived_latency_ms: float | None = None
    """From the end of the user's input to the first audio handed to the client. `latency_basis` says how the end was
    found; percentiles must not mix bases."""
    perceived_latency_reason: str | None = None
    model_latency_ms: float | None = None
    """From `response.created` seen to the first delta of that response."""
    model_latency_reason: str | None = None
    latency_basis: str | None = None
    """How the end of the input was found: append_clock, vad_event (`speech_stopped` less the silence in force; of a
    semantic VAD, `speech_stopped` itself), commit, client_request; playout where the answer's beginning is the
    player's own word (WebRTC, SIP)."""
    tool_wait_ms: float | None = None
    """Sum over the turn's tool calls that were answered: arguments done to output seen."""
    after_tool_ms: float | None = None
    """From the last output of a tool to the next first delta."""
    responses: int = 0
    tool_calls: int = 0
    interrupted: bool = False
    """The agent yielded the floor in this turn."""
    generated_ms: float = 0.0
    heard_ms: float = 0.0
    unheard_ms: float = 0.0


class Response(Row, frozen=True, kw_only=True):
    """`response.created` .. `response.done`. Tokens are as the usage said, also where they can't be priced."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "response_id")

    response_id: str
    seq: int
    """Of `response.created`, or of the first event that names the response."""
    turn_index: int | None = None
    """None where out-of-band."""
    out_of_band: bool = False
    model: str | None = None
    status: str
    """in_progress, completed, cancelled, failed, incomplete; unfinished where the session ended first."""
    status_reason: str | None = None
    error_code: str | None = None
    created_at: datetime
    created_elapsed_ms: float
    first_output_elapsed_ms: float | None = None
    first_output_kind: str | None = None
    done_elapsed_ms: float | None = None
    playout_end_elapsed_ms: float | None = None
    model_latency_ms: float | None = None
    model_latency_reason: str | None = None
    output_items: int = 0
    tool_calls: int = 0
    generated_ms: float = 0.0
    heard_ms: float = 0.0
    unheard_ms: float = 0.0
    heard_basis: str | None = None
    """truncate, playout, output_buffer. None where nothing was generated."""
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    input_text_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_text_tokens: int | None = None
    output_audio_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_reason: str | None = None
    """Why the tokens are None or can't be priced: in_progress, no_usage, no_details, zero_usage."""


class Interruption(Row, frozen=True, kw_only=True):
    """Overlap of user speech with agent speech, classified once its windows have passed."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "seq")

    seq: int
    """Of the `speech_started` that opened the overlap; for agent_cut_in, of the agent's first audio."""
    class_: str = msgspec.field(name="class")
    """barge_in, false_interruption, backchannel, talked_over, agent_cut_in."""
    turn_index: int | None = None
    """The turn whose agent speech was overlapped."""
    response_id: str | None = None
    user_item_id: str | None = None
    at: datetime
    elapsed_ms: float
    position_in_response_ms: float | None = None
    """How much of the response had been played when the user came in."""
    overlap_ms: float | None = None
    yielded: bool
    yielded_by: str | None = None
    """cancelled, truncated, cleared."""
    time_to_yield_ms: float | None = None
    generated_ms: float | None = None
    heard_ms: float | None = None
    unheard_ms: float | None = None
    unheard_usd_nanos: int | None = None
    """Unheard audio at the metered list's price for a minute of agent audio."""
    user_speech_ms: float | None = None
    transcript: str | None = None
    reason: str | None = None
    """In words: what decided the class."""
    yield_window_ms: int
    speech_min_ms: int


class ToolCall(Row, frozen=True, kw_only=True):
    """A function or MCP call."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "call_id")

    call_id: str
    seq: int
    """Of the first event that names the call."""
    kind: str
    """function, mcp."""
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    status: str
    """called (no output yet), answered, failed (MCP), unanswered (the session ended first)."""
    response_id: str | None = None
    turn_index: int | None = None
    item_id: str | None = None
    at: datetime
    arguments_done_elapsed_ms: float | None = None
    output_elapsed_ms: float | None = None
    tool_wait_ms: float | None = None
    tool_wait_reason: str | None = None
    after_tool_ms: float | None = None
    after_tool_reason: str | None = None


class Transcript(Row, frozen=True, kw_only=True):
    """A finished transcript (or text), user or agent, final text."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "item_id", "content_index")

    item_id: str
    content_index: int
    role: str
    """user, agent."""
    kind: str
    """audio (a transcript of speech), text."""
    text: str | None = None
    reason: str | None = None
    """Why there is no text: transcription_failed."""
    turn_index: int | None = None
    response_id: str | None = None
    at: datetime
    elapsed_ms: float
    """When the text was final. Where it belongs in the talk is the turn's business."""


class Cost(Row, frozen=True, kw_only=True):
    """A priced thing, on both bases. Money is integer nano-dollars."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "seq", "kind")

    seq: int
    """response: of `response.created`; transcription: of its `completed`; input_audio: of the first append since the
    last commit; session_time: of the session's close."""
    kind: str
    """response, transcription, input_audio, session_time."""
    at: datetime
    response_id: str | None = None
    item_id: str | None = None
    turn_index: int | None = None
    model: str | None = None
    audio_ms: float | None = None
    """Audio in this thing: generated (response), appended (input_audio)."""
    seconds: float | None = None
    """As reported by the usage (transcription by duration)."""
    input_text_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    cached_text_tokens: int | None = None
    cached_audio_tokens: int | None = None
    cached_image_tokens: int | None = None
    output_text_tokens: int | None = None
    output_audio_tokens: int | None = None
    metered_usd_nanos: int | None = None
    metered_list: str | None = None
    metered_reason: str | None = None
    """Why there is no metered cost, or only that of the audio because the text tokens are unknown: not_metered (costs
    nothing of its own on this basis), in_progress, no_usage, no_details, zero_usage, no_price."""
    billed_usd_nanos: int | None = None
    billed_list: str | None = None
    billed_reason: str | None = None
    """Why there is no billed cost: not_billed (billed with something else), in_progress, no_usage, no_details (tokens
    not split by kind), zero_usage (of a response that did work), no_price, unknown_model. `unpriced` of sessions and
    minutes counts all but the first two."""
    estimated: bool = False
    """The usage lacked details (cached tokens not split): priced by the documented rule."""


class AudioMinute(Row, frozen=True, kw_only=True):
    """A UTC minute of a session: audio in, generated, heard, and its cost on both bases."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "minute")

    minute: datetime
    model: str | None = None
    audio_in_ms: float = 0.0
    generated_ms: float = 0.0
    heard_ms: float = 0.0
    """Of the audio generated in this minute, how much was heard."""
    metered_usd_nanos: int = 0
    billed_usd_nanos: int = 0
    unpriced: int = 0
    """Things in this minute whose billed cost is unknown."""


class SessionError(Row, frozen=True, kw_only=True):
    """An `error` event, failed response, abnormal close or rate-limit wait."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "seq")

    seq: int
    kind: str
    """error_event, response_failed, transcription_failed, abnormal_close, rate_limited."""
    code: str | None = None
    error_type: str | None = None
    message: str | None = None
    param: str | None = None
    client_event_id: str | None = None
    response_id: str | None = None
    at: datetime
    elapsed_ms: float


class Gap(Row, frozen=True, kw_only=True):
    """A hole in `seq`: events seen but never logged."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "seq")

    seq: int
    """The first that is missing."""
    count: int
    reason: str | None = None
    """As the recorder gave it in `events.lost`: disk_full, journal_full, too_large, ... None where it could not."""
    at: datetime
    """When the next event was seen."""


Fact = Session | Turn | Response | Interruption | ToolCall | Transcript | Cost | AudioMinute | SessionError | Gap

TABLES: dict[str, type[Row]] = {
    "sessions": Session,
    "turns": Turn,
    "responses": Response,
    "interruptions": Interruption,
    "tool_calls": ToolCall,
    "transcripts": Transcript,
    "costs": Cost,
    "audio_minutes": AudioMinute,
    "session_errors": SessionError,
    "gaps": Gap,
}
