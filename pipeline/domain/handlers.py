"""Which analytics a message concerns. A new analytic is a file of its own and a line here."""

from collections.abc import Callable
from typing import Any

from pipeline.domain import (
    costs,
    errors,
    faults,
    hotpath,
    interruptions,
    responses,
    sessions,
    tools,
    transcripts,
    translation,
    turns,
)
from pipeline.domain import messages as m
from pipeline.domain.draft import Draft


def handle(draft: Draft, message: m.Message) -> None:
    """Let each analytic that a message concerns have it, in the order that they need."""
    handler = _HANDLERS.get(type(message))
    if handler is not None:
        handler(draft, message)


def _on_appended(draft: Draft, message: m.AudioAppended) -> None:
    if draft.call.stretch is None:
        costs.begin_stretch(draft)
    draft.intake = hotpath.intake_after(draft.intake, message.size, draft.now_ns)
    costs.book_intake(draft)


def _on_speech_started(draft: Draft, message: m.SpeechStarted) -> None:
    speech = turns.speech_started(draft, message)
    if speech is not None:
        interruptions.speech_began(draft, speech)


def _on_committed(draft: Draft, message: m.AudioCommitted) -> None:
    turns.committed(draft, message)
    turn = draft.call.item_turns.get(message.item_id or "", draft.call.totals.turns - 1)
    if draft.call.stretch is None and draft.call.media_elsewhere:
        costs.unseen_input(draft, turn, message.item_id)
    costs.end_stretch(draft, turn, message.item_id)
    if message.item_id is not None:
        draft.call.item_transcribers[message.item_id] = draft.call.config.transcription_model
    transcripts.committed(draft, message.item_id)


def _on_cleared(draft: Draft, _: m.AudioCleared) -> None:
    turns.forgotten(draft)
    costs.end_stretch(draft, None)


def _on_item_create(draft: Draft, message: m.ItemCreateRequested) -> None:
    item = message.item or m.Item()
    tools.output_seen(draft, item)
    turns.message_written(draft, item)


def _on_item_added(draft: Draft, message: m.ItemAdded) -> None:
    item = message.item or m.Item()
    tools.output_seen(draft, item)
    transcripts.item_added(draft, item)


def _on_transcribed(draft: Draft, message: m.Transcribed) -> None:
    transcripts.transcribed(draft, message)
    costs.transcribed(draft, message)


def _on_transcription_failed(draft: Draft, message: m.TranscriptionFailed) -> None:
    transcripts.failed(draft, message)
    errors.transcription_failed(draft, message)


def _on_text_finished(draft: Draft, message: m.TextFinished) -> None:
    response = responses.find(draft, message.response_id)
    if response is not None:
        transcripts.finished(draft, message, response)


def _on_arguments_finished(draft: Draft, message: m.ArgumentsFinished) -> None:
    response = responses.find(draft, message.response_id)
    if response is not None:
        tools.arguments_finished(draft, message, response)


def _on_error(draft: Draft, message: m.ErrorReported) -> None:
    errors.reported(draft, message)
    turns.refused(draft, message.error or m.Fault())
    sessions.refused(draft, message.error or m.Fault())


# What the screen can wait for until something happens; not what is told of it as soon as it does (`Draft.tell`).
QUIET = frozenset(
    {
        m.AudioAppended,
        m.AudioDelta,
        m.AudioFinished,
        m.TextDelta,
        m.TextFinished,
        m.OutputItemSeen,
        m.ItemAdded,
        m.TranscriptionDelta,
        m.TranslatedAudio,
        m.TranslationText,
    }
)

_HANDLERS: dict[type[m.Message], Callable[[Draft, Any], None]] = {
    m.Opened: sessions.opened,
    m.Lost: sessions.loss_explained,
    m.Closed: sessions.closed,
    m.SessionReported: sessions.reported,
    m.SessionUpdateRequested: sessions.requested,
    m.AudioAppended: _on_appended,
    m.SpeechStarted: _on_speech_started,
    m.SpeechStopped: turns.speech_stopped,
    m.AudioCommitRequested: turns.commit_requested,
    m.AudioCommitted: _on_committed,
    m.AudioCleared: _on_cleared,
    m.IdleTimeoutTriggered: turns.idle_timeout,
    m.ItemCreateRequested: _on_item_create,
    m.ItemAdded: _on_item_added,
    m.TruncateRequested: responses.truncated,
    m.Truncated: responses.truncated,
    m.Transcribed: _on_transcribed,
    m.TranscriptionDelta: transcripts.delta,
    m.TranscriptionFailed: _on_transcription_failed,
    m.ResponseRequested: turns.response_requested,
    m.ResponseCreated: responses.created,
    m.ResponseDone: responses.done,
    m.OutputItemSeen: responses.item_seen,
    m.AudioDelta: responses.audio_delta,
    m.AudioFinished: responses.audio_finished,
    m.TextDelta: responses.text_delta,
    m.TextFinished: _on_text_finished,
    m.ArgumentsFinished: _on_arguments_finished,
    m.McpCallCompleted: tools.mcp_ended,
    m.McpCallFailed: tools.mcp_ended,
    m.PlayoutStarted: responses.playout_started,
    m.PlayoutStopped: responses.playout_stopped,
    m.PlayoutCleared: responses.playout_cleared,
    m.ToolsListFailed: errors.tools_list_failed,
    m.TranslatedAudio: translation.audio_delta,
    m.TranslationText: translation.text_delta,
    m.Unreadable: faults.unreadable,
    m.ErrorReported: _on_error,
    m.RateLimitsUpdated: errors.rate_limited,
}
