"""What an overlap of user and agent was, by METRICS section 3, for one who knows what the user meant."""

from tests.truth.player import Player
from tests.truth.truths import Answer, Overlap
from tests.truth.world import NS_PER_MS

WINDOW_NS = 2000 * NS_PER_MS
SPEECH_MIN_MS = 1000


def yield_ns(overlap: Overlap) -> int | None:
    """How long after the overlap began the agent fell silent, if it did so because of it."""
    cut_ns = overlap.answer.cut_ns
    if cut_ns is None or not overlap.seen.ns <= cut_ns <= overlap.seen.ns + WINDOW_NS:
        return None
    return cut_ns - overlap.seen.ns


def class_of(overlap: Overlap, closed_ns: int) -> str | None:
    """None: nothing at all, such as a noise that nobody minded."""
    spoken, yielded = overlap.utterance, yield_ns(overlap) is not None
    if overlap.cut_in:
        return "agent_cut_in"
    if spoken.transcript is None:
        return _untranscribed(overlap, closed_ns, yielded=yielded)
    if spoken.meant == "noise":
        return _noise(overlap, closed_ns, yielded=yielded)
    if spoken.meant == "acknowledgement":
        return "backchannel"
    return "barge_in" if yielded else "talked_over"


def _untranscribed(overlap: Overlap, closed_ns: int, *, yielded: bool) -> str:
    if yielded and overlap.utterance.stopped_seen is not None and overlap.utterance.committed_seen is None:
        return "false_interruption"
    if _length_ms(overlap, closed_ns) < SPEECH_MIN_MS:
        return "backchannel"
    return "barge_in" if yielded else "talked_over"


def _noise(overlap: Overlap, closed_ns: int, *, yielded: bool) -> str | None:
    if yielded:
        return "false_interruption"
    return "backchannel" if _length_ms(overlap, closed_ns) < SPEECH_MIN_MS else None


def _length_ms(overlap: Overlap, closed_ns: int) -> float:
    """Of the speech; of one whose positions nobody told, as long as it was seen to last."""
    spoken = overlap.utterance
    if spoken.positions_known or spoken.started_seen is None:
        return spoken.length_ms
    end_ns = closed_ns if spoken.perceived_end_ns is None else spoken.perceived_end_ns
    return (end_ns - spoken.started_seen.ns) / NS_PER_MS


def overlap_ns(overlap: Overlap, agent_silent_ns: int | None, closed_ns: int) -> int:
    """Until one of the two fell silent."""
    user_ns = overlap.utterance.perceived_end_ns
    ends = [closed_ns if end is None else end for end in (agent_silent_ns, user_ns)]
    return max(min(ends) - overlap.seen.ns, 0)


def silent_ns(answer: Answer, player: Player) -> int | None:
    """When the last of an answer was heard."""
    if answer.cut_ns is not None:
        return answer.cut_ns
    if answer.playout_started_ns is not None:
        return answer.playout_stopped_ns
    return player.ends_ns(answer.id)
