"""What the agent said and how much of it was heard: the playout clock, and what stops it (METRICS section 3).

Over WebSocket audio arrives faster than it is heard, so each delta is queued behind what is still playing. A response
that is cancelled, truncated or cleared is *cut*: what was not heard by then never is. A truncate says better than
our clock how much was heard of its item. Out-of-band audio does not take the floor and runs on a clock of its own.
"""

from collections.abc import Iterable

import msgspec

from pipeline.domain.audio import NS_PER_MS, duration_ns
from pipeline.domain.draft import Draft
from pipeline.domain.prices import nanos
from pipeline.domain.state import Call, ItemAudio, ResponseState, TurnState, Voice

_MINUTE_CHANGES_MAX = 256
"""Of one item; what comes after more of them counts as of the last, when it is told what was heard of it."""


def book_voice(draft: Draft) -> None:
    """Book the audio that came in since the last draft with its response and the current minute."""
    voice = draft.voice
    response = draft.response(voice.response_id) if voice.size else None
    if response is not None:
        _book(draft, response, voice.item_id, voice.size, voice.playout_end_ns)
    if voice.size:
        draft.voice = msgspec.structs.replace(voice, size=0)


def heard_voice(draft: Draft, response: ResponseState, item_id: str, size: int) -> None:
    """A delta came in that the hot path could not take: another item than before, out-of-band, or cut already."""
    length = duration_ns(size, response.bytes_per_second)
    if response.sounds_from_ns is None:
        response.sounds_from_ns = (
            draft.now_ns if response.out_of_band else max(draft.voice.playout_end_ns, draft.now_ns)
        )
    if response.cut_ns is not None:
        _book(draft, response, item_id, size, response.cut_ns)
    elif response.out_of_band:
        _book(draft, response, item_id, size, max(playout_end(response) or 0, draft.now_ns) + length)
    else:
        end = max(draft.voice.playout_end_ns, draft.now_ns) + length
        draft.voice = Voice(response.id, item_id, response.bytes_per_second, 0, end)
        _book(draft, response, item_id, size, end)
        response.settled = False


def _book(draft: Draft, response: ResponseState, item_id: str, size: int, end_ns: int) -> None:
    item = response.items.get(item_id)
    if item is None:
        item = response.items[item_id] = ItemAudio(item_id=item_id)
        item.cut_heard_ns = None if response.cut_ns is None else 0
    before = item.generated_ns
    item.size += size
    item.generated_ns = duration_ns(item.size, response.bytes_per_second)
    item.playout_end_ns = end_ns
    grown = item.generated_ns - before
    response.generated_ns += grown
    grow_minute(item, draft.minute, grown)
    draft.minute_state(draft.minute).generated_ns += grown
    draft.call.totals.generated_ns += grown
    metered = nanos(response.generated_ns, response.metered_per_minute)
    draft.book(metered=metered - response.metered_audio)
    response.metered_audio = metered
    draft.call.stale.costs.add(response.id)
    turn = draft.turn(response.turn_index)
    if turn is not None:
        turn.generated_ns += grown


def grow_minute(item: ItemAudio, minute: int, grown: int) -> None:
    """Say in which minute so much of it was generated."""
    last, length = item.minutes[-1] if item.minutes else (minute, 0)
    if last == minute:
        item.minutes[-1:] = [(minute, length + grown)]
    elif len(item.minutes) < _MINUTE_CHANGES_MAX:
        item.minutes.append((minute, grown))
    else:
        item.minutes[-1] = (last, length + grown)


def cut(draft: Draft, response: ResponseState, by: str) -> bool:
    """Stop a response's playout now, for good. False where it was cut before, or was nothing that could be heard."""
    if response.cut_ns is not None or not is_voiced(response):
        return False
    _fix_heard(draft, response)
    response.cut_ns, response.cut_by, response.settled = draft.now_ns, by, response.done_ns is not None
    if draft.voice.response_id in {response.id, ""}:
        # Also where the latest was cut before: what is cut now may be what it had waited behind.
        draft.voice = Voice(playout_end_ns=_silent_from_ns(draft))
    turn = draft.turn(response.turn_index)
    if turn is not None:
        turn.interrupted = True
    return True


