"""An explanation says where a number comes from, and never another number than the row."""

import math
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from ingest.envelope import RecordedEvent
from pipeline.domain.explain_cost import explain_cost
from pipeline.domain.explain_interruption import explain_interruption
from pipeline.domain.explain_text import as_text
from pipeline.domain.explain_turn import explain_turn
from pipeline.domain.explanation import Answer, Explanation, NothingToExplain, evidence
from pipeline.domain.reasons import REASONS
from tests.builders import RULES, Story, fold, latest
from tests.pipeline.domain.any_log import logs
from tests.pipeline.domain.test_interruptions import agent_talks, user_speaks, yields
from tests.pipeline.domain.test_turns import vad_turn


def turn(story: Story, index: int = 0) -> Explanation:
    return explain_turn(story.events, index, RULES)


def answer(found: Explanation, column: str) -> Answer:
    [one] = [one for one in found.answers if one.column == column]
    return one


def steps(found: Explanation, column: str) -> list[tuple[object, str | None, tuple[int, ...]]]:
    return [(step.value, step.formula, step.seqs) for step in answer(found, column).steps]


def test_a_perceived_latency_is_led_back_to_the_append_in_which_the_speech_ended() -> None:
    found = turn(vad_turn())

    assert steps(found, "perceived_latency_ms") == [
        (2500, None, (29,)),
        (500, None, (1,)),
        (2000, "2500 - 500", ()),
        (2000, None, (22,)),
        (3025, None, (32,)),
        (1025, "3025 - 2000", ()),
    ]
    assert [(event.seq, event.type) for event in found.events if event.seq < 30] == [
        (1, "session.created"),
        (22, "input_audio_buffer.append"),
        (29, "input_audio_buffer.speech_stopped"),
    ]


def test_the_silence_named_is_the_one_that_was_in_force_and_not_a_later_one() -> None:
    story = vad_turn(silence_ms=200)
    last = story.events.pop()
    story.next_seq -= 1
    story.at(8000).reconfigured(silence_ms=900).at(last.elapsed_ns / 1e6).closed()

    assert steps(turn(story), "endpointing_ms")[1] == (200, None, (1,))


def test_without_appends_it_says_from_what_the_end_was_taken() -> None:
    story = Story().opened("sideband").reconfigured(silence_ms=500).at(100).speech_started("u1", 0)
    story.at(3000).speech_stopped("u1", 2500).committed("u1").created("r1")
    story.at(3400).server("output_audio_buffer.started", response_id="r1").at(9000).closed()

    found = turn(story)

    assert answer(found, "perceived_latency_ms").value == 900
    assert "vad_event" in answer(found, "perceived_latency_ms").words
    assert steps(found, "perceived_latency_ms")[2] == (2500, "3000 - 500", ())
    assert (answer(found, "endpointing_ms").value, answer(found, "endpointing_ms").reason) == (None, "no_appends")
    assert "endpointing" in as_text(found)
    assert "unknown (no_appends)" in as_text(found)


def test_a_client_that_says_itself_when_it_ends_is_led_back_to_its_own_event() -> None:
    story = Story().opened().configured(turn_detection=None).append(100, times=10)
    story.at(1000).client("input_audio_buffer.commit").client("response.create")
    story.at(1100).committed("u1").created("r1").at(1300).speaks("r1", 100).done("r1").at(5000).closed()

    found = turn(story)

    assert steps(found, "wire_latency_ms")[0][0] == 1000
    assert {event.type for event in found.events} >= {"response.create", "response.output_audio.delta"}
    assert answer(found, "endpointing_ms").reason == "ended_by_client"


def test_waits_for_tools_name_arguments_and_outputs() -> None:
    story = Story().opened().configured().user_writes("Weather?").client("response.create").created("r1")
    story.at(100).calls("r1", "c1").calls("r1", "c2").at(400).answers("c1").at(900).answers("c2").done("r1")
    story.at(950).client("response.create").created("r2").at(1300).speaks("r2", 100).done("r2").at(3000).closed()

    found = turn(story)

    assert [one[:2] for one in steps(found, "tool_wait_ms")] == [
        (300, "400 - 100"),
        (800, "900 - 100"),
        (1100, "300 + 800"),
    ]
    assert steps(found, "after_tool_ms")[0][:2] == (400, "1300 - 900")


def test_an_interruption_says_who_spoke_when_and_which_rule_gave_the_class() -> None:
    story = user_speaks(yields(agent_talks()), words="stop it please").at(20_000).closed()
    [row] = latest(fold(story.events))["interruptions"].values()

    found = explain_interruption(story.events, row.seq, RULES)

    assert answer(found, "class").value == "barge_in"
    assert answer(found, "class").steps[-1].formula == row.reason
    assert "stop it please" in as_text(found)
    assert answer(found, "heard_ms").steps[0].formula is not None
    started, floor, *_ = (step.seqs for step in answer(found, "class").steps)
    types = {event.seq: event.type for event in found.events}
    assert [types[seq] for seq in (*started, *floor)] == [
        "input_audio_buffer.speech_started",
        "response.output_audio.delta",
    ]


