"""The laws of METRICS section 6 hold on any log, of sense or nonsense."""

import re
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.envelope import RecordedEvent, Source
from pipeline.domain.fold import SessionState, dump, step
from tests.builders import RULES, fold, fold_from, latest
from tests.pipeline.domain import laws
from tests.pipeline.domain.any_log import logs, wild_logs

UNKNOWN = {"response.dreamt", "input_audio_buffer.hum"}

unhurried = settings(deadline=None)
"""A slow moment of the machine is not a broken law."""


@unhurried
@given(logs())
def test_no_log_makes_the_fold_raise_and_every_law_holds_at_its_end(events: list[RecordedEvent]) -> None:
    laws.all_hold(latest(fold(events)), events)


@unhurried
@given(wild_logs())
def test_no_nonsense_makes_the_fold_raise_or_forget_and_every_law_holds_at_its_end(events: list[RecordedEvent]) -> None:
    told = fold(events)

    laws.all_hold(latest(told), events)
    assert fold_from(SessionState(), events, restart=True)[1] == told


@unhurried
@given(logs(max_size=30), st.randoms(use_true_random=False))
def test_a_log_in_any_order_with_anything_missing_keeps_the_laws(events: list[RecordedEvent], chance: Random) -> None:
    some = [event for event in events if chance.random() < 0.9] or events
    chance.shuffle(some)

    laws.all_hold(latest(fold(some)), some)


@unhurried
@given(logs(max_size=20), logs(max_size=10))
def test_what_comes_after_the_close_changes_no_more_than_what_is_counted(
    events: list[RecordedEvent], more: list[RecordedEvent]
) -> None:
    seq = events[-1].seq + 1
    close = msgspec.structs.replace(
        events[-1], seq=seq, source=Source.RECORDER, type="session.closed", data=b'{"closed_by":"client"}'
    )
    after = [msgspec.structs.replace(event, seq=seq + 1 + index) for index, event in enumerate(more)]
    closed, later = latest(fold([*events, close])), latest(fold([*events, close, *after]))

    laws.all_hold(later, [*events, close, *after])
    for table in closed.keys() - {"sessions", "gaps"}:
        assert later[table] == closed[table]


@unhurried
@given(logs(max_size=25))
def test_the_laws_hold_after_every_event_and_not_only_at_the_end(events: list[RecordedEvent]) -> None:
    state, told = SessionState(), list[Any]()
    for event in events:
        state, some = step(state, event, RULES)
        told += some
        if some:
            laws.money_adds_up(latest(told))
            laws.audio_adds_up(latest(told), events)
            laws.everything_has_its_place(latest(told))
            laws.time_goes_forward(latest(told))
            laws.reasons_are_given(latest(told))


@unhurried
@given(logs())
def test_a_step_tells_at_most_one_row_of_a_key_each_with_the_seq_of_its_event(events: list[RecordedEvent]) -> None:
    state = SessionState()
    for event in events:
        state, some = step(state, event, RULES)
        keys = [(type(row), *(getattr(row, name) for name in row.key)) for row in some]
        assert len(set(keys)) == len(keys)
        assert {row.version for row in some} <= {event.seq}


@unhurried
@given(logs())
def test_stopped_anywhere_and_resumed_the_fold_yields_the_same_rows(events: list[RecordedEvent]) -> None:
    told = fold(events)

    assert fold_from(SessionState(), events, restart=True)[1] == told


@unhurried
@given(logs(), st.data())
def test_redelivered_events_change_nothing(events: list[RecordedEvent], data: st.DataObject) -> None:
    told = fold(events)

    again = list[RecordedEvent]()
    for index, event in enumerate(events):
        back = data.draw(st.integers(0, min(index, 5)))
        again += [*events[index - back : index], event]

    assert fold(again) == told


@unhurried
@given(logs())
def test_a_step_leaves_the_state_it_was_given_as_it_was(events: list[RecordedEvent]) -> None:
    state = SessionState()
    for event in events:
        before = dump(state)
        after, _ = step(state, event, RULES)
        assert dump(state) == before
        state = after


@unhurried
@given(logs())
def test_dropping_all_events_of_unknown_type_changes_no_row_but_their_counts(events: list[RecordedEvent]) -> None:
    known = [event for event in events if event.type not in UNKNOWN]
    if not known or known[0] is not events[0] or known[-1] is not events[-1]:
        return
    # A session that has not ended may show a running total an event earlier or later.
    if known[-1].type != "session.closed":
        return
    # Their numbers are taken out as well, or the drop would be a loss.
    renumbered, moved = list[RecordedEvent](), dict[int, int]()
    gone = 0
    for event in events:
        if event.type in UNKNOWN:
            gone += 1
        else:
            moved[event.seq] = event.seq - gone
            renumbered.append(msgspec.structs.replace(event, seq=event.seq - gone))

    assert _without_counts(latest(fold(renumbered)), {}) == _without_counts(latest(fold(events)), moved)


def _without_counts(told: dict[str, dict[Any, Any]], moved: dict[int, int]) -> dict[str, list[dict[str, Any]]]:
    volatile = {"version", "events_unknown", "unknown_types", "events_client", "events_server", "seq"}
    found = {}
    for table, held in told.items():
        if table != "gaps":
            found[table] = [_comparable(row, volatile, moved) for row in held.values()]
            found[table].sort(key=repr)
    return found


def _comparable(row: Any, volatile: set[str], moved: dict[int, int]) -> dict[str, Any]:
    fields = {name: value for name, value in msgspec.structs.asdict(row).items() if name not in volatile}
    # Ids that the fold makes up for want of one hold the number of the event that made it do so.
    return {name: _moved(value, moved) for name, value in fields.items()}


def _moved(value: Any, moved: dict[int, int]) -> Any:
    made_up = re.fullmatch(r"(user|agent)?#(\d+)", value) if isinstance(value, str) else None
    if made_up is None:
        return value
    seq = int(made_up[2])
    return f"{made_up[1] or ''}#{moved.get(seq, seq)}"