def _silent_from_ns(draft: Draft) -> int:
    """When all that plays on will have been heard: a response that waited behind another may be cut before it."""
    on = (one for one in draft.call.responses.values() if one.cut_ns is None and one.items and not one.out_of_band)
    return max([draft.now_ns, *(playout_end(one) or 0 for one in on)])


def release_voice(draft: Draft, response: ResponseState) -> None:
    """The response is done: a delta that comes after all is no longer the hot path's business, a cut still is."""
    if draft.voice.response_id == response.id:
        draft.voice = msgspec.structs.replace(draft.voice, item_id="")


def truncate(response: ResponseState, item_id: str, audio_end_ms: float | None) -> None:
    if audio_end_ms is None:
        return
    item = response.items.get(item_id)
    if item is not None:
        item.truncated_ns = int(audio_end_ms * NS_PER_MS)
    elif is_elsewhere(response):
        response.truncated_ns = int(audio_end_ms * NS_PER_MS)


def settle(draft: Draft) -> None:
    """Renew the responses that are done and whose audio has now been heard to its end."""
    for response_id in [r.id for r in draft.call.responses.values() if settles_ns(r) < draft.now_ns]:
        response = draft.response(response_id)
        assert response is not None
        response.settled = True
        draft.tell()


def settles_ns(response: ResponseState) -> int:
    """When a response will be settled as things stand."""
    if response.settled or response.done_ns is None:
        return 1 << 62
    return max(playout_end(response) or 0, response.done_ns)


def book_heard(draft: Draft) -> None:
    """Before rows are told: what was heard of each response by now, into its turn, its minutes and the session.

    Of a response that is neither playing nor stale nothing can have changed.
    """
    call = draft.call
    for response_id, known in list(call.responses.items()):
        if response_id in call.stale.responses or (known.items and not known.settled):
            response = draft.response(response_id)
            assert response is not None
            _book_heard(draft, response)


def _book_heard(draft: Draft, response: ResponseState) -> None:
    now = heard_by_minute(response.items.values(), draft.now_ns)
    for minute, length in now.items():
        grown = length - response.heard_minutes.get(minute, 0)
        if grown and minute in draft.call.minutes:
            draft.minute_state(minute).heard_ns += grown
    grown = sum(now.values()) - response.heard_ns
    response.heard_minutes, response.heard_ns = now, response.heard_ns + grown
    draft.call.totals.heard_ns += grown
    turn = draft.turn(response.turn_index)
    if turn is not None:
        turn.heard_ns += grown


def stop_all(draft: Draft) -> None:
    """The session ended: what was not heard by now never is."""
    for response_id in [r.id for r in draft.call.responses.values() if not r.settled]:
        response = draft.response(response_id)
        assert response is not None
        _fix_heard(draft, response)
        response.settled = True
        draft.turn(response.turn_index)
    for response_id in [r.id for r in draft.call.responses.values() if _outlasts(r, draft.now_ns)]:
        response = draft.response(response_id)
        assert response is not None
        response.playout_stopped_ns = draft.now_ns
        draft.turn(response.turn_index)


def _outlasts(response: ResponseState, now_ns: int) -> bool:
    if response.cut_ns is not None or not is_voiced(response):
        return False
    end = playout_end(response)
    return end is None or end > now_ns


def _fix_heard(draft: Draft, response: ResponseState) -> None:
    for item in response.items.values():
        if item.cut_heard_ns is None:
            item.cut_heard_ns = _played(item, draft.now_ns)


def _played(item: ItemAudio, at_ns: int) -> int:
    return item.generated_ns - min(max(item.playout_end_ns - at_ns, 0), item.generated_ns)


# --- questions about a response


def is_voiced(response: ResponseState) -> bool:
    """There was something to hear."""
    return response.first_audio_ns is not None or response.playout_started_ns is not None


def heard_ns(response: ResponseState, at_ns: int) -> int:
    return sum(item_heard_ns(item, at_ns) for item in response.items.values())


