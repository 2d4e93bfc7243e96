"""The fold as a whole: rows of a call of every kind, the short path, and what stays bounded."""

import subprocess
import sys
from typing import Any

import msgspec

from ingest.envelope import Source
from pipeline.domain import messages as m
from pipeline.domain.facts import Fact
from pipeline.domain.fold import Observation, SessionState, dump, load, observe, replay, step
from tests.builders import RULES, Story, columns, fold, fold_from, latest, only, rows, usage
from tests.pipeline.domain.laws import told


def long_call(turns: int = 50) -> Story:
    """Speech, barge-ins, tools and texts, over and over."""
    story = Story().opened().configured(transcription="whisper-1")
    for n in range(turns):
        story.after(1500).append(20, times=30).speech_started(f"u{n}", n * 600).append(20, times=5)
        story.speech_stopped(f"u{n}", n * 600 + 550).committed(f"u{n}").after(300).created(f"r{n}").after(200)
        story.speaks(f"r{n}", 500).after(20).speaks(f"r{n}", 2500).transcribed(f"u{n}", "words and words")
        if n % 3 == 0:
            story.calls(f"r{n}", f"c{n}")
        story.done(f"r{n}", usage=usage(10, 20, 5, 60))
        if n % 2:
            story.client("conversation.item.truncate", item_id=f"r{n}_item", audio_end_ms=40)
    return story


def test_a_call_becomes_rows_of_every_table() -> None:
    story = long_call(7).lose(1).server("error", error={"code": "x"})
    found = told(story.said(Source.SERVER, "response.done", b"half of it").closed())

    assert all(found.values())
    assert columns(only(found, "sessions"), "turns responses tool_calls errors events_lost") == (7, 7, 3, 1, 1)
    assert only(found, "log_faults").kind == "unreadable"


