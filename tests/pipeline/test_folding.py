"""Folding signals: what comes again, what is missing, what is mended, and what is remembered."""

from collections.abc import Iterable

from ingest.envelope import RecordedEvent
from pipeline.domain import fold
from pipeline.domain.facts import Fact
from pipeline.domain.fold import SessionState
from pipeline.folding import QUIET_S, WAITING_MAX, Folding, Saved, mended
from pipeline.folding_counts import FoldingCounts
from pipeline.runner import default_step
from tests.builders import Story, latest, rows

STEP = default_step()


class Kept:
    """States as a table would keep them."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.ailing: dict[str, int] = {}

    def read(self, session_id: str) -> bytes | None:
        return self.states.get(session_id)

    def save(self, folding: Folding) -> list[Saved]:
        found = folding.saved()
        for each in found:
            if each.state is None:
                self.states.pop(each.session_id, None)
            else:
                self.states[each.session_id] = each.state
            if each.ailing:
                self.ailing[each.session_id] = each.reaches
            else:
                self.ailing.pop(each.session_id, None)
        return found


class World:
    """A worker that can die and come back, and an archive that has what it is given."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.now = 0.0
        self.told: list[Fact] = []
        self.restart()

    def restart(self) -> None:
        self.counts = FoldingCounts()
        self.folding = Folding(STEP, self.kept, self.counts, lambda: self.now)
        for session_id in self.kept.states:
            self.folding.resume(0, session_id, self.kept.ailing.get(session_id))

    def take(self, events: Iterable[RecordedEvent]) -> None:
        self.told += self.folding.take(0, "s1", list(events))

    def save(self) -> None:
        self.kept.save(self.folding)

    def repair(self, archive: Iterable[RecordedEvent]) -> None:
        ailing = self.folding.ailment("s1")
        if ailing is not None:
            news = [event for event in archive if event.seq >= ailing.state.next_seq]
            state, facts = mended(STEP, ailing.state, news)
            self.told += [*facts, *self.folding.repaired("s1", state)]


def call() -> Story:
    said = Story().opened().configured(silence_ms=200).at(100).append(100, times=10)
    said.at(1100).speech_started("u1", 0).after(10).speech_stopped("u1", 1000).committed("u1").created("r1")
    return said.after(300).speaks("r1", 800).after(20).done("r1").after(2000).closed()


EVENTS = call().events
WHOLE = rows(EVENTS)


def test_events_in_order_give_the_rows_of_the_fold_and_leave_nothing_behind() -> None:
    world = World()
    for event in EVENTS:
        world.take([event])
        world.save()

    assert latest(world.told) == WHOLE
    assert world.kept.states == {}
    assert (world.counts.sessions, world.counts.state_bytes, world.counts.holes) == (0, 0, 0)


def test_killed_after_any_event_with_what_was_not_saved_delivered_again_the_rows_are_the_same() -> None:
    for saved in range(len(EVENTS)):
        for killed in (saved, min(saved + 3, len(EVENTS))):
            world = World()
            world.take(EVENTS[:saved])
            world.save()
            world.take(EVENTS[saved:killed])
            world.restart()
            world.take(EVENTS[max(0, saved - 2) :])

            assert latest(world.told) == WHOLE, (saved, killed)


def test_nothing_is_told_of_a_session_with_a_hole_until_the_archive_has_it() -> None:
    for missing in range(1, len(EVENTS) - 1):
        world = World()
        world.take(EVENTS[:missing])
        told = list(world.told)
        world.take(EVENTS[missing + 1 :])
        assert world.told == told
        assert world.counts.ailing == 1

        world.repair(EVENTS[:missing])
        assert world.counts.ailing == 1, "the archive does not reach behind the hole yet"
        world.repair(EVENTS)

        assert latest(world.told) == WHOLE
        assert (world.counts.ailing, world.counts.repairs) == (0, 1)


def test_a_hole_that_the_archive_has_too_is_a_gap() -> None:
    holed = [event for event in EVENTS if event.seq != 5]
    world = World()
    world.take(holed)
    world.repair(holed)

    assert latest(world.told) == rows(holed)
    assert [gap.seq for gap in latest(world.told)["gaps"].values()] == [5]


def test_a_loss_that_the_recorder_tells_of_needs_no_archive() -> None:
    story = Story().opened().configured().lose(3).recorder("events.lost", first_seq=2, count=3, reason="disk_full")
    events = story.after(10).closed().events
    world = World()
    world.take(events)

    assert latest(world.told) == rows(events)
    assert world.counts.holes == 0


