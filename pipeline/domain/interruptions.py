"""User and agent speaking at once, and what it was (METRICS section 3).

An overlap opens when user speech starts while the agent holds the floor, or when the agent's first audio comes while
the user speaks. It is decided once the log can't change it: the agent yielded or the window to do so has passed, the
speech is over, and its transcript is there, failed, or was waited for; at the latest when the session ends. A
transcript that comes later still corrects the class. Long speech that the agent talked through is waited for as long
as it takes, because its row could not be taken back.

Where the speech was transcribed its words decide; how long it lasted decides only where they are unknown. Noise (an
empty transcript) that the agent talked through is no interruption, and has no row.
"""

import re

import msgspec

from pipeline.domain import facts, playout
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.draft import Draft, utc
from pipeline.domain.prices import nanos
from pipeline.domain.rules import Rules
from pipeline.domain.state import NEVER, OverlapState, ResponseState, SpeechState


class Verdict(msgspec.Struct, frozen=True):
    class_: str | None
    """None: no interruption after all."""
    reason: str


def speech_began(draft: Draft, speech: SpeechState) -> None:
    holder = playout.floor_holder(draft.call, draft.now_ns)
    if holder is not None:
        _open(draft, holder, speech, cut_in=False)


def cut_in(draft: Draft, response: ResponseState) -> None:
    """The agent began to be heard. If the user is speaking, it cut in; unless it had the floor already."""
    holder = playout.floor_holder(draft.call, draft.now_ns)
    if holder is not None and holder.id != response.id:
        return
    speech = draft.call.speeches.get(draft.call.speaking or "")
    known = any(one.cut_in and one.response_id == response.id for one in draft.call.overlaps.values())
    if speech is not None and not response.out_of_band and not known:
        _open(draft, response, speech, cut_in=True)


def _open(draft: Draft, response: ResponseState, speech: SpeechState, *, cut_in: bool) -> None:
    draft.tell()
    draft.call.overlaps[draft.moment.seq] = OverlapState(
        began=draft.moment,
        cut_in=cut_in,
        item_id=speech.item_id,
        response_id=response.id,
        turn_index=response.turn_index,
        position_ns=0 if cut_in else playout.position_ns(response, draft.now_ns),
    )


def yielded(draft: Draft, response: ResponseState) -> None:
    """The response was cut. Within the window of an overlap that is the agent giving up the floor."""
    for seq, overlap in list(draft.call.overlaps.items()):
        late = draft.now_ns > overlap.began.elapsed_ns + draft.rules.yield_window_ms * NS_PER_MS
        if overlap.response_id == response.id and overlap.yield_ns is None and not overlap.decided and not late:
            mine = draft.overlap(seq)
            mine.yielded_by, mine.yield_ns = response.cut_by, response.cut_ns


def decide(draft: Draft, *, final: bool = False) -> None:
    """Give a class to each overlap that nothing can change any more; to all of them when the session ends."""
    for seq, overlap in list(draft.call.overlaps.items()):
        if not overlap.decided:
            verdict = _verdict(draft, overlap, final=final)
            if verdict is not None:
                _give(draft, draft.overlap(seq), verdict)


def reconsider(draft: Draft, item_id: str) -> None:
    """Words came after it was decided without them."""
    for seq, overlap in list(draft.call.overlaps.items()):
        if overlap.decided and overlap.item_id == item_id:
            verdict = _verdict(draft, overlap, final=True)
            if verdict is not None and verdict.class_ is not None:
                _give(draft, draft.overlap(seq), verdict)


def _give(draft: Draft, overlap: OverlapState, verdict: Verdict) -> None:
    if overlap.class_ is None and verdict.class_ is not None:
        draft.call.totals.interruptions += 1
    draft.tell()
    overlap.decided, overlap.class_, overlap.reason = True, verdict.class_, verdict.reason


def wake_ns(overlap: OverlapState, speech: SpeechState | None, now_ns: int, rules: Rules) -> int:
    """The next moment at which time alone decides something."""
    window = rules.yield_window_ms * NS_PER_MS
    ends = [overlap.began.elapsed_ns + window]
    if speech is not None and speech.stopped_ns is not None:
        ends += [speech.stopped_ns + window, speech.stopped_ns + rules.transcript_wait_ms * NS_PER_MS]
    return NEVER if overlap.decided else min((end for end in ends if end >= now_ns), default=NEVER)


# --- the classes


def _verdict(draft: Draft, overlap: OverlapState, *, final: bool) -> Verdict | None:
    """None while something may still change it."""
    speech = draft.call.speeches.get(overlap.item_id)
    if not final and _may_change(overlap, speech, draft.rules, draft.now_ns):
        return None
    if overlap.cut_in:
        return Verdict("agent_cut_in", "the agent's first audio came while the user was speaking")
    if speech is None:
        # So long open that the speech is no longer remembered.
        return Verdict("talked_over" if overlap.yield_ns is None else "barge_in", "the user's speech did not end")
    if speech.transcript is not None:
        return _by_words(overlap, speech, draft.rules, draft.now_ns)
    if overlap.yield_ns is not None and speech.stopped_ns is not None and not speech.committed:
        return Verdict("false_interruption", "the agent yielded, but no user turn followed")
    return _by_length(overlap, speech, draft.rules, draft.now_ns)


def _may_change(overlap: OverlapState, speech: SpeechState | None, rules: Rules, now_ns: int) -> bool:
    window = rules.yield_window_ms * NS_PER_MS
    if overlap.yield_ns is None and now_ns <= overlap.began.elapsed_ns + window:
        return True
    if speech is None or speech.stopped_ns is None:
        return speech is not None
    if overlap.cut_in or speech.transcript is not None:
        return False
    if overlap.yield_ns is not None and not speech.committed:
        return now_ns <= speech.stopped_ns + window
    in_time = now_ns <= speech.stopped_ns + rules.transcript_wait_ms * NS_PER_MS
    # An empty transcript would make it nothing at all, and a row that was told can't be taken back.
    revocable = overlap.yield_ns is None and not _is_short(speech, rules, now_ns)
    return speech.transcription_expected and not speech.transcription_over and (in_time or revocable)


