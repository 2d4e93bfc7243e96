"""When a session's signal is due, and how much is held until then."""

from ingest import signals
from ingest.envelope import RecordedEvent, Source
from ingest.stretches import BYTES_MAX, EVENTS_MAX, Stretches

WAIT_NS = 250
APPEND = "input_audio_buffer.append"


def event(seq: int, type_: str = APPEND, session: str = "s1", data: bytes = b"{}") -> RecordedEvent:
    return RecordedEvent(
        session_id=session, seq=seq, elapsed_ns=seq, seen_at_ns=seq, source=Source.CLIENT, type=type_, worker="w1",
        data=data,
    )  # fmt: skip


def taken(stretches: Stretches, now_ns: int, *, everything: bool = False) -> list[tuple[str, list[int]]]:
    due = stretches.take(now_ns, everything=everything)
    return [(each.session_id, [slim.seq for slim in signals.decode(each.value).events]) for each in due]


def test_audio_waits_for_company_and_goes_out_together() -> None:
    stretches = Stretches(WAIT_NS)
    for seq in range(3):
        stretches.add(event(seq), place=seq * 10, now_ns=seq * 100)

    assert taken(stretches, now_ns=249) == []
    assert taken(stretches, now_ns=250) == [("s1", [0, 1, 2])]
    assert taken(stretches, now_ns=9999) == []


def test_anything_but_audio_and_deltas_is_due_at_once_with_what_came_before_it() -> None:
    stretches = Stretches(WAIT_NS)
    stretches.add(event(0), 0, 0)
    stretches.add(event(1, "response.output_audio_transcript.delta"), 1, 0)
    assert taken(stretches, now_ns=0) == []

    stretches.add(event(2, "input_audio_buffer.speech_stopped"), 2, 0)
    stretches.add(event(0, session="s2"), 3, 0)

    assert taken(stretches, now_ns=0) == [("s1", [0, 1, 2])]


def test_nothing_grows_beyond_its_bounds() -> None:
    stretches = Stretches(WAIT_NS)
    for seq in range(EVENTS_MAX):
        stretches.add(event(seq), seq, 0)
    stretches.add(event(0, session="large", data=bytes(BYTES_MAX)), 0, 0)

    assert [session for session, _ in taken(stretches, now_ns=0)] == ["s1", "large"]


def test_the_earliest_place_that_is_held_is_known() -> None:
    stretches = Stretches(WAIT_NS)
    assert stretches.held_from() is None
    stretches.add(event(0, session="late"), 70, 0)
    stretches.add(event(0), 20, 0)
    stretches.add(event(1), 90, 0)

    assert stretches.held_from() == 20
    assert taken(stretches, 0, everything=True) == [("late", [0]), ("s1", [0, 1])]
    assert stretches.held_from() is None
