"""What a translation session says and hears: a stream without items, responses or turns (PROTOCOL section 4.11).

Its audio is one `output_audio` cost row, metered as it comes; it is billed with the session's time. Its texts come as
pieces without an end: a row each is told when a sentence has ended, at the latest when the session does.
"""

from pipeline.domain import costs, facts, playout
from pipeline.domain import messages as m
from pipeline.domain.audio import NS_PER_MS, duration_ns
from pipeline.domain.draft import Draft, utc
from pipeline.domain.prices import nanos
from pipeline.domain.state import ItemAudio, Speech, Translated

_RATE, _BYTES_PER_SAMPLE = 24_000, 2
_TEXT_MAX = 2000
"""Characters of a sentence that does not end; then it is told as it is."""
_SENTENCE_ENDS = (".", "?", "!", "\N{HORIZONTAL ELLIPSIS}")
_UNSPACED = "\N{CJK RADICAL REPEAT}"
"""From here on are scripts without spaces between sentences: what is translated into may change in mid-session."""
_WIDE_ENDS = ("\N{IDEOGRAPHIC FULL STOP}", "\N{FULLWIDTH QUESTION MARK}", "\N{FULLWIDTH EXCLAMATION MARK}")


def audio_delta(draft: Draft, message: m.TranslatedAudio) -> None:
    """Heard after what is still playing, as any audio that comes faster than it is heard."""
    stream = draft.call.translated or _begin(draft, message)
    audio, before = stream.audio, stream.audio.generated_ns
    audio.size += message.size
    audio.generated_ns = duration_ns(audio.size, stream.bytes_per_second)
    grown = audio.generated_ns - before
    audio.playout_end_ns = max(audio.playout_end_ns, draft.now_ns) + grown
    playout.grow_minute(audio, draft.minute, grown)
    draft.minute_state(draft.minute).generated_ns += grown
    draft.call.totals.generated_ns += grown
    metered = nanos(audio.generated_ns, stream.per_minute)
    draft.book(metered=metered - stream.booked_nanos)
    stream.booked_nanos = metered
    draft.call.stale.translated = True


def _begin(draft: Draft, message: m.TranslatedAudio) -> Translated:
    rate, channels = message.sample_rate or _RATE, message.channels or 1
    stream = draft.call.translated = Translated(
        began=draft.moment,
        audio=ItemAudio(item_id="translation"),
        bytes_per_second=rate * channels * _BYTES_PER_SAMPLE,
        per_minute=costs.metered_price(draft, "audio_out_minute"),
    )
    draft.tell()
    return stream


def book_heard(draft: Draft) -> None:
    """Before rows are told: what was heard of it by now, into its minutes and the session."""
    stream = draft.call.translated
    if stream is None:
        return
    now = playout.heard_by_minute([stream.audio], draft.now_ns)
    for minute, length in now.items():
        grown = length - stream.heard_minutes.get(minute, 0)
        if grown and minute in draft.call.minutes:
            draft.minute_state(minute).heard_ns += grown
    grown = sum(now.values()) - stream.heard_ns
    stream.heard_minutes, stream.heard_ns = now, stream.heard_ns + grown
    draft.call.totals.heard_ns += grown


def row(draft: Draft, stream: Translated) -> facts.Cost:
    return facts.Cost(
        session_id=draft.session_id,
        version=draft.version,
        seq=stream.began.seq,
        kind="output_audio",
        at=utc(stream.began.seen_at_ns),
        model=draft.call.config.model or draft.call.asked_model,
        audio_ms=stream.audio.generated_ns / NS_PER_MS,
        metered_usd_nanos=None if stream.per_minute is None else stream.booked_nanos,
        metered_list=draft.rules.metered.name,
        metered_reason="no_price" if stream.per_minute is None else None,
        billed_reason="not_billed",
    )


# --- its texts


def text_delta(draft: Draft, message: m.TranslationText) -> None:
    """Pieces are put together as they are, without a space of ours."""
    texts = draft.call.translation_texts
    said = texts.get(message.role)
    if said is not None and _ends_before(said.text, message.delta):
        _tell(draft, message.role, said)
        said = None
    began = draft.moment if said is None else said.began
    stream_ms = message.elapsed_ms if said is None else said.stream_ms
    text = ("" if said is None else said.text) + message.delta
    draft.call.translation_texts = texts | {message.role: Speech(began, draft.moment, stream_ms, text)}


def _ends_before(text: str, following: str) -> bool:
    if len(text) + len(following) > _TEXT_MAX or text.endswith(_WIDE_ENDS):
        return True
    return text.endswith(_SENTENCE_ENDS) and (following[:1].isspace() or following[:1] >= _UNSPACED)


def ended(draft: Draft) -> None:
    """The session is over: what was not heard by now never is, and its last sentences are all there are."""
    for role, said in draft.call.translation_texts.items():
        _tell(draft, role, said)
    draft.call.translation_texts = {}
    stream = draft.call.translated
    if stream is not None:
        stream.audio.cut_heard_ns = playout.item_heard_ns(stream.audio, draft.now_ns)
        draft.call.stale.translated = True


def _tell(draft: Draft, role: str, said: Speech) -> None:
    text = said.text.strip()
    if text:
        draft.texts.append(
            facts.Transcript(
                session_id=draft.session_id,
                version=draft.version,
                item_id=f"{role}#{said.began.seq}",
                content_index=0,
                role=role,
                kind="audio",
                text=text,
                at=utc(said.last.seen_at_ns),
                elapsed_ms=said.last.elapsed_ns / NS_PER_MS,
                stream_elapsed_ms=said.stream_ms,
                first_delta_lag_reason="not_transcribed",
                completion_lag_reason="not_transcribed",
            )
        )
