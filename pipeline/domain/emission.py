"""The end of a draft: which rows it renews, what is forgotten, and the state that it becomes."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from pipeline.domain import (
    costs,
    interruptions,
    latency,
    minutes,
    playout,
    responses,
    sessions,
    tools,
    translation,
    untimed,
)
from pipeline.domain.draft import Draft
from pipeline.domain.facts import Fact
from pipeline.domain.state import NEVER, SessionState, Stale

K = TypeVar("K")
V = TypeVar("V")

TURNS_MAX = 16
RESPONSES_MAX = 16
FORGOTTEN_MAX = 512
SPEECHES_MAX = 16
OVERLAPS_MAX = 16
TOOLS_MAX = 64
ITEM_TURNS_MAX = 64
MINUTES_MAX = 128


def finished(draft: Draft, counted: SessionState) -> tuple[SessionState, tuple[Fact, ...]]:
    """The state after the draft, and the rows that changed."""
    telling = draft.telling
    if telling:
        playout.book_heard(draft)
        translation.book_heard(draft)
    rows = _coalesced(_told(draft, counted) if telling else draft.texts)
    if draft.call.untimed:
        rows = untimed.known(rows)
    if telling:
        draft.call.stale = Stale()
        _forget(draft)
    state = msgspec.structs.replace(
        counted,
        minute=draft.minute,
        offset_ns=draft.offset_ns,
        wake_ns=_wake_ns(draft) if telling else draft.before.wake_ns,
        closed=draft.closed,
        streaming=draft.call.stretch is not None,
        intake=draft.intake,
        voice=draft.voice,
        call=draft.call,
    )
    return state, rows


# --- rows


def _coalesced(told: Iterable[Fact]) -> tuple[Fact, ...]:
    """At most one row of a key: of two told in one step the later holds."""
    rows = {(type(row), *[getattr(row, name) for name in row.key]): row for row in told}
    return tuple(rows.values())


def _told(draft: Draft, counted: SessionState) -> Iterator[Fact]:
    """All that is stale at once, so that no row contradicts another; and the session, whose totals say the sums."""
    call, stale = draft.call, draft.call.stale
    yield from draft.texts
    yield from draft.facts
    if stale.stretch and call.stretch is not None:
        yield costs.stretch_row(draft, call.stretch)
    if stale.translated and call.translated is not None:
        yield translation.row(draft, call.translated)
    for turn in [call.turns[index] for index in sorted(stale.turns) if index in call.turns]:
        yield latency.row(draft, turn)
    for response in list(call.responses.values()):
        if response.id in stale.responses:
            yield responses.row(draft, response)
        if response.id in stale.costs:
            yield costs.response_row(draft, response)
    for tool in draft.tools_changed:
        yield tools.row(draft, tool)
    yield from _overlaps(draft)
    yield from minutes.rows(draft)
    yield sessions.row(draft, counted)


def _overlaps(draft: Draft) -> Iterator[Fact]:
    """Those that were decided or corrected, and those whose response was heard further, or less, than was told."""
    for overlap in draft.call.overlaps.values():
        if overlap.class_ is not None and overlap.response_id in draft.call.stale.responses:
            draft.overlap(overlap.began.seq)
    for overlap in draft.overlaps_changed:
        if overlap.class_ is not None:
            yield interruptions.row(draft, overlap)


# --- what time alone will bring


def _wake_ns(draft: Draft) -> int:
    call, rules, now_ns = draft.call, draft.rules, draft.now_ns
    settling = (playout.settles_ns(response) for response in call.responses.values())
    deciding = (
        interruptions.wake_ns(overlap, call.speeches.get(overlap.item_id), now_ns, rules)
        for overlap in call.overlaps.values()
    )
    return NEVER if draft.closed else min((*settling, *deciding), default=NEVER)


# --- what is bounded by what


def _forget(draft: Draft) -> None:
    """Keep the latest of each. What is forgotten has its rows; an event that would change them comes too late."""
    call = draft.call
    _keep(call.turns, TURNS_MAX)
    oldest_turn = next(iter(call.turns), 0)
    for response in list(call.responses.values()):
        outlived = response.turn_index is not None and response.turn_index < oldest_turn
        if outlived or len(call.responses) > RESPONSES_MAX:
            del call.responses[response.id]
            call.forgotten_responses = (*call.forgotten_responses, response.id)[-FORGOTTEN_MAX:]
    _keep(call.speeches, SPEECHES_MAX)
    _keep(call.overlaps, OVERLAPS_MAX)
    _keep(call.tools, TOOLS_MAX)
    _keep(call.item_turns, ITEM_TURNS_MAX)
    _keep(call.item_transcribers, ITEM_TURNS_MAX)
    while len(call.minutes) > MINUTES_MAX:
        forgotten = next(iter(call.minutes))
        call.forgotten_minute = max(call.forgotten_minute, forgotten)
        del call.minutes[forgotten]


def _keep(kept: dict[K, V], at_most: int) -> None:
    while len(kept) > at_most:
        del kept[next(iter(kept))]
