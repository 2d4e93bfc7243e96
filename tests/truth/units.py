"""What the tables are told in: milliseconds, UTC to the microsecond, and how much of an answer was heard."""

from datetime import UTC, datetime, timedelta

from tests.truth.truths import Answer, Truth
from tests.truth.world import NS_PER_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_MS


def to_utc(at_ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=at_ns // 1000)


def heard_ns(truth: Truth, answer: Answer) -> int:
    return sum(item_heard_ns(truth, answer, item_id) for item_id in truth.player.items(answer.id))


def item_heard_ns(truth: Truth, answer: Answer, item_id: str) -> int:
    """By the player's own word where it gave one; never more than there was."""
    told = answer.truncated_ms.get(item_id)
    if told is not None:
        length = sum(piece.length_ns for piece in truth.player.of_item(answer.id, item_id))
        return min(round(told * NS_PER_MS), length)
    assert truth.closed is not None
    return truth.player.played_ns(answer.id, item_id, truth.closed.ns)
