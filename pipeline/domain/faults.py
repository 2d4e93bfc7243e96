"""What is wrong with the log itself: clocks that jump, audio that was cut, messages that can't be read."""

from pipeline.domain import facts
from pipeline.domain import messages as m
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.draft import Draft
from pipeline.domain.hotpath import JUMP_NS
from pipeline.domain.state import ResponseState

NS_PER_AUDIO_TOKEN = 50 * NS_PER_MS
"""The agent's audio is billed at a token for each 50 ms (PROTOCOL section 5.3)."""
_CUT_NS = 500 * NS_PER_MS
"""Less than this may be missing: the last audio of a response is billed before all of it has been sent."""


def clocks(draft: Draft, message: m.Message, elapsed_ns: int) -> None:
    """Found at the first event that shows it; not at one of unknown type, which must change no row."""
    if isinstance(message, m.Unknown):
        return
    _monotonic(draft, max(draft.before.now_ns - elapsed_ns, 0))
    offset_ns = draft.moment.seen_at_ns - elapsed_ns
    jumped_ns = offset_ns - draft.offset_ns
    if abs(jumped_ns) > JUMP_NS:
        draft.offset_ns = offset_ns
        _add(
            draft, "clock_jump", jumped_ns, "the wall clock was set; durations are not affected, dates and minutes are"
        )


def _monotonic(draft: Draft, behind_ns: int) -> None:
    """Told once until it has caught up, or each event of the meantime would be a row."""
    if behind_ns > draft.call.clock_behind_ns:
        says = "the monotonic clock ran back; times are held at the latest seen"
        _add(draft, "clock_backwards", behind_ns, says)
        draft.call.clock_behind_ns = behind_ns
    elif behind_ns == 0:
        draft.call.clock_behind_ns = 0


def audio_cut(draft: Draft, response: ResponseState) -> None:
    """The API billed more agent audio than the log holds: payloads were shortened, or events lost."""
    billed_ns = (response.tokens.audio_out or 0) * NS_PER_AUDIO_TOKEN
    missing_ns = billed_ns - response.generated_ns
    if response.items and response.status == "completed" and missing_ns > max(_CUT_NS, billed_ns // 2):
        logged_ms, billed_ms = response.generated_ns / NS_PER_MS, billed_ns / NS_PER_MS
        says = f"response {response.id}: {billed_ms:g} ms of audio billed, {logged_ms:g} ms in the log"
        _add(draft, "audio_cut", missing_ns, says)


def unreadable(draft: Draft, message: m.Unreadable) -> None:
    _add(draft, "unreadable", None, message.type)


def _add(draft: Draft, kind: str, amount_ns: int | None, detail: str) -> None:
    draft.facts.append(
        facts.LogFault(
            session_id=draft.session_id,
            version=draft.version,
            seq=draft.moment.seq,
            kind=kind,
            at=draft.at,
            elapsed_ms=draft.now_ns / NS_PER_MS,
            amount_ms=None if amount_ns is None else amount_ns / NS_PER_MS,
            detail=detail,
        )
    )
