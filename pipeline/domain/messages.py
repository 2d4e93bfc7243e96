"""The few messages of the Realtime protocol that we fold, under their GA names. All else is `Counted` or `Unknown`.

Every field may be absent, because it was missing, or of a type that made no sense (PROTOCOL section 8, line 11).
How payload bytes become one of these is `protocol`'s business.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

Millis = Annotated[float, Meta(ge=0, le=1e12)]
"""A position on the input audio clock, or a length of audio. Negative or absurd ones count as absent."""
Tokens = Annotated[int, Meta(ge=0, le=10**9)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What all have in common: nothing."""


class Counted(Message, frozen=True):
    """A message of a type we know, of which the fold needs nothing but that it was there."""


class Unknown(Message, frozen=True):
    """A message of a type that this version does not know."""

    type: str


class Unreadable(Message, frozen=True):
    """A message of a type we know whose payload is no JSON object."""

    type: str


# --- shared pieces


class Fault(Message, frozen=True):
    """The `error` object of an error event, a failed response, a failed transcription."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None
    """The id of the client's event, where the client gave it one."""


class Content(Message, frozen=True):
    type: str | None = None
    text: str | None = None
    transcript: str | None = None


class Item(Message, frozen=True):
    id: str | None = None
    type: str | None = None
    role: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    server_label: str | None = None
    phase: str | None = None
    """Of a message of the agent: commentary, final_answer."""
    error: Any = None
    """Of an MCP call: anything but null says that it failed."""
    content: tuple[Content, ...] = ()


class CachedDetails(Message, frozen=True):
    text_tokens: Tokens | None = None
    audio_tokens: Tokens | None = None
    image_tokens: Tokens | None = None


class InputDetails(Message, frozen=True):
    text_tokens: Tokens | None = None
    audio_tokens: Tokens | None = None
    image_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None
    cached_tokens_details: CachedDetails | None = None


class OutputDetails(Message, frozen=True):
    text_tokens: Tokens | None = None
    audio_tokens: Tokens | None = None
    reasoning_tokens: Tokens | None = None


class Usage(Message, frozen=True):
    """Of a response, or of a transcription (which says tokens or seconds)."""

    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    input_token_details: InputDetails | None = None
    output_token_details: OutputDetails | None = None
    seconds: Seconds | None = None


class Format(Message, frozen=True):
    type: str | None = None
    rate: Annotated[int, Meta(ge=1, le=10**6)] | None = None


class OutputAudio(Message, frozen=True):
    format: Format | None = None


class ResponseAudio(Message, frozen=True):
    output: OutputAudio | None = None


class StatusDetails(Message, frozen=True):
    reason: str | None = None
    error: Fault | None = None


class Response(Message, frozen=True):
    """The `response` object of created and done, both shapes."""

    id: str | None = None
    status: str | None = None
    status_details: StatusDetails | None = None
    conversation_id: str | UnsetType | None = UNSET
    """None is said outright by the API for an out-of-band response."""
    audio: ResponseAudio | None = None
    output_audio_format: str | None = None
    output: tuple[Item, ...] = ()
    metadata: Any = None
    usage: Usage | None = None


# --- what the client sends


class SessionUpdateRequested(Message, frozen=True):
    event_id: str | None = None
    session: Any = None


class AudioAppended(Message, frozen=True):
    """`input_audio_buffer.append`, without the audio."""

    size: int
    """Bytes of decoded audio."""


class AudioCommitRequested(Message, frozen=True):
    event_id: str | None = None


class ItemCreateRequested(Message, frozen=True):
    item: Item | None = None


class TruncateRequested(Message, frozen=True):
    item_id: str | None = None
    audio_end_ms: Millis | None = None


class ResponseOverrides(Message, frozen=True):
    conversation: str | None = None


class ResponseRequested(Message, frozen=True):
    event_id: str | None = None
    response: ResponseOverrides | None = None


# --- what the server sends


class SessionReported(Message, frozen=True):
    """`session.created` and `session.updated`: the configuration in force, in either shape."""

    created: bool
    session: Any = None


class SpeechStarted(Message, frozen=True):
    item_id: str | None = None
    audio_start_ms: Millis | None = None


