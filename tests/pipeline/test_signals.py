"""What is folded from signals is what is folded from the events themselves."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import signals
from ingest.envelope import RecordedEvent
from ingest.stretches import Stretches
from tests.builders import fold, rows
from tests.pipeline.builders import session_id, story
from tests.pipeline.domain.any_log import logs


def through_signals(events: Sequence[RecordedEvent], cuts: Sequence[int]) -> list[RecordedEvent]:
    """The events by way of signals, which end where the stretches say and at the cuts."""
    stretches, values = Stretches(wait_ns=250_000_000), list[bytes]()
    for index, event in enumerate(events):
        stretches.add(event, index, event.elapsed_ns)
        values += [due.value for due in stretches.take(event.elapsed_ns, everything=index in cuts)]
    values += [due.value for due in stretches.take(0, everything=True)]
    return [event for value in values for event in signals.events_of(signals.decode(value))]


@settings(deadline=None)
@given(logs(), st.lists(st.integers(0, 40)))
def test_any_log_gives_the_same_rows_through_signals(events: list[RecordedEvent], cuts: list[int]) -> None:
    assert fold(through_signals(events, cuts)) == fold(events)


def test_a_call_gives_the_same_rows_through_signals_at_a_fraction_of_the_bytes() -> None:
    events = story(session_id(1), turns=3)
    seen = through_signals(events, [])

    assert rows(seen) == rows(events)
    assert sum(len(signals.slim(event).data) for event in events) < sum(len(event.data) for event in events) / 5