def test_a_long_call_keeps_the_laws_and_a_bounded_memory() -> None:
    story = long_call(200)
    half = fold_from(SessionState(), story.events[: len(story.events) // 2])[0]
    whole = fold_from(SessionState(), story.events)[0]

    told(long_call(60).closed())

    assert len(dump(whole)) < len(dump(half)) * 1.2 < 100_000


def test_more_at_once_than_is_remembered_still_keeps_the_laws() -> None:
    story = Story().opened().configured().user_writes("Go").client("response.create")
    for n in range(40):
        story.created(f"r{n}").speaks(f"r{n}", 1000).calls(f"r{n}", f"c{n}")
    for n in range(300):
        story.transcribed(f"u{n}", "x").after(61_000).append(10)
    story.done("r0").speaks("r0", 100).server("response.output_text.done", response_id="r0", text="late")
    story.server("response.output_item.done", response_id="r0", item={"id": "late"}).created("r0").writes("r0", "late")
    story.server("response.function_call_arguments.done", response_id="r0", call_id="c0")
    for kind in ("started", "stopped", "cleared"):
        story.server(f"output_audio_buffer.{kind}", response_id="r0")
    story.server("response.output_audio.done", response_id="r0")

    found = told(story.closed())

    assert len(found["responses"]) == 40
    assert len(found["tool_calls"]) == 40


def test_a_tool_whose_turn_is_long_forgotten_is_answered_all_the_same() -> None:
    story = (
        Story()
        .opened()
        .configured()
        .user_writes("Go")
        .client("response.create")
        .created("r0")
        .calls("r0", "c0")
        .done("r0")
    )
    for n in range(20):
        story.user_writes("and").client("response.create").created(f"a{n}").done(f"a{n}")
    found = told(story.answers("c0").client("response.create").created("late").speaks("late", 20))

    assert found["tool_calls"][("s1", "c0")].status == "answered"
    assert found["responses"][("s1", "late")].turn_index == 21


def test_speech_that_stops_when_its_turn_is_long_forgotten_changes_no_turn() -> None:
    story = Story().opened().configured().speech_started("u0")
    for _ in range(20):
        story.user_writes("and").client("response.create")
    told_ = told(story.client("input_audio_buffer.commit").committed("u0").speech_stopped("u0", 900))

    assert told_["turns"][("s1", 0)].speech_stopped_elapsed_ms is None


def test_a_response_without_id_is_the_one_that_is_active() -> None:
    story = Story().opened().server("response.created", response={}).server("response.output_audio.delta", delta="AAAA")
    story.server("response.output_text.delta").server("response.done", response={"status": "completed"})
    story.server("response.output_text.delta", delta="x").server("response.done").server("response.created")

    first, second = told(story)["responses"].values()

    assert columns(first, "response_id status first_output_kind") == ("#1", "completed", "audio")
    assert second.response_id == "#7"


def test_a_response_first_named_by_another_event_begins_there() -> None:
    found = told(Story().opened().at(100).speaks("r1", 100).at(300).done("r1"))

    assert columns(only(found, "responses"), "seq created_elapsed_ms model_latency_reason") == (
        1,
        100,
        "created_not_seen",
    )
    assert only(found, "turns").model_latency_reason == "created_not_seen"


def test_the_format_of_a_response_is_its_own_before_the_sessions() -> None:
    named = {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
    story = Story().opened().configured().created("r1", **named).speaks("r1", 100, bytes_per_ms=8)
    story.created("r2", output_audio_format="g711_alaw").speaks("r2", 100, bytes_per_ms=8)
    story.reconfigured(output_format={"type": "audio/pcma"}).created("r3").speaks("r3", 100, bytes_per_ms=8)

    assert [row.generated_ms for row in told(story)["responses"].values()] == [100, 100, 100]


def test_the_first_output_is_audio_where_there_is_any() -> None:
    story = (
        Story()
        .opened()
        .client("response.create")
        .at(100)
        .created("r1")
        .at(200)
        .writes("r1", "Hm")
        .at(300)
        .speaks("r1", 10)
    )
    found = told(story.at(400).done("r1").created("r2").at(500).writes("r2", "x"))

    assert columns(only(found, "turns"), "first_output_kind first_output_elapsed_ms model_latency_ms") == (
        "audio",
        300,
        200,
    )
    assert found["responses"][("s1", "r1")].first_output_kind == "audio"
    assert found["responses"][("s1", "r2")].first_output_kind == "text"


def test_the_clocks_never_run_backwards_in_the_rows() -> None:
    story = Story().opened().configured().at(5000).append(100).at(1000).append(100).speech_started("u1").closed()

    assert only(told(story), "turns").opened_elapsed_ms == 5000


def test_a_time_out_of_any_calendar_is_no_reason_to_stop() -> None:
    events = [msgspec.structs.replace(event, seen_at_ns=1 << 62) for event in long_call(1).events]

    assert only(latest(fold(events)), "sessions").turns == 1
    assert only(latest(fold([msgspec.structs.replace(one, seen_at_ns=-5) for one in events])), "sessions").turns == 1


def test_an_event_read_elsewhere_folds_as_if_read_here() -> None:
    """As the signals of a stream do: runs of audio as counts, without payloads."""
    story = long_call(3)
    state, told_ = SessionState(), list[Fact]()
    for event in story.events:
        if event.type == "input_audio_buffer.append":
            message: m.Message = m.AudioAppended(size=960)
            seen = Observation("s1", event.seq, event.elapsed_ns, event.seen_at_ns, Source.CLIENT, "w1", message)
            state, some = observe(state, seen, RULES)
            assert observe(state, seen, RULES) == (state, ())
        else:
            state, some = step(state, event, RULES)
        told_ += some

    assert told_ == fold(story.events)


def test_replay_keeps_the_sessions_of_a_log_apart() -> None:
    one, two = Story("s1").opened().configured().append(100), Story("s2").opened().configured().append(20)
    mixed = [event for pair in zip(one.events, two.events, strict=True) for event in pair]

    sessions = latest(replay([*mixed, one.closed().events[-1], two.closed().events[-1]], RULES))["sessions"]

    assert [columns(row, "session_id status complete") for row in sessions.values()] == [
        ("s1", "closed", True),
        ("s2", "closed", True),
    ]


def test_a_state_survives_as_bytes() -> None:
    state = fold_from(SessionState(), long_call(5).events)[0]

    assert load(dump(state)) == state
    assert not state.closed


def test_the_domain_loads_nothing_that_does_io() -> None:
    code = "import sys, pipeline.domain.fold; print(sorted({'duckdb','pyarrow','asyncio','socket','faust'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_times_that_no_state_can_hold_are_brought_back_to_where_it_can() -> None:
    story = Story().opened()
    event = msgspec.structs.replace(story.events[0], seen_at_ns=10**21, elapsed_ns=1 << 70)

    state, _ = fold_from(SessionState(), [event])

    assert load(dump(state)) == state
    assert only(rows([event]), "sessions").last_event_at.year == 2262


def test_the_metadata_of_a_response_is_what_the_client_gave_it() -> None:
    """In one order, so that equal metadata is equal text; what is none, or more than the API allows, is none."""
    long = {"topic": "x" * 10_000}
    given: tuple[Any, ...] = (
        {"topic": "billing", "call": "7"},
        {"call": "7", "topic": "billing"},
        {},
        None,
        "billing",
        long,
    )
    story = Story().opened().configured()
    for number, metadata in enumerate(given):
        story.created(f"r{number}", metadata=metadata).done(f"r{number}")

    found = [row.metadata for row in rows(story)["responses"].values()]

    same = '{"call":"7","topic":"billing"}'
    assert found == [same, same, None, None, None, None]


def test_as_much_metadata_as_the_api_allows_is_kept() -> None:
    """16 pairs, of at most 64 and 512 characters."""
    most = {f"{number:064}": "x" * 512 for number in range(16)}

    found = only(rows(Story().opened().created("r1", metadata=most)), "responses").metadata

    assert msgspec.json.decode(found) == most