def test_an_ailing_session_is_mended_by_whoever_takes_it_over() -> None:
    world = World()
    world.take(EVENTS[:4])
    world.take(EVENTS[6:9])
    world.save()
    world.restart()
    assert world.counts.ailing == 1

    world.take(EVENTS[9:12])
    world.repair(EVENTS)

    assert latest(world.told) == WHOLE
    world.save()
    assert (world.kept.states, world.kept.ailing) == ({}, {})


def test_what_waited_where_it_was_acknowledged_is_not_forgotten_by_who_takes_over() -> None:
    world = World()
    world.take(EVENTS[:4])
    world.take(EVENTS[6:])
    world.save()
    world.restart()

    world.repair(EVENTS[:9])
    assert world.counts.ailing == 1, "signals have told of more than the archive has yet"
    world.repair(EVENTS)

    assert latest(world.told) == WHOLE
    world.save()
    assert (world.kept.states, world.kept.ailing) == ({}, {})


def test_a_session_whose_last_signals_were_passed_over_is_asked_for_once_it_is_quiet() -> None:
    for restarted in (False, True):
        world = World()
        world.take(EVENTS[:9])
        world.save()
        if restarted:
            world.restart()
        world.now += QUIET_S[0]
        world.folding.look_after_quiet()
        assert world.counts.ailing == 0

        world.now += 1
        world.folding.look_after_quiet()
        world.repair(EVENTS)

        assert latest(world.told) == WHOLE
        world.save()
        assert world.kept.states == {}


def test_a_session_that_stays_quiet_is_asked_for_ever_more_seldom_and_goes_on_as_if_nothing_were() -> None:
    world, asked = World(), []
    world.take(EVENTS[:9])
    for _ in range(9000):
        world.now += 1
        world.folding.look_after_quiet()
        if world.counts.ailing:
            asked.append(world.now)
            world.repair(EVENTS[:9])
    assert asked == [61, 662, 4263, 7864]

    world.take(EVENTS[9:])
    assert latest(world.told) == WHOLE
    assert world.counts.repairs == 0


def test_a_session_that_began_elsewhere_is_taken_from_the_archive() -> None:
    world = World()
    world.take(EVENTS[7:])
    world.repair(EVENTS)

    assert latest(world.told) == WHOLE


def test_a_state_of_another_version_is_made_anew_from_the_archive() -> None:
    world = World()
    world.kept.states["s1"] = b"not a state"
    world.take(EVENTS[3:])
    assert (world.counts.states_unreadable, world.counts.ailing) == (1, 1)
    world.repair(EVENTS)

    assert latest(world.told) == WHOLE


def test_what_waits_for_a_repair_is_bounded_and_the_archive_has_the_rest() -> None:
    story = Story().opened().configured()
    events = story.at(100).append(20, times=WAITING_MAX + 50).closed().events
    world = World()
    world.take(events[:1])
    world.take(events[2:])
    ailing = world.folding._sessions["s1"]
    assert len(ailing.waiting) == WAITING_MAX

    world.repair(events)

    assert latest(world.told) == rows(events)


def test_a_finished_session_that_is_delivered_again_is_known() -> None:
    world = World()
    world.take(EVENTS)
    world.save()
    told = list(world.told)
    world.take(EVENTS[-3:])

    assert world.told == told
    assert world.counts.redelivered == 1
    assert world.counts.sessions == 0


def test_a_session_that_the_fold_can_not_take_is_set_aside_and_the_others_go_on() -> None:
    def broken(state: SessionState, event: RecordedEvent) -> tuple[SessionState, tuple[Fact, ...]]:
        if event.session_id == "bad" and event.seq == 2:
            raise ZeroDivisionError
        return STEP(state, event)

    kept = Kept()
    folding = Folding(broken, kept, FoldingCounts())
    bad = Story("bad").opened().configured().append(100, times=5).closed().events
    folding.take(0, "bad", bad[:4])
    kept.save(folding)
    told = folding.take(0, "s1", EVENTS) + folding.take(0, "bad", bad[4:])

    assert latest(told) == WHOLE
    assert folding.counts.set_aside == 1
    assert kept.states == {}


def test_partitions_that_go_elsewhere_leave_nothing_here() -> None:
    world = World()
    world.take(EVENTS[:5])
    world.save()
    state = world.kept.states["s1"]
    assert fold.load(state).next_seq == 5
    assert world.counts.state_bytes == len(state)

    world.folding.give_up([0])

    assert (world.counts.sessions, world.counts.state_bytes, world.folding.saved()) == (0, 0, [])
    world.take(EVENTS[5:])
    assert latest(world.told) == WHOLE