def item_heard_ns(item: ItemAudio, at_ns: int) -> int:
    """By the player's word, else the playout clock when the agent yielded, else by now; never more than generated."""
    if item.truncated_ns is not None:
        return min(item.truncated_ns, item.generated_ns)
    if item.cut_heard_ns is not None:
        return min(item.cut_heard_ns, item.generated_ns)
    return _played(item, at_ns)


def heard_by_minute(items: Iterable[ItemAudio], at_ns: int) -> dict[int, int]:
    """UTC minute -> nanoseconds of the audio generated in it that were heard: of an item, its beginning."""
    heard: dict[int, int] = {}
    for item in items:
        left = item_heard_ns(item, at_ns)
        for minute, length in item.minutes:
            heard[minute] = heard.get(minute, 0) + min(left, length)
            left -= min(left, length)
    return heard


def is_elsewhere(response: ResponseState) -> bool:
    """It was heard, and none of its audio passed the recorder (WebRTC, SIP)."""
    return response.elsewhere and not response.items


class Lengths(msgspec.Struct, frozen=True):
    """What was generated and heard of something, in nanoseconds; None with a reason where the log can't say."""

    generated_ns: int | None
    heard_ns: int | None
    reason: str | None = None

    @property
    def unheard_ns(self) -> int | None:
        return None if self.generated_ns is None or self.heard_ns is None else self.generated_ns - self.heard_ns


def lengths(response: ResponseState) -> Lengths:
    """As last booked. Of audio that is elsewhere, only its player can say what was heard."""
    if not is_elsewhere(response):
        return Lengths(response.generated_ns, response.heard_ns)
    return Lengths(None, _heard_elsewhere(response), "audio_elsewhere")


def _heard_elsewhere(response: ResponseState) -> int | None:
    if response.truncated_ns is not None:
        return response.truncated_ns
    begun, ended = response.playout_started_ns, response.playout_stopped_ns
    return None if begun is None or ended is None or ended < begun else ended - begun


def turn_lengths(call: Call, turn: TurnState) -> Lengths:
    """The same of a turn, of which the log can say no more than of its responses."""
    away = [one for one in call.responses.values() if one.turn_index == turn.index and is_elsewhere(one)]
    if not away:
        return Lengths(turn.generated_ns, turn.heard_ns)
    heard = [_heard_elsewhere(response) for response in away]
    known = None if None in heard else turn.heard_ns + sum(length for length in heard if length is not None)
    return Lengths(None, known, "audio_elsewhere")


def heard_basis(response: ResponseState) -> str | None:
    if not response.items:
        if is_elsewhere(response) and response.truncated_ns is not None:
            return "truncate"
        return "output_buffer" if response.playout_started_ns is not None else None
    return "truncate" if any(item.truncated_ns is not None for item in response.items.values()) else "playout"


def playout_end(response: ResponseState) -> int | None:
    """When the last of it is or was heard: at its cut, else as the player said, else by the clock."""
    if not is_voiced(response):
        return None
    if response.cut_ns is not None:
        return response.cut_ns
    if response.playout_stopped_ns is not None or not response.items:
        return response.playout_stopped_ns
    return max(item.playout_end_ns for item in response.items.values())


def position_ns(response: ResponseState, at_ns: int) -> int | None:
    """How much of it had been played."""
    if response.items:
        return heard_ns(response, at_ns)
    return None if response.playout_started_ns is None else at_ns - response.playout_started_ns


def floor_holder(call: Call, now_ns: int) -> ResponseState | None:
    """The response that is being heard: the latest whose playout began and has not ended.

    Not one that waits for its turn behind another.
    """
    for response in reversed(call.responses.values()):
        if not response.out_of_band and response.cut_ns is None and _is_playing(response, now_ns):
            return response
    return None


def _is_playing(response: ResponseState, now_ns: int) -> bool:
    """A stall between two deltas does not give up the floor: more is to come."""
    if response.playout_started_ns is not None:
        return response.playout_stopped_ns is None
    if response.sounds_from_ns is None or now_ns < response.sounds_from_ns:
        return False
    unfinished = not response.audio_finished and response.done_ns is None
    return unfinished or now_ns < (playout_end(response) or 0)
