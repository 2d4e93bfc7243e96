"""The UTC minutes of a session: audio in, generated and heard, and what it cost (METRICS section 5)."""

from collections.abc import Iterator

from pipeline.domain import facts
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.draft import Draft, minute_start


def rows(draft: Draft) -> Iterator[facts.AudioMinute]:
    """The minutes in which something changed since they were last told."""
    for minute in sorted(draft.call.stale.minutes):
        state = draft.call.minutes[minute]
        silent = draft.call.media_elsewhere and not (state.audio_in_ns or state.generated_ns)
        yield facts.AudioMinute(
            session_id=draft.session_id,
            version=draft.version,
            minute=minute_start(minute),
            model=state.model,
            audio_in_ms=None if silent else state.audio_in_ns / NS_PER_MS,
            generated_ms=None if silent else state.generated_ns / NS_PER_MS,
            heard_ms=None if silent else state.heard_ns / NS_PER_MS,
            audio_reason="audio_elsewhere" if silent else None,
            metered_usd_nanos=state.metered,
            unmetered=state.unmetered,
            billed_usd_nanos=state.billed,
            unpriced=state.unpriced,
        )
