"""Payload bytes to the few messages we fold. Never raises: unknown types and nonsense are normal (PROTOCOL section 7).

Beta names become GA names here (PROTOCOL section 1.6) and nowhere else; beta shapes of the session in `config`.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from ingest.envelope import Source
from pipeline.domain import lenient
from pipeline.domain import messages as m

UNREADABLE = m.Counted()
"""What a reader gives for a payload that is no JSON object; told from `COUNTED` by identity."""

Read = Callable[[bytes], m.Message]

COUNTED = m.Counted()
_JSON_FAULTS = (msgspec.MsgspecError, ValueError, RecursionError)


def read(source: Source, type_: str, data: bytes) -> m.Message:
    """The message that a payload holds: `Counted` where nothing in it can be used, `Unknown` where its type is new."""
    # By identity: hashing an enum's member is a call into Python, and this runs for each event.
    if source is Source.SERVER:
        reader = _SERVER.get(type_)
    elif source is Source.CLIENT:
        reader = _CLIENT.get(type_)
    else:
        reader = _RECORDER.get(type_)
    if reader is None:
        return m.Unknown(type=type_)
    found = reader(data)
    return m.Unreadable(type=type_) if found is UNREADABLE else found


def payload_size(base64_text: str) -> int:
    """Bytes that base64 text decodes to, padded or not, without decoding it (PROTOCOL section 5.4)."""
    length = len(base64_text)
    padding = 0 if base64_text[-1:] != "=" else 2 if base64_text[-2:] == "==" else 1
    return (length - padding) * 3 // 4


class _Append(msgspec.Struct):
    audio: str = ""


class _AudioDelta(msgspec.Struct):
    response_id: str | None = None
    item_id: str | None = None
    delta: str = ""


_append = msgspec.json.Decoder(_Append)
_audio_delta = msgspec.json.Decoder(_AudioDelta)


def _read_append(data: bytes) -> m.Message:
    """One in two events of a call is this one: it is read without a detour."""
    try:
        return m.AudioAppended(size=payload_size(_append.decode(data).audio))
    except _JSON_FAULTS:
        return COUNTED if isinstance(lenient.undecoded(data), dict) else UNREADABLE


def _read_audio_delta(data: bytes) -> m.Message:
    found = lenient.decode(data, _audio_delta, _AudioDelta)
    if found is None:
        return UNREADABLE
    return m.AudioDelta(size=payload_size(found.delta), response_id=found.response_id, item_id=found.item_id)


def _reader(kind: type[m.Message]) -> Read:
    decoder = msgspec.json.Decoder(kind)

    def read_kind(data: bytes) -> m.Message:
        found = lenient.decode(data, decoder, kind)
        return UNREADABLE if found is None else found

    return read_kind


class _Translated(msgspec.Struct):
    delta: str = ""
    sample_rate: Annotated[int, Meta(ge=1000, le=10**6)] | None = None
    channels: Annotated[int, Meta(ge=1, le=16)] | None = None


_translated = msgspec.json.Decoder(_Translated)


def _read_translated_audio(data: bytes) -> m.Message:
    found = lenient.decode(data, _translated, _Translated)
    if found is None:
        return UNREADABLE
    return m.TranslatedAudio(size=payload_size(found.delta), sample_rate=found.sample_rate, channels=found.channels)


class _TranslationText(msgspec.Struct):
    delta: str = ""
    elapsed_ms: m.Millis | None = None


_translation_text = msgspec.json.Decoder(_TranslationText)


def _translation_reader(role: str) -> Read:
    def read_text(data: bytes) -> m.Message:
        found = lenient.decode(data, _translation_text, _TranslationText)
        return (
            UNREADABLE
            if found is None
            else m.TranslationText(role=role, delta=found.delta, elapsed_ms=found.elapsed_ms)
        )

    return read_text


def _session_reader(*, created: bool) -> Read:
    def read_session(data: bytes) -> m.Message:
        found = lenient.undecoded(data)
        return (
            m.SessionReported(created=created, session=found.get("session")) if isinstance(found, dict) else UNREADABLE
        )

    return read_session


def _read_counted(_: bytes) -> m.Message:
    return COUNTED


_CLIENT_FOLDED: dict[str, Read] = {
    "session.update": _reader(m.SessionUpdateRequested),
    "transcription_session.update": _reader(m.SessionUpdateRequested),
    "input_audio_buffer.append": _read_append,
    "session.input_audio_buffer.append": _read_append,
    "input_audio_buffer.commit": _reader(m.AudioCommitRequested),
    "conversation.item.create": _reader(m.ItemCreateRequested),
    "conversation.item.truncate": _reader(m.TruncateRequested),
    "response.create": _reader(m.ResponseRequested),
}
_CLIENT_COUNTED = (
    "input_audio_buffer.clear",
    "conversation.item.retrieve",
    "conversation.item.delete",
    "response.cancel",
    "output_audio_buffer.clear",
    "session.close",
)
_SERVER_FOLDED: dict[str, Read] = {
    "session.created": _session_reader(created=True),
    "session.updated": _session_reader(created=False),
    "transcription_session.created": _session_reader(created=True),
    "transcription_session.updated": _session_reader(created=False),
    "input_audio_buffer.speech_started": _reader(m.SpeechStarted),
    "input_audio_buffer.speech_stopped": _reader(m.SpeechStopped),
    "input_audio_buffer.timeout_triggered": _reader(m.IdleTimeoutTriggered),
    "input_audio_buffer.committed": _reader(m.AudioCommitted),
    "input_audio_buffer.cleared": _reader(m.AudioCleared),
    "conversation.item.added": _reader(m.ItemAdded),
    "conversation.item.done": _reader(m.ItemAdded),
    "conversation.item.created": _reader(m.ItemAdded),
    "conversation.item.truncated": _reader(m.Truncated),
    "conversation.item.input_audio_transcription.delta": _reader(m.TranscriptionDelta),
    "conversation.item.input_audio_transcription.completed": _reader(m.Transcribed),
    "conversation.item.input_audio_transcription.failed": _reader(m.TranscriptionFailed),
    "response.created": _reader(m.ResponseCreated),
    "response.done": _reader(m.ResponseDone),
    "response.output_item.added": _reader(m.OutputItemSeen),
    "response.output_item.done": _reader(m.OutputItemSeen),
    "response.output_audio.delta": _read_audio_delta,
    "response.audio.delta": _read_audio_delta,
    "response.output_audio.done": _reader(m.AudioFinished),
    "response.audio.done": _reader(m.AudioFinished),
    "response.output_text.delta": _reader(m.TextDelta),
    "response.text.delta": _reader(m.TextDelta),
    "response.output_text.done": _reader(m.TextFinished),
    "response.text.done": _reader(m.TextFinished),
    "response.output_audio_transcript.done": _reader(m.TextFinished),
    "response.audio_transcript.done": _reader(m.TextFinished),
    "response.function_call_arguments.done": _reader(m.ArgumentsFinished),
    "response.mcp_call_arguments.done": _reader(m.ArgumentsFinished),
    "response.mcp_call.completed": _reader(m.McpCallCompleted),
    "response.mcp_call.failed": _reader(m.McpCallFailed),
    "output_audio_buffer.started": _reader(m.PlayoutStarted),
    "output_audio_buffer.stopped": _reader(m.PlayoutStopped),
    "output_audio_buffer.cleared": _reader(m.PlayoutCleared),
    "mcp_list_tools.failed": _reader(m.ToolsListFailed),
    # A translation session's own (PROTOCOL section 4.11).
    "session.output_audio.delta": _read_translated_audio,
    "session.input_transcript.delta": _translation_reader("user"),
    "session.output_transcript.delta": _translation_reader("agent"),
    "error": _reader(m.ErrorReported),
    "rate_limits.updated": _reader(m.RateLimitsUpdated),
}
_SERVER_COUNTED = (
    "conversation.created",
    "conversation.item.retrieved",
    "conversation.item.deleted",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.dtmf_event_received",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_audio_transcript.delta",
    "response.audio_transcript.delta",
    "response.function_call_arguments.delta",
    "response.mcp_call_arguments.delta",
    "response.mcp_call.in_progress",
    "mcp_list_tools.in_progress",
    "mcp_list_tools.completed",
    # The answer to a client that says it is done; the close itself is the recorder's word.
    "session.closed",
)
_RECORDER_FOLDED: dict[str, Read] = {
    "session.opened": _reader(m.Opened),
    "events.lost": _reader(m.Lost),
    "session.closed": _reader(m.Closed),
}
_RECORDER_COUNTED = (
    "upstream.connected",
    "call.incoming",
    "call.steered",
    "configuration.asked",
    "limit.reached",
    "message.rewritten",
)

_CLIENT = {**dict.fromkeys(_CLIENT_COUNTED, _read_counted), **_CLIENT_FOLDED}
_SERVER = {**dict.fromkeys(_SERVER_COUNTED, _read_counted), **_SERVER_FOLDED}
_RECORDER = {**dict.fromkeys(_RECORDER_COUNTED, _read_counted), **_RECORDER_FOLDED}
