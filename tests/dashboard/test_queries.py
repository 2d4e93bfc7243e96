"""Every figure of the pages against a computation of its own from the same rows."""

import random
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from dashboard.desk import LATELY_S, Desk, open_desk
from dashboard.queries import events, facets, latency, overview, session, sessions, timeline, turns
from dashboard.queries.asking import FACETS, Scope
from dashboard.queries.events import EventFilter
from dashboard.queries.latency import Cohort
from dashboard.queries.percentiles import SHARES
from ingest.envelope import new_session_id
from pipeline.dataset import Reader
from pipeline.dataset_cursor import Cursor
from pipeline.domain import facts
from tests.dashboard import demo
from tests.dashboard.demo import NOW, Call, rows_of

ALL = Scope(until=NOW)
LAST_HOUR = Scope(since=NOW - timedelta(hours=1), until=NOW)
SESSION_ID = new_session_id(int((NOW - timedelta(minutes=40)).timestamp() * 1e9), 1)
BY_VAD = Cohort(input_kind="speech", speech_ended_by="server_vad", latency_basis="append_clock")


def percentile(values: Sequence[float], share: float) -> float:
    """Between the two nearest values, as the SQL standard's percentile_cont."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def turn(index: int, **known: object) -> facts.Turn:
    """A turn of a session that began at noon, minus an hour."""
    given: dict[str, object] = {
        "session_id": SESSION_ID,
        "version": index,
        "turn_index": index,
        "status": "closed",
        "input_kind": "speech",
        "opened_at": NOW - timedelta(minutes=30),
        "opened_elapsed_ms": 0.0,
    }
    return facts.Turn(**(given | known))  # type: ignore[arg-type]


def dataset_of(folder: Path, *rows: facts.Row) -> Desk:
    """A desk at a dataset that holds these rows, and the session that they belong to."""
    owner = facts.Session(
        session_id=rows[0].session_id,
        version=99,
        status="closed",
        source="relay",
        worker="demo",
        model="gpt-realtime",
        opened_at=NOW - timedelta(minutes=40),
        last_event_at=NOW - timedelta(minutes=20),
        duration_ms=1_200_000.0,
    )
    demo.write(folder, [Call(rows=[owner, *rows], events=[])])
    return open_desk(folder / "dataset")


def test_the_headline_counts_what_the_rows_hold(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(overview.headline, ALL)

    closed = [call.session for call in told if call.session.status == "closed"]
    interruptions = rows_of(told, facts.Interruption)
    errors = rows_of(told, facts.SessionError)
    assert (found.sessions, found.live, found.closed) == (24, 1, 23)
    assert found.complete == sum(one.complete for one in closed)
    assert found.turns == len(rows_of(told, facts.Turn))
    assert (found.interruptions, found.yielded) == (len(interruptions), sum(one.yielded for one in interruptions))
    assert (found.errors, found.sessions_with_errors) == (len(errors), len({one.session_id for one in errors}))
    assert found.events_lost == sum(one.count for one in rows_of(told, facts.Gap)) > 0


def test_the_money_is_the_minutes_money_to_the_nano_dollar(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(overview.headline, ALL)

    minutes = rows_of(told, facts.AudioMinute)
    call_minutes = sum((call.session.last_event_at - call.session.opened_at).total_seconds() for call in told) / 60
    assert found.metered_usd_nanos == sum(one.metered_usd_nanos for one in minutes)
    assert found.billed_usd_nanos == sum(one.billed_usd_nanos for one in minutes)
    assert found.unpriced == sum(one.unpriced for one in minutes) > 0
    assert found.call_minutes == pytest.approx(call_minutes)
    assert found.metered_usd_per_minute == pytest.approx(found.metered_usd_nanos / call_minutes / 1e9)


def test_rates_say_out_of_how_many_turns_the_agent_spoke_in(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(overview.interruptions, ALL)
    head = desk.ask(overview.headline, ALL)

    spoken = [one for one in rows_of(told, facts.Turn) if one.generated_ms]
    counted = Counter(one.class_ for one in rows_of(told, facts.Interruption))
    assert [one.class_ for one in found] == [
        "barge_in",
        "false_interruption",
        "backchannel",
        "talked_over",
        "agent_cut_in",
    ]
    assert {one.class_: one.count for one in found if one.count} == dict(counted)
    assert head.spoken_turns == len(spoken)
    assert head.interruptions_per_100_turns == pytest.approx(100 * counted.total() / len(spoken))
    assert found[0].per_100_turns == pytest.approx(100 * counted["barge_in"] / len(spoken))


def test_percentiles_are_those_of_the_cohort_with_its_sample_sizes(desk: Desk, told: list[Call]) -> None:
    [found] = desk.ask(latency.cohorts, ALL)

    turns = rows_of(told, facts.Turn)
    perceived = [float(round(one.perceived_latency_ms)) for one in turns if one.perceived_latency_ms is not None]
    wire = [float(round(one.wire_latency_ms)) for one in turns if one.wire_latency_ms is not None]
    assert found.cohort == BY_VAD
    assert (found.perceived, found.wire) == (len(perceived), len(wire))
    assert found.perceived_p50_ms == pytest.approx(percentile(perceived, 0.5))
    assert found.perceived_p90_ms == pytest.approx(percentile(perceived, 0.9))
    assert found.perceived_p99_ms == pytest.approx(percentile(perceived, 0.99))
    assert found.wire_p50_ms == pytest.approx(percentile(wire, 0.5))


def test_latencies_of_different_bases_and_inputs_are_never_one_percentile(tmp_path: Path) -> None:
    desk = dataset_of(
        tmp_path,
        turn(0, speech_ended_by="server_vad", latency_basis="append_clock", perceived_latency_ms=900.0),
        turn(1, speech_ended_by="server_vad", latency_basis="vad_event", perceived_latency_ms=400.0),
        turn(2, speech_ended_by="client", latency_basis="commit", perceived_latency_ms=300.0),
        turn(3, input_kind="text", latency_basis="client_request", perceived_latency_ms=200.0),
    )

    found = desk.ask(latency.cohorts, ALL)

    assert {one.cohort: (one.perceived, one.perceived_p50_ms) for one in found} == {
        BY_VAD: (1, 900.0),
        Cohort(input_kind="speech", speech_ended_by="server_vad", latency_basis="vad_event"): (1, 400.0),
        Cohort(input_kind="speech", speech_ended_by="client", latency_basis="commit"): (1, 300.0),
        Cohort(input_kind="text", latency_basis="client_request"): (1, 200.0),
    }
    assert all(one.input_kind == "speech" for one in found[:3])


def test_what_was_not_measured_is_counted_by_its_reason(tmp_path: Path) -> None:
    desk = dataset_of(
        tmp_path,
        turn(0, latency_basis="append_clock", perceived_latency_ms=900.0, wire_latency_ms=400.0),
        turn(1, perceived_latency_reason="no_output", wire_latency_reason="no_output"),
        turn(2, perceived_latency_reason="no_output", wire_latency_reason="no_output"),
        turn(3, perceived_latency_reason="negative", wire_latency_ms=10.0),
        turn(4, status="open"),
    )

    found = desk.ask(latency.not_measured, ALL)

    assert [(one.measure, one.reason, one.turns) for one in found] == [
        ("perceived", "no_output", 2),
        ("perceived", "negative", 1),
        ("perceived", "not answered yet", 1),
        ("wire", "no_output", 2),
        ("wire", "not answered yet", 1),
    ]


def test_a_distribution_holds_every_turn_and_its_last_bin_the_slow_ones(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(latency.distribution, ALL, BY_VAD, "wire", bin_ms=100, bins=5)

    wire = [one.wire_latency_ms for one in rows_of(told, facts.Turn) if one.wire_latency_ms is not None]
    expected = Counter(min(int(one // 100), 4) for one in wire)
    assert {int(one.from_ms // 100): one.turns for one in found} == dict(expected)
    assert sum(one.share for one in found) == pytest.approx(1)
    assert [one.from_ms for one in found if one.slower] == [400.0]


def test_latency_over_time_is_each_stretch_by_itself(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(latency.over_time, ALL, BY_VAD, "perceived", 3600)

    by_hour: dict[int, list[float]] = {}
    for one in rows_of(told, facts.Turn):
        if one.perceived_latency_ms is not None:
            by_hour.setdefault(one.opened_at.hour, []).append(float(round(one.perceived_latency_ms)))
    p90 = {one.bucket.hour: one for one in found if one.percentile == "p90"}
    assert p90.keys() == by_hour.keys()
    for hour, values in by_hour.items():
        assert p90[hour].turns == len(values)
        assert p90[hour].latency_ms == pytest.approx(percentile(values, 0.9))


def test_a_scope_holds_only_what_happened_in_it(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(overview.headline, LAST_HOUR)

    since = NOW - timedelta(hours=1)
    assert found.sessions == sum(call.session.last_event_at >= since for call in told) < 24
    assert found.turns == sum(one.opened_at >= since for one in rows_of(told, facts.Turn))


def test_of_a_call_across_the_edge_only_the_part_inside_counts(tmp_path: Path) -> None:
    desk = dataset_of(
        tmp_path,
        turn(0, opened_at=NOW - timedelta(minutes=35), generated_ms=1.0),
        turn(1, opened_at=NOW - timedelta(minutes=25), generated_ms=1.0),
    )

    found = desk.ask(overview.headline, Scope(since=NOW - timedelta(minutes=30), until=NOW - timedelta(minutes=22)))

    assert (found.sessions, found.turns) == (1, 1)
    assert found.call_minutes == pytest.approx(8)


def test_a_scope_of_one_model_holds_no_other(desk: Desk, told: list[Call]) -> None:
    mini = Scope(until=NOW, model=("gpt-realtime-mini",))

    found = desk.ask(overview.headline, mini)

    own = [call for call in told if call.session.model == "gpt-realtime-mini"]
    assert 0 < found.sessions == len(own) < 24
    assert found.turns == len(rows_of(own, facts.Turn))
    assert [line.model for line in desk.ask(overview.money_by_model, mini)] == ["gpt-realtime-mini"]


def test_what_nothing_could_be_priced_of_is_unknown_and_not_nought(tmp_path: Path) -> None:
    minute = facts.AudioMinute(
        session_id=SESSION_ID,
        version=3,
        minute=NOW - timedelta(minutes=30),
        metered_usd_nanos=5_000_000,
        billed_usd_nanos=0,
        unpriced=2,
    )
    desk = dataset_of(tmp_path, minute)

    [found] = desk.ask(overview.money_by_model, ALL)

    assert (found.billed_usd, found.billed_usd_per_minute, found.unpriced) == (None, None, 2)
    assert found.metered_usd == pytest.approx(0.005)


def test_money_over_time_adds_up_to_all_of_it(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(overview.money_over_time, ALL, 3600)

    minutes = rows_of(told, facts.AudioMinute)
    for basis, nanos in (
        ("metered", sum(one.metered_usd_nanos for one in minutes)),
        ("billed", sum(one.billed_usd_nanos for one in minutes)),
    ):
        assert sum(one.usd for one in found if one.basis == basis) == pytest.approx(nanos / 1e9)
    assert all(one.bar_from < one.bar_to <= one.bucket + timedelta(hours=1) for one in found)


def test_errors_are_counted_by_kind_with_the_last_of_them(desk: Desk, told: list[Call]) -> None:
    [found] = desk.ask(overview.errors, ALL)

    errors = rows_of(told, facts.SessionError)
    assert (found.count, found.code) == (len(errors), "input_audio_buffer_commit_empty")
    assert found.last_at == max(one.at for one in errors)
    assert found.last_session_id == max(errors, key=lambda one: one.at).session_id


def test_the_list_has_the_open_call_first_and_then_the_newest(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(sessions.recent, ALL, page_size=10, skip=0)

    ordered = sorted(
        (call.session for call in told), key=lambda one: (one.status != "open", -one.opened_at.timestamp())
    )
    assert [one.session_id for one in found] == [one.session_id for one in ordered[:10]]
    assert found[0].log == "open"
    assert desk.ask(sessions.recent, ALL, page_size=10, skip=20)[-1].session_id == ordered[-1].session_id


def test_a_call_shows_its_longest_waits(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(
        sessions.recent, ALL, found=sessions.Found(search=told[3].session.session_id), page_size=10, skip=0
    )

    turns = rows_of(told[3:4], facts.Turn)
    [line] = found
    assert line.longest_perceived_ms == max(one.perceived_latency_ms or 0 for one in turns)
    assert line.longest_wire_ms == max(one.wire_latency_ms or 0 for one in turns)


@pytest.mark.parametrize("words", ["REMINDER", "find_slot", "buffer too small"])
def test_calls_are_found_by_words_tools_and_errors(desk: Desk, told: list[Call], words: str) -> None:
    found = desk.ask(sessions.recent, ALL, found=sessions.Found(search=words), page_size=100, skip=0)

    def says(call: Call) -> bool:
        spoken = [one.text or "" for one in rows_of([call], facts.Transcript)]
        tools = [one.name or "" for one in rows_of([call], facts.ToolCall)]
        errors = [one.message or "" for one in rows_of([call], facts.SessionError)]
        return any(words.lower() in text.lower() for text in (*spoken, *tools, *errors))

    expected = {call.session.session_id for call in told if says(call)}
    assert {one.session_id for one in found} == expected
    assert {one.of for one in found} == {len(expected)}


def test_the_figures_of_a_call_are_those_of_its_rows(desk: Desk, told: list[Call]) -> None:
    one = next(call for call in told if call.session.unpriced)
    found = desk.ask(session.figures, one.session.session_id)
    [waits] = desk.ask(session.waits, one.session.session_id)

    costs = rows_of([one], facts.Cost)
    turns = rows_of([one], facts.Turn)
    assert found.metered_usd_nanos == sum(cost.metered_usd_nanos or 0 for cost in costs)
    assert found.billed_usd_nanos == sum(cost.billed_usd_nanos or 0 for cost in costs)
    assert found.unpriced == sum(cost.billed_usd_nanos is None for cost in costs)
    assert found.heard_s == pytest.approx(sum(turn.heard_ms or 0 for turn in turns) / 1000)
    assert waits.perceived_p50_ms == pytest.approx(statistics.median(turn.perceived_latency_ms or 0 for turn in turns))


def test_an_unpriced_cost_line_has_no_dollars(desk: Desk, told: list[Call]) -> None:
    one = next(call for call in told if call.session.unpriced)

    unpriced = [line for line in desk.ask(session.costs, one.session.session_id) if line.billed_reason]
    [kind] = desk.ask(session.costs_by_kind, one.session.session_id)

    assert [(line.billed_usd, line.billed_reason) for line in unpriced] == [(None, "no_usage")] * len(unpriced)
    metered = sum(Decimal(cost.metered_usd_nanos or 0) for cost in rows_of([one], facts.Cost)) / 10**9
    assert kind.metered_usd == pytest.approx(float(metered))
    assert kind.cached_in == 64 * kind.count


def test_all_of_a_calls_rows_come_back_as_they_were(desk: Desk, told: list[Call]) -> None:
    one = told[5]
    id_ = one.session.session_id

    assert desk.ask(session.session, id_) == one.session
    assert desk.ask(session.turns, id_) == rows_of([one], facts.Turn)
    assert desk.ask(session.responses, id_) == rows_of([one], facts.Response)
    assert desk.ask(session.interruptions, id_) == rows_of([one], facts.Interruption)
    assert desk.ask(session.tool_calls, id_) == rows_of([one], facts.ToolCall)
    assert desk.ask(session.errors, id_) == rows_of([one], facts.SessionError)
    assert desk.ask(session.gaps, id_) == rows_of([one], facts.Gap)


def test_a_call_that_is_not_there_is_none(desk: Desk) -> None:
    assert desk.ask(session.session, "01a20700-0000-7000-8000-00000000dead") is None
    assert desk.ask(session.session, "no session id at all") is None


def test_the_waterfall_has_each_turns_pieces_where_they_were(desk: Desk, told: list[Call]) -> None:
    one = told[5]
    found = desk.ask(timeline.pieces, one.session.session_id)

    first = rows_of([one], facts.Turn)[0]
    of_first = {piece.lane: piece for piece in found if piece.turn_index == 0}
    assert of_first["user speech"].start_s == pytest.approx((first.speech_started_elapsed_ms or 0) / 1000)
    assert of_first["endpointing"].end_s - of_first["endpointing"].start_s == pytest.approx(0.5)
    assert of_first["wait"].start_s == pytest.approx((first.speech_stopped_elapsed_ms or 0) / 1000)
    assert of_first["wait"].end_s == pytest.approx((first.first_output_elapsed_ms or 0) / 1000)
    assert of_first["heard"].end_s - of_first["heard"].start_s == pytest.approx((first.heard_ms or 0) / 1000)
    assert all(piece.start_s <= piece.end_s for piece in found)


def test_lost_events_stand_on_the_waterfall_where_the_next_one_came(desk: Desk, told: list[Call]) -> None:
    one = next(call for call in told if rows_of([call], facts.Gap))
    next_event = next(event for event in one.events if event.seq == 5)

    [gap] = [piece for piece in desk.ask(timeline.pieces, one.session.session_id) if piece.lane == "gap"]

    assert gap.start_s == pytest.approx(next_event.elapsed_ns / 1e9)
    assert gap.label == "3 events lost: disk_full"


def test_what_the_user_said_stands_where_it_was_said(desk: Desk, told: list[Call]) -> None:
    one = told[5]

    talk = desk.ask(timeline.talk, one.session.session_id)

    spoken = [line for line in talk if line.kind in {"user", "agent"}]
    assert [line.kind for line in spoken] == ["user", "agent"] * one.session.turns
    assert [line.at_s for line in talk] == sorted(line.at_s for line in talk)
    started = [one.speech_started_elapsed_ms or 0 for one in rows_of([one], facts.Turn)]
    assert [line.at_s for line in talk if line.kind == "user"] == pytest.approx([ms / 1000 for ms in started])
    agent = next(line for line in talk if line.kind == "agent")
    assert agent.latency_ms == rows_of([one], facts.Turn)[0].perceived_latency_ms


def test_events_are_filtered_by_source_type_and_text(desk: Desk, told: list[Call]) -> None:
    one = told[5]
    id_ = one.session.session_id

    def seqs(chosen: EventFilter) -> list[int]:
        return [line.seq for line in desk.ask(events.events, id_, chosen, page_size=10_000, skip=0)]

    audio = {"input_audio_buffer.append", "response.output_audio.delta"}
    assert seqs(EventFilter(audio=True)) == [event.seq for event in one.events]
    assert seqs(EventFilter()) == [event.seq for event in one.events if event.type not in audio]
    assert seqs(EventFilter(sources=("recorder",))) == [
        event.seq for event in one.events if event.source.value == "recorder"
    ]
    assert seqs(EventFilter(types=("response.done",))) == [
        event.seq for event in one.events if event.type == "response.done"
    ]
    assert seqs(EventFilter(text="AUDIO_END_MS")) == [
        event.seq for event in one.events if b"audio_end_ms" in event.data
    ]
    assert desk.ask(events.count, id_, EventFilter(audio=True)) == len(one.events)


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def taking(clock: Clock, seconds: float) -> Callable[[Cursor, Scope], overview.Headline]:
    """The headline, for which so many seconds are needed."""

    def headline(cursor: Cursor, scope: Scope) -> overview.Headline:
        clock.now += seconds
        return overview.headline(cursor, scope)

    return headline


def test_a_cheap_answer_is_kept_until_a_row_changes(tmp_path: Path) -> None:
    first, second = demo.calls(2)
    demo.write(tmp_path, [first])
    clock = Clock()
    desk, headline = Desk(Reader(tmp_path / "dataset"), clock), taking(clock, 0.01)
    kept = desk.ask(headline, ALL)

    again = desk.ask(headline, ALL)
    demo.write(tmp_path, [second], position=2)

    assert again is kept
    assert desk.ask(headline, ALL).sessions == kept.sessions + 1 == 2


def test_a_dear_answer_is_kept_a_little_longer_than_the_rows(tmp_path: Path) -> None:
    first, second = demo.calls(2)
    demo.write(tmp_path, [first])
    clock = Clock()
    desk, headline = Desk(Reader(tmp_path / "dataset"), clock), taking(clock, 0.5)
    kept = desk.ask(headline, ALL)
    demo.write(tmp_path, [second], position=2)

    soon = desk.ask(headline, ALL)
    clock.now += 20 * 0.5
    later = desk.ask(headline, ALL)

    assert soon is kept
    assert later.sessions == 2


def test_what_happens_now_is_never_an_old_answer_however_dear(tmp_path: Path) -> None:
    first, second = demo.calls(2)
    demo.write(tmp_path, [first])
    clock = Clock()
    desk, headline = Desk(Reader(tmp_path / "dataset"), clock), taking(clock, 5.0)
    kept = desk.lately(headline, ALL)
    demo.write(tmp_path, [second], position=2)

    soon = desk.lately(headline, ALL)
    clock.now += LATELY_S
    later = desk.lately(headline, ALL)

    assert soon is kept
    assert later.sessions == 2


def test_what_can_be_filtered_by_is_what_was_recorded_the_most_frequent_first(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(facets.values)

    assert list(found["model"]) == [model for model, _ in Counter(call.session.model for call in told).most_common()]
    assert found["vad"] == ("server_vad 500 ms",)
    assert found["label"] == ("none",)
    assert set(found) == set(FACETS)


@pytest.mark.parametrize("facet", list(FACETS))
def test_each_facet_filters_sessions_and_what_happened_in_them(facet: str, tmp_path: Path) -> None:
    demo.write(tmp_path, [_call_with(place) for place in range(4)])
    desk = open_desk(tmp_path / "dataset")
    wanted = desk.ask(facets.values)[facet][0]

    found = desk.ask(overview.headline, msgspec.structs.replace(ALL, **{facet: (wanted,)}))
    every = desk.ask(overview.headline, ALL)

    [expected] = desk.dataset.cursor().sql(
        f"select count(*), sum(turns) from sessions where {FACETS[facet]} = $1", [wanted]
    ).fetchall()  # fmt: skip
    assert (found.sessions, found.turns) == expected
    assert 0 < found.sessions < every.sessions


def _call_with(place: int) -> Call:
    """One call of four, each different in all that is filtered by."""
    told = demo.call(random.Random(place), NOW - timedelta(minutes=30 + place))
    given = {
        "model": f"model {place}",
        "source": f"source {place}",
        "relay_key": f"key {place}" if place else None,
        "label": f"label {place}" if place else None,
        "voice": f"voice {place}",
        "silence_duration_ms": 200 + place if place else None,
        "language": f"language {place}" if place else None,
    }
    rows = [msgspec.structs.replace(r, **given) if isinstance(r, facts.Session) else r for r in told.rows]
    return Call(rows=rows, events=told.events)


@pytest.mark.parametrize("share", ["p50", "p90", "p99"])
def test_a_counted_percentile_is_that_of_the_sorted_whole_milliseconds(desk: Desk, share: str) -> None:
    [found] = desk.ask(latency.cohorts, ALL)

    [row] = desk.dataset.cursor().sql(
        "select quantile_cont(round(perceived_latency_ms), $1), quantile_cont(round(wire_latency_ms), $1) from turns",
        [SHARES[share]],
    ).fetchall()  # fmt: skip
    assert getattr(found, f"perceived_{share}_ms") == pytest.approx(row[0], abs=1e-6)
    assert getattr(found, f"wire_{share}_ms") == pytest.approx(row[1], abs=1e-6)


def test_the_slowest_turns_come_first_and_a_bar_gives_its_own(desk: Desk, told: list[Call]) -> None:
    latencies = sorted((one.perceived_latency_ms or 0.0 for one in rows_of(told, facts.Turn)), reverse=True)

    slowest = desk.ask(turns.slowest, ALL, BY_VAD, "perceived", limit=5)
    some = desk.ask(turns.slowest, ALL, BY_VAD, "perceived", from_ms=900.0, to_ms=1000.0)

    assert [one.perceived_latency_ms for one in slowest] == latencies[:5]
    assert len(some) == sum(900 <= one < 1000 for one in latencies)


def test_the_parts_of_a_wait_are_told_of_the_turns_that_have_them(tmp_path: Path) -> None:
    desk = dataset_of(
        tmp_path,
        turn(0, endpointing_ms=200.0, model_latency_ms=300.0),
        turn(1, endpointing_ms=400.0, tool_wait_ms=1000.0),
    )

    found = desk.ask(turns.stages, ALL)

    assert [(one.stage, one.turns, one.p50_ms) for one in found] == [
        ("endpointing", 2, 300.0), ("model", 1, 300.0), ("tool", 1, 1000.0),
    ]  # fmt: skip


def test_a_facet_parts_the_turns_of_a_cohort(desk: Desk, told: list[Call]) -> None:
    found = desk.ask(latency.by_facet, ALL, BY_VAD, "perceived", "model")

    expected = Counter(one.model for one in rows_of(told, facts.Turn))
    assert {one.value: one.turns for one in found} == dict(expected)


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("order", sessions.ORDERS)
def test_the_whole_list_is_sorted_and_not_only_the_page_shown(desk: Desk, order: str, *, up: bool) -> None:
    found = sessions.Found(order=order, up=up)
    whole = desk.ask(sessions.recent, ALL, found=found, page_size=100, skip=0)

    pages = [desk.ask(sessions.recent, ALL, found=found, page_size=10, skip=skip) for skip in (0, 10, 20)]

    assert [line for page in pages for line in page] == whole
    column = {"longest perceived": "longest_perceived_ms", "errors": "errors", "session": "session_id"}.get(order)
    if column:
        values = [value for line in whole if (value := getattr(line, column)) is not None]
        assert values == sorted(values, reverse=not up)
        assert [getattr(line, column) for line in whole[len(values) :]] == [None] * (len(whole) - len(values))


def test_the_file_of_a_list_has_its_rows_in_its_order_up_to_a_limit(desk: Desk) -> None:
    found = sessions.Found(having=("tool calls",), order="metered")
    listed = desk.ask(sessions.recent, ALL, found=found, page_size=100, skip=0)

    rows = desk.ask(sessions.exported, ALL, found=found, limit=100)

    assert [*rows.column_names, "of"] == list(sessions.SessionLine.__struct_fields__)
    assert rows["session_id"].to_pylist() == [line.session_id for line in listed]
    assert rows["metered_usd"].to_pylist() == [line.metered_usd for line in listed]
    assert desk.ask(sessions.exported, ALL, found=found, limit=2).num_rows == 2
