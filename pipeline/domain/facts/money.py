"""Rows about what a session costs, and how much audio each minute held."""

from datetime import datetime
from typing import ClassVar

from pipeline.domain.facts.row import Row


class Cost(Row, frozen=True, kw_only=True):
    """A priced thing, on both bases. Money is integer nano-dollars."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "seq", "kind")

    seq: int
    """response: of `response.created`; transcription: of its `completed`; input_audio: of the first append since the
    last commit (where the audio does not pass the recorder, of the commit itself); output_audio: of a translation's
    first audio; session_time: of the session's close."""
    kind: str
    """response, transcription, input_audio, output_audio, session_time."""
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
    """Why there is no metered cost, or only that of the audio because the text tokens are unknown. `unmetered` of
    sessions and minutes counts all but not_metered and in_progress."""
    billed_usd_nanos: int | None = None
    billed_list: str | None = None
    billed_reason: str | None = None
    """Why there is no billed cost. `unpriced` of sessions and minutes counts all but not_billed and in_progress."""
    estimated: bool = False
    """The usage lacked details (cached tokens not split): priced by the documented rule."""


class AudioMinute(Row, frozen=True, kw_only=True):
    """A UTC minute of a session: audio in, generated, heard, and its cost on both bases."""

    key: ClassVar[tuple[str, ...]] = ("session_id", "minute")

    minute: datetime
    model: str | None = None
    audio_in_ms: float | None = None
    generated_ms: float | None = None
    heard_ms: float | None = None
    """Of the audio generated in this minute, how much was heard."""
    audio_reason: str | None = None
    """Why lengths of audio are missing."""
    metered_usd_nanos: int = 0
    unmetered: int = 0
    """Things in this minute whose metered cost is unknown, or known only in part."""
    billed_usd_nanos: int = 0
    unpriced: int = 0
    """Things in this minute whose billed cost is unknown."""
