"""Minutes that run: each session's share once, however often it is told."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline import live_minutes
from pipeline.domain import facts
from pipeline.live_minutes import Booking, Shares
from tests.pipeline.builders import NOON, turn_row


def minute_row(session: str, minute: int = 0, **numbers: float) -> facts.AudioMinute:
    return facts.AudioMinute(
        session_id=session,
        version=1,
        minute=NOON + timedelta(minutes=minute),
        **numbers,  # type: ignore[arg-type]
    )


def booked(*told: facts.Fact) -> dict[tuple[int, int], Shares]:
    booking = Booking()
    booking.add(0, told)
    return booking.take()


AT_NOON = (0, int(NOON.timestamp()))
TOLD: list[facts.Fact] = [
    minute_row("a", audio_in_ms=100, metered_usd_nanos=5),
    minute_row("a", audio_in_ms=200, metered_usd_nanos=9),
    minute_row("b", generated_ms=50, billed_usd_nanos=7),
    turn_row("a", 0, perceived_latency_ms=700.0, first_output_elapsed_ms=900.0),
    turn_row("a", 0, perceived_latency_ms=700.0, first_output_elapsed_ms=900.0),
    turn_row("a", 1, perceived_latency_ms=300.0, first_output_elapsed_ms=900.0),
    turn_row("b", 0),
]


def test_the_last_word_of_each_session_counts_and_each_wait_once() -> None:
    known = live_minutes.summed([booked(*TOLD)[AT_NOON]])

    assert (known.sessions, known.audio_in_ms, known.generated_ms) == (2, 200, 50)
    assert (known.metered_usd_nanos, known.billed_usd_nanos) == (9, 7)
    assert known.perceived_ms == (300.0, 700.0)


def test_a_turn_counts_in_the_minute_in_which_it_was_answered() -> None:
    late = turn_row("a", 0, perceived_latency_ms=1.0, opened_elapsed_ms=1_000.0, first_output_elapsed_ms=70_000.0)

    [(_, minute)] = booked(late)

    assert minute == AT_NOON[1] + 60


@given(st.lists(st.sampled_from(TOLD)), st.integers(0, 10))
def test_told_again_in_pieces_and_kept_in_between_it_is_the_same(again: list[facts.Fact], cut: int) -> None:
    first, second = [*TOLD[:cut], *again], TOLD
    kept: Shares = {}
    for told in (first, second):
        for shares in [booked(*told).get(AT_NOON, {})]:
            kept = live_minutes.decode(live_minutes.encode(live_minutes.merged(kept, shares)))

    assert live_minutes.summed([kept]) == live_minutes.summed([booked(*TOLD)[AT_NOON]])


def test_what_can_not_be_read_is_an_empty_minute() -> None:
    assert live_minutes.decode(b"") == live_minutes.decode(None) == live_minutes.decode(b"\xff") == {}
