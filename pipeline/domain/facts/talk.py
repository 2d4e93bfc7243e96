"""Rows about who spoke when, what was answered, and what was said."""

from datetime import datetime
from typing import ClassVar

import msgspec

from pipeline.domain.facts.row import Row


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
    """By the VAD's positions in the input audio, its padding and silence taken off."""
    user_speech_reason: str | None = None
    silence_duration_ms: int | None = None
    """Of a server VAD: the silence in force when it said `speech_stopped`, which is taken off to find the end of
    speech. The API's defaults differ by model, so it is never assumed."""
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
    tool_wait_reason: str | None = None
    after_tool_ms: float | None = None
    """From the last output of a tool to the next first delta."""
    after_tool_reason: str | None = None
    responses: int = 0
    tool_calls: int = 0
    interrupted: bool = False
    """The agent yielded the floor in this turn."""
    generated_ms: float | None = None
    """Agent speech in this turn, by the bytes of its audio."""
    heard_ms: float | None = None
    """What of it had been heard: as the player said (truncate; on WebRTC and SIP its buffer), else by the playout
    clock."""
    unheard_ms: float | None = None
    audio_reason: str | None = None


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
    voice: str | None = None
    """In force when it began."""
    metadata: str | None = None
    """JSON object, as the client gave it with its request: what out-of-band responses are told apart by."""
    generated_ms: float | None = None
    heard_ms: float | None = None
    unheard_ms: float | None = None
    audio_reason: str | None = None
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
    audio_reason: str | None = None
    """Why generated, heard or unheard are missing."""
    user_speech_ms: float | None = None
    transcript: str | None = None
    reason: str | None = None
    """In words: what decided the class."""
    yield_window_ms: int
    speech_min_ms: int
    transcript_wait_ms: int
    """The windows by which the class was decided."""


class ToolCall(Row, frozen=True, kw_only=True):
    """A function or MCP call."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "call_id")

    call_id: str
    seq: int
    """Of the first event that names the call."""
    kind: str
    """function, mcp."""
    name: str | None = None
    server_label: str | None = None
    """Of an MCP call."""
    arguments: str | None = None
    output: str | None = None
    error: str | None = None
    """JSON, as the API reported why an MCP call failed."""
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
    """Why there is no text."""
    turn_index: int | None = None
    response_id: str | None = None
    at: datetime
    elapsed_ms: float
    """When the text was final. Where it belongs in the talk is the turn's business."""
    phase: str | None = None
    """Of an agent that thinks aloud: commentary, final_answer."""
    first_delta_lag_ms: float | None = None
    """Of user speech: from its commit seen to the first delta of its transcription seen."""
    first_delta_lag_reason: str | None = None
    completion_lag_ms: float | None = None
    """Of user speech: from its commit seen to its final transcript seen."""
    completion_lag_reason: str | None = None
    stream_elapsed_ms: float | None = None
    """Of a translation: the API's own clock at the first piece of this text. Other texts have none."""
