"""Final texts: what was said and written, by whom, in which turn (METRICS section 1)."""

from copy import copy

import msgspec

from pipeline.domain import facts, interruptions
from pipeline.domain import messages as m
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.draft import Draft
from pipeline.domain.spans import Span, between
from pipeline.domain.state import ResponseState, TextInput, Transcription

TRANSCRIPTIONS_MAX = 16
"""Items whose transcription may still come; of an older one the delays are unknown."""

_ROLES = {"user": "user", "assistant": "agent"}


def finished(draft: Draft, message: m.TextFinished, response: ResponseState) -> None:
    """The agent's text, or the transcript of its speech, is final."""
    kind, text = ("text", message.text) if message.transcript is None else ("audio", message.transcript)
    _agent_text(
        draft,
        response,
        item_id=message.item_id or response.id,
        content_index=message.content_index or 0,
        kind=kind,
        text=text,
    )


def from_output(draft: Draft, response: ResponseState, item: m.Item) -> None:
    """The same of a finished item, for servers that say it nowhere else."""
    for index, content in enumerate(item.content):
        kind, text = ("text", content.text) if content.transcript is None else ("audio", content.transcript)
        if item.type == "message" and text:
            _agent_text(draft, response, item_id=item.id or response.id, content_index=index, kind=kind, text=text)


def _agent_text(
    draft: Draft, response: ResponseState, *, item_id: str, content_index: int, kind: str, text: str | None
) -> None:
    told = f"{item_id}/{content_index}"
    if text is None or told in response.texts:
        return
    response.texts.append(told)
    row = _row(
        draft,
        item_id,
        "agent",
        kind,
        text=text,
        content_index=content_index,
        turn_index=response.turn_index,
        response_id=response.id,
    )
    draft.texts.append(msgspec.structs.replace(row, phase=response.phases.get(item_id)))


# --- what the user said, as the API transcribed it


def committed(draft: Draft, item_id: str | None) -> None:
    """The user's audio is an item: its transcription is waited for from now on."""
    if item_id is not None:
        _transcription(draft, item_id).committed_ns = draft.now_ns


def delta(draft: Draft, message: m.TranscriptionDelta) -> None:
    """Only the first of an item gets here."""
    if message.item_id is not None:
        found = _transcription(draft, message.item_id)
        found.first_delta_ns = draft.now_ns if found.first_delta_ns is None else found.first_delta_ns


def _transcription(draft: Draft, item_id: str) -> Transcription:
    held = draft.call.transcriptions
    held[item_id] = copy(held[item_id]) if item_id in held else Transcription()
    while len(held) > TRANSCRIPTIONS_MAX:
        del held[next(iter(held))]
    return held[item_id]


def transcribed(draft: Draft, message: m.Transcribed) -> None:
    if message.item_id is not None:
        _user_speech(draft, message.item_id, message.content_index or 0, message.transcript)


def failed(draft: Draft, message: m.TranscriptionFailed) -> None:
    if message.item_id is not None:
        _user_speech(draft, message.item_id, message.content_index or 0, None, "transcription_failed")


def _user_speech(
    draft: Draft, item_id: str, content_index: int, text: str | None, reason: str = "text_missing"
) -> None:
    turn_index = draft.call.item_turns.get(item_id)
    row = _row(
        draft,
        item_id,
        "user",
        "audio",
        text=text,
        reason=reason if text is None else None,
        content_index=content_index,
        turn_index=turn_index,
    )
    first, whole = _lags(draft, item_id)
    draft.texts.append(
        msgspec.structs.replace(
            row,
            first_delta_lag_ms=first.ms,
            first_delta_lag_reason=first.reason,
            completion_lag_ms=whole.ms,
            completion_lag_reason=whole.reason,
        )
    )
    speech = draft.speech(item_id)
    if speech is not None:
        speech.transcription_over = True
        # Of several parts the first with words is what was said; of the same said twice, what was said first.
        if text is not None and not speech.transcript:
            speech.transcript = text
        interruptions.reconsider(draft, item_id)


def _lags(draft: Draft, item_id: str) -> tuple[Span, Span]:
    """From the commit to the first delta, and to the whole. A model that streams may begin before the commit."""
    found = draft.call.transcriptions.get(item_id, Transcription())
    if found.committed_ns is None:
        return Span(reason="commit_not_reported"), Span(reason="commit_not_reported")
    whole = between(found.committed_ns, draft.now_ns)
    if found.first_delta_ns is None:
        return Span(reason="no_deltas"), whole
    if found.first_delta_ns < found.committed_ns:
        return Span(reason="streamed_before"), whole
    return between(found.committed_ns, found.first_delta_ns), whole