class SpeechStopped(Message, frozen=True):
    item_id: str | None = None
    audio_end_ms: Millis | None = None


class IdleTimeoutTriggered(Message, frozen=True):
    item_id: str | None = None


class AudioCommitted(Message, frozen=True):
    item_id: str | None = None


class AudioCleared(Message, frozen=True):
    """`input_audio_buffer.cleared`."""


class ItemAdded(Message, frozen=True):
    """An item is in the conversation: `.added`, `.done`, beta `.created`."""

    item: Item | None = None


class Truncated(Message, frozen=True):
    item_id: str | None = None
    audio_end_ms: Millis | None = None


class Transcribed(Message, frozen=True):
    item_id: str | None = None
    content_index: int | None = None
    transcript: str | None = None
    usage: Usage | None = None


class TranscriptionDelta(Message, frozen=True):
    """A piece of a transcription; the fold needs to know when the first came."""

    item_id: str | None = None


class TranscriptionFailed(Message, frozen=True):
    item_id: str | None = None
    content_index: int | None = None
    error: Fault | None = None


class ResponseCreated(Message, frozen=True):
    response: Response | None = None


class ResponseDone(Message, frozen=True):
    response: Response | None = None


class OutputItemSeen(Message, frozen=True):
    """`response.output_item.added` and `.done`."""

    response_id: str | None = None
    item: Item | None = None


class AudioDelta(Message, frozen=True):
    """`response.output_audio.delta`, without the audio."""

    size: int
    response_id: str | None = None
    item_id: str | None = None


class AudioFinished(Message, frozen=True):
    """`response.output_audio.done`: no more audio of this item will come."""

    response_id: str | None = None
    item_id: str | None = None


class TextDelta(Message, frozen=True):
    response_id: str | None = None


class TextFinished(Message, frozen=True):
    """The final text of a content part: written, or the transcript of what is spoken."""

    response_id: str | None = None
    item_id: str | None = None
    content_index: int | None = None
    text: str | None = None
    transcript: str | None = None


class ArgumentsFinished(Message, frozen=True):
    """`response.function_call_arguments.done`, `response.mcp_call_arguments.done`."""

    response_id: str | None = None
    item_id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class McpCallCompleted(Message, frozen=True):
    item_id: str | None = None


class McpCallFailed(Message, frozen=True):
    item_id: str | None = None


class ToolsListFailed(Message, frozen=True):
    """`mcp_list_tools.failed`: the server's tools can't be called."""

    item_id: str | None = None


class TranslatedAudio(Message, frozen=True):
    """`session.output_audio.delta` of a translation, without the audio."""

    size: int
    sample_rate: int | None = None
    channels: int | None = None


class TranslationText(Message, frozen=True):
    """`session.input_transcript.delta` (what was heard), `session.output_transcript.delta` (what is said)."""

    role: str
    delta: str = ""
    elapsed_ms: Millis | None = None


class PlayoutStarted(Message, frozen=True):
    """`output_audio_buffer.started`: media began to be sent (WebRTC, SIP)."""

    response_id: str | None = None


class PlayoutStopped(Message, frozen=True):
    response_id: str | None = None


class PlayoutCleared(Message, frozen=True):
    response_id: str | None = None


class ErrorReported(Message, frozen=True):
    error: Fault | None = None


class RateLimit(Message, frozen=True):
    name: str | None = None
    limit: float | None = None
    remaining: float | None = None
    reset_seconds: float | None = None


class RateLimitsUpdated(Message, frozen=True):
    rate_limits: tuple[RateLimit, ...] = ()


# --- what the recorder says (see `ingest.markers`; here every field may be absent)


class Opened(Message, frozen=True):
    mode: str | None = None
    path: str | None = None
    model: str | None = None
    upstream_host: str | None = None
    relay_key: str | None = None
    missing_times: bool = False


class Lost(Message, frozen=True):
    first_seq: Annotated[int, Meta(ge=0, le=2**62)] | None = None
    reason: str | None = None


class Closed(Message, frozen=True):
    closed_by: str | None = None
    code: int | None = None
    reason: str | None = None
    recovered: bool = False