def _by_words(overlap: OverlapState, speech: SpeechState, rules: Rules, now_ns: int) -> Verdict:
    words = words_of(speech.transcript or "")
    if not words:
        return _without_words(overlap, speech, rules, now_ns)
    if is_backchannel(words, rules):
        return Verdict("backchannel", "a short acknowledgement")
    if overlap.yield_ns is not None:
        return Verdict("barge_in", "the agent yielded, and words followed")
    return Verdict("talked_over", "words, and the agent did not yield")


def _without_words(overlap: OverlapState, speech: SpeechState, rules: Rules, now_ns: int) -> Verdict:
    if overlap.yield_ns is not None:
        return Verdict("false_interruption", "the agent yielded, but the transcript is empty")
    if _is_short(speech, rules, now_ns):
        return Verdict("backchannel", f"no words, and less than {rules.speech_min_ms} ms of speech")
    return Verdict(None, "no words, and the agent talked on")


def _by_length(overlap: OverlapState, speech: SpeechState, rules: Rules, now_ns: int) -> Verdict:
    """Nothing is transcribed."""
    if _is_short(speech, rules, now_ns):
        return Verdict("backchannel", f"less than {rules.speech_min_ms} ms of speech, not transcribed")
    at_least = f"at least {rules.speech_min_ms} ms of speech, not transcribed"
    if overlap.yield_ns is not None:
        return Verdict("barge_in", f"the agent yielded; {at_least}")
    return Verdict("talked_over", f"the agent did not yield; {at_least}")


def _is_short(speech: SpeechState, rules: Rules, now_ns: int) -> bool:
    return speech_ns(speech, now_ns) < rules.speech_min_ms * NS_PER_MS


def speech_ns(speech: SpeechState, now_ns: int) -> int:
    """By the VAD's positions where they are known, else by when its events were seen."""
    if speech.user_speech_ns is not None:
        return speech.user_speech_ns
    ended = speech.stopped_ns if speech.ended_ns is None else speech.ended_ns
    return max((now_ns if ended is None else ended) - speech.started.elapsed_ns, 0)


_WORD = re.compile(r"[\w'\u2019-]+")


def words_of(text: str) -> list[str]:
    return [word for found in _WORD.findall(text.casefold()) if (word := found.strip("'\u2019-_"))]


def is_backchannel(words: list[str], rules: Rules) -> bool:
    """At most two words that are an acknowledgement together, or each for itself, in any of the languages."""
    if len(words) > rules.backchannel_words_max:
        return False
    known = {word for language in rules.backchannels.values() for word in language}
    return " ".join(words) in known or all(word in known for word in words)


# --- the row


def row(draft: Draft, overlap: OverlapState) -> facts.Interruption:
    assert overlap.class_ is not None
    response = draft.call.responses.get(overlap.response_id)
    speech = draft.call.speeches.get(overlap.item_id)
    lengths = _lengths(response)
    unheard = lengths.unheard_ns
    price = response.metered_per_minute if response is not None else None
    both = ends(response, speech, draft.now_ns)
    return facts.Interruption(
        session_id=draft.session_id,
        version=draft.version,
        seq=overlap.began.seq,
        class_=overlap.class_,
        turn_index=overlap.turn_index,
        response_id=overlap.response_id,
        user_item_id=overlap.item_id,
        at=utc(overlap.began.seen_at_ns),
        elapsed_ms=overlap.began.elapsed_ns / NS_PER_MS,
        position_in_response_ms=_ms(overlap.position_ns),
        overlap_ms=_ms(None if both is None else both.overlap_ns(overlap.began.elapsed_ns)),
        yielded=overlap.yield_ns is not None,
        yielded_by=overlap.yielded_by,
        time_to_yield_ms=_ms(None if overlap.yield_ns is None else overlap.yield_ns - overlap.began.elapsed_ns),
        generated_ms=_ms(lengths.generated_ns),
        heard_ms=_ms(lengths.heard_ns),
        unheard_ms=_ms(unheard),
        audio_reason=lengths.reason,
        unheard_usd_nanos=None if unheard is None or price is None else nanos(unheard, price),
        user_speech_ms=_ms(None if speech is None else speech.user_speech_ns),
        transcript=None if speech is None else speech.transcript,
        reason=overlap.reason,
        yield_window_ms=draft.rules.yield_window_ms,
        speech_min_ms=draft.rules.speech_min_ms,
        transcript_wait_ms=draft.rules.transcript_wait_ms,
    )


def _lengths(response: ResponseState | None) -> playout.Lengths:
    return playout.Lengths(None, None, "forgotten") if response is None else playout.lengths(response)


class Ends(msgspec.Struct, frozen=True):
    """When each of the two fell silent, on the session's clock; one who has not did so by now."""

    agent_ns: int
    user_ns: int

    def overlap_ns(self, began_ns: int) -> int:
        """Until one of them fell silent."""
        return max(min(self.agent_ns, self.user_ns) - began_ns, 0)


def ends(response: ResponseState | None, speech: SpeechState | None, now_ns: int) -> Ends | None:
    if response is None or speech is None:
        return None
    agent_end = playout.playout_end(response)
    user_end = speech.stopped_ns if speech.ended_ns is None else speech.ended_ns
    return Ends(now_ns if agent_end is None else agent_end, now_ns if user_end is None else user_end)


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_MS