# --- texts that the client writes


def client_text(draft: Draft, item: m.Item) -> TextInput | None:
    """A message as the client wrote it. Told at once where the client chose its id, else when the server names it."""
    role = _ROLES.get(item.role or "")
    if item.type != "message" or role is None:
        return None
    row = _row(draft, item.id or "", role, "text", text=_text_of(item))
    if item.id is not None and row.text:
        draft.texts.append(row)
    return TextInput(row, item.id, spoken=any(part.type == "input_audio" for part in item.content))


def item_added(draft: Draft, item: m.Item) -> None:
    """The server names a message: one the client wrote, or, on another leg, one we did not see it write."""
    role = _ROLES.get(item.role or "")
    if item.type != "message" or role is None or item.id is None or item.id in draft.call.item_turns:
        return
    texts = draft.call.texts
    if any(text.item_id == item.id for text in texts) or any(
        item.id in r.output_items for r in draft.call.responses.values()
    ):
        return
    at = next((at for at, text in enumerate(texts) if text.item_id is None and _same(text, role, item)), None)
    if at is not None:
        named = _named(draft, texts[at], item.id)
        draft.call.texts = (*texts[:at], named, *texts[at + 1 :])
    elif role == "user" and _text_of(item):
        row = _row(draft, item.id, role, "text", text=_text_of(item))
        draft.texts.append(row)
        draft.call.texts = (*texts, TextInput(row, item.id, told_by_server=True))[-16:]


def _named(draft: Draft, text: TextInput, item_id: str) -> TextInput:
    row = msgspec.structs.replace(text.row, item_id=item_id, turn_index=text.turn_index, version=draft.version)
    if row.text:
        draft.texts.append(row)
    _remember(draft, item_id, text.turn_index)
    turn = draft.turn(text.turn_index)
    if turn is not None and text is draft.call.texts[-1]:
        turn.user_item_id = item_id
        draft.tell()
    return msgspec.structs.replace(text, item_id=item_id, row=row)


def bind_texts(draft: Draft, turn_index: int) -> None:
    """The texts since the last turn are this turn's input; those already told are told anew, with their turn."""
    draft.call.texts = tuple(text if text.bound else _bound(draft, text, turn_index) for text in draft.call.texts)


def leave_texts(draft: Draft) -> None:
    """Another input opened its turn: what was written before it is context, and waits for no response."""
    if any(not text.bound for text in draft.call.texts):
        draft.call.texts = tuple(msgspec.structs.replace(text, bound=True) for text in draft.call.texts)


def _bound(draft: Draft, text: TextInput, turn_index: int) -> TextInput:
    if text.row.role != "user":
        return msgspec.structs.replace(text, bound=True)
    row = msgspec.structs.replace(text.row, turn_index=turn_index, version=draft.version)
    if text.item_id is not None:
        _remember(draft, text.item_id, turn_index)
        if row.text:
            draft.texts.append(row)
    return msgspec.structs.replace(text, bound=True, turn_index=turn_index, row=row)


def _remember(draft: Draft, item_id: str, turn_index: int | None) -> None:
    if turn_index is not None:
        draft.call.item_turns[item_id] = turn_index


def _same(text: TextInput, role: str, item: m.Item) -> bool:
    return text.row.role == role and text.row.text == _text_of(item)


def _text_of(item: m.Item) -> str:
    return "\n".join(part.text for part in item.content if part.text)


def _row(
    draft: Draft,
    item_id: str,
    role: str,
    kind: str,
    *,
    text: str | None,
    reason: str | None = None,
    content_index: int = 0,
    turn_index: int | None = None,
    response_id: str | None = None,
) -> facts.Transcript:
    return facts.Transcript(
        session_id=draft.session_id,
        version=draft.version,
        item_id=item_id,
        content_index=content_index,
        role=role,
        kind=kind,
        text=text,
        reason=reason,
        turn_index=turn_index,
        response_id=response_id,
        at=draft.at,
        elapsed_ms=draft.now_ns / NS_PER_MS,
        first_delta_lag_reason="not_transcribed",
        completion_lag_reason="not_transcribed",
    )
