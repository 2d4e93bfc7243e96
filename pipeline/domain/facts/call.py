"""Rows about a session as a whole: its summary, its configuration over time, what went wrong in it or in its log."""

from datetime import datetime
from typing import ClassVar

from pipeline.domain.facts.row import Row


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
    kind: str | None = None
    """realtime, transcription, translation. None while the API has not said it."""
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
    language: str | None = None
    """What the user's speech is transcribed as, as the client configured it (`en`, `de`). None: not configured."""
    label: str | None = None
    """What the client calls this kind of call, in its session's `tracing.workflow_name`. None: no name given."""
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
    audio_in_ms: float | None = None
    """Appended by the client."""
    generated_ms: float | None = None
    heard_ms: float | None = None
    audio_reason: str | None = None
    """Why lengths of audio are missing."""
    metered_usd_nanos: int = 0
    """The sum of what could be metered; `unmetered` counts what could not, or only in part."""
    unmetered: int = 0
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


class ConfigChange(Row, frozen=True, kw_only=True):
    """The configuration in force from here to the next row of its session; NULL is what was never said, or cleared."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "seq")

    seq: int
    """Of the event that put it into force."""
    trigger: str
    """created, updated (as the API reported it), requested (of a server that never reports), reconnected."""
    at: datetime
    elapsed_ms: float
    changed: str | None = None
    """The columns that differ from the row before, with commas; `other` where it is something that has no column."""
    kind: str | None = None
    """realtime, transcription, translation."""
    model: str | None = None
    voice: str | None = None
    output_modalities: str | None = None
    """audio, text; of the beta shape also audio+text."""
    input_format: str | None = None
    output_format: str | None = None
    speed: float | None = None
    turn_detection: str | None = None
    """server_vad, semantic_vad, none (push-to-talk)."""
    silence_duration_ms: int | None = None
    prefix_padding_ms: int | None = None
    vad_threshold: float | None = None
    idle_timeout_ms: int | None = None
    eagerness: str | None = None
    """Of a semantic VAD: low, medium, high, auto."""
    create_response: bool | None = None
    interrupt_response: bool | None = None
    noise_reduction: str | None = None
    """near_field, far_field."""
    transcription_model: str | None = None
    language: str | None = None
    """What the user's speech is transcribed as."""
    output_language: str | None = None
    """What a translation session speaks."""
    max_output_tokens: str | None = None
    """A number, or inf."""
    reasoning_effort: str | None = None
    tools: str | None = None
    """Names of functions and labels of MCP servers, with commas."""
    prompt_id: str | None = None
    instructions_digest: str | None = None
    """Tells instructions from others without holding them."""
    label: str | None = None


class SessionError(Row, frozen=True, kw_only=True):
    """An `error` event, failed response, abnormal close or rate-limit wait."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "seq")

    seq: int
    kind: str
    """error_event, response_failed, transcription_failed, tools_list_failed (MCP), abnormal_close, rate_limited."""
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


class LogFault(Row, frozen=True, kw_only=True):
    """Something that is wrong with the log itself, so that numbers of that moment deserve a second look."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "seq", "kind")

    seq: int
    """Of the event at which it showed."""
    kind: str
    """clock_jump (the wall clock was set; durations don't mind, dates and minutes do), clock_backwards (the monotonic
    clock ran back: two recorders, or a damaged log), audio_cut (less agent audio in the log than the API billed),
    unreadable (a message of a known type that is no JSON object)."""
    at: datetime
    elapsed_ms: float
    amount_ms: float | None = None
    """How far the clock jumped, how much audio is missing."""
    detail: str | None = None