def test_a_cost_is_a_sum_of_tokens_times_prices() -> None:
    story = vad_turn()

    found = explain_cost(story.events, 31, RULES)

    assert steps(found, "billed_usd_nanos")[1:] == [
        (40_000, "10 x 4,000", (33,)),
        (80_000, "5 x 16,000", (33,)),
        (120_000, "40,000 + 80,000", ()),
    ]
    assert steps(found, "metered_usd_nanos")[-1][:2] == (1_750_000, "1,600,000 + 50,000 + 100,000")
    assert "$0.000120000" in as_text(found)


def test_a_transcription_is_billed_by_its_seconds() -> None:
    story = vad_turn(transcription="whisper-1")
    story.events.pop()
    story.next_seq -= 1
    story.transcribed("u1", "hello", type="duration", seconds=3).at(9000).closed()

    found = explain_cost(story.events, story.events[-2].seq, RULES)

    assert answer(found, "billed_usd_nanos").value == 300_000
    assert steps(found, "billed_usd_nanos")[-1][1] == "3 s x 6,000,000 a minute / 60, rounded down"


@pytest.mark.parametrize(
    ("explain", "says"),
    [
        (lambda events: explain_turn(events, 7, RULES), "session s1 has no turn 7; it has turns 0 to 0"),
        (lambda events: explain_interruption(events, 7, RULES), "session s1 has no interruption at seq 7; it has none"),
        (
            lambda events: explain_cost(events, 7, RULES),
            "has no cost at seq 7; it has input_audio at seq 2, response at",
        ),
    ],
)
def test_what_is_not_there_is_answered_by_what_is(explain: Any, says: str) -> None:
    with pytest.raises(NothingToExplain, match=says):
        explain(vad_turn().events)


@settings(deadline=None)
@given(logs())
def test_an_explanation_of_any_log_agrees_with_its_row(events: list[RecordedEvent]) -> None:
    told = latest(fold(events))

    for row in told["turns"].values():
        agrees(explain_turn(events, row.turn_index, RULES), row)
    for row in told["interruptions"].values():
        agrees(explain_interruption(events, row.seq, RULES), row)
    for row in told["costs"].values():
        agrees(explain_cost(events, row.seq, RULES, row.kind), row)


def result_of(formula: str | None, otherwise: object) -> Any:
    """Of sums, differences and products as they are written; what is written in words is not computed."""
    plain = (formula or "").replace(",", "").replace("rounded down", "")
    for unit in (" bytes a ms", " bytes", " ms", " s", " a minute"):
        plain = plain.replace(unit, "")
    if not re.fullmatch(r"[\d.]+( [-+x/] [\d.]+)+ *", plain):
        return otherwise
    result = eval(plain.replace("x", "*"))  # nothing but numbers and operators, as was just seen
    return math.floor(result) if "rounded down" in str(formula) else result


def agrees(found: Explanation, row: Any) -> None:
    columns = {field.encode_name: getattr(row, field.name) for field in msgspec.structs.fields(row)}
    for one in found.answers:
        assert one.value == columns[one.column], one
        if one.column.removesuffix("_ms").removesuffix("_usd_nanos") + "_reason" in columns:
            assert one.reason == columns[one.column.removesuffix("_ms").removesuffix("_usd_nanos") + "_reason"]
        if one.steps and one.value is not None and one.column != "heard_ms":
            assert one.steps[-1].value == pytest.approx(one.value)
        for step in one.steps:
            assert step.value == pytest.approx(result_of(step.formula, step.value), abs=1e-5), step
        assert one.reason is None or one.reason in REASONS
    assert {seq for one in found.answers for step in one.steps for seq in step.seqs} == {
        event.seq for event in found.events
    }
    assert as_text(found).startswith(found.title)
    msgspec.json.encode(found)


def test_an_event_says_each_value_in_one_short_line() -> None:
    [event] = Story().server("error", error={"message": f"one\ntwo {'x' * 60}"}).events

    assert evidence(event).says == f"error.message one two {'x' * 51}\N{HORIZONTAL ELLIPSIS}"


def test_an_event_says_a_value_of_sixty_characters_whole() -> None:
    [event] = Story().server("error", error={"message": "x" * 60}).events

    assert evidence(event).says == f"error.message {'x' * 60}"


def test_what_an_event_says_is_not_what_every_event_has() -> None:
    item = {"id": "i1", "object": "realtime.item", "type": "message", "role": "user"}
    [event] = Story().server("conversation.item.added", event_id="e1", previous_item_id="i0", item=item).events

    assert evidence(event).says == "item.id i1, item.role user"


def test_an_explanation_names_its_row() -> None:
    story = yields(agent_talks()).at(5000).speech_stopped("u1", 2400).committed("u1").done("r1").closed()
    rows = latest(fold(story.events))
    [overlap], [cost, *_] = rows["interruptions"].values(), rows["costs"].values()
    found = (
        turn(story),
        explain_interruption(story.events, overlap.seq, RULES),
        explain_cost(story.events, cost.seq, RULES),
    )

    assert [(one.kind, one.session_id, one.key) for one in found] == [
        ("turn", "s1", 0),
        ("interruption", "s1", overlap.seq),
        ("cost", "s1", cost.seq),
    ]
