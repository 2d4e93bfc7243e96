"""Scenario files."""

from pathlib import Path

import pytest

from simulator import calls
from simulator.microphone import recording
from simulator.scenario import Reply, ScenarioUnreadable, load
from simulator.script import Reader
from tests.simulator.driven import WEATHER, scenario, written

SESSION = {"instructions": "", "tools": []}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("scripts = 5", "scripts"),
        ('[[scripts]]\nname = "x"\nreply = []', "reply"),
        ('[[scripts]]\nname = "x"\ninstructions = "("', "unterminated"),
        ('[[scripts]]\nname = "x"\nreplies = [{ to = "nobody" }]', "nobody"),
        ('[[scripts]]\nname = "x"\nreplies = [{ timing = { pase = 2 } }]', "pase"),
        ("not toml", "line 1"),
    ],
)
def test_a_fault_is_named_with_its_file(tmp_path: Path, text: str, fault: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(ScenarioUnreadable) as unreadable:
        load(path)

    assert str(path) in str(unreadable.value)
    assert fault in str(unreadable.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioUnreadable, match="nowhere"):
        load(tmp_path / "nowhere.toml")


def test_replies_are_given_in_order_once_and_by_what_happened() -> None:
    text = """
    [[scripts]]
    name = "x"
    replies = [
        { to = "speech", say = "one" },
        { to = "text", heard = "weather", say = "two" },
        { say = "rest", repeat = true },
    ]
    """
    reader = Reader(scenario(text))

    given = [reader.next(SESSION, "speech", "hello").say for _ in range(2)]
    given += [reader.next(SESSION, "text", said).say for said in ("hello", "the WEATHER")]

    assert given == ["one", "rest", "rest", "two"]


def test_a_reply_with_a_call_waits_for_a_session_that_has_the_function() -> None:
    text = '[[scripts]]\nname = "x"\nreplies = [{ call = [{ name = "get_weather" }] }, { say = "no" }]'
    reader = Reader(scenario(text))

    assert reader.next(SESSION, "text", "").say == "no"
    assert reader.next(SESSION | {"tools": [WEATHER]}, "text", "").call


def test_the_instructions_choose_the_script() -> None:
    played = scenario('[[scripts]]\nname = "a"\ninstructions = "Robot"\n[[scripts]]\nname = "b"')

    assert played.script("You steer a robot.").name == "a"
    assert played.script("Anything else.").name == "b"


def test_timing_can_be_changed_for_one_reply() -> None:
    played = scenario("[timing]\npace = 5.0")

    assert played.timing_of(Reply(timing={"first_audio_ms": 900.0})).first_audio_ms == 900
    assert played.timing_of(Reply(timing={"first_audio_ms": 900.0})).pace == 5


def test_every_call_of_the_try_out_has_its_script_and_its_recordings() -> None:
    played = load(None)

    for call in calls.load():
        assert played.script(call.instructions).name == call.name
        for step in call.steps:
            if step.do in {"speak", "press"}:
                assert len(recording(step.what)) > 24_000


def test_the_try_out_holds_every_kind_of_turn() -> None:
    held = calls.load()
    steps = [step for call in held for step in call.steps]

    assert {step.do for step in steps} >= {"greet", "speak", "type", "press", "hear"}
    assert any(step.after_ms for step in steps if step.do == "speak")
    assert any(call.tools for call in held)
    assert any(call.turn_detection == "none" for call in held)
    assert any(len(reply.call) > 1 for script in load(None).scripts for reply in script.replies)


def test_a_fault_in_a_file_of_calls_is_named(tmp_path: Path) -> None:
    path = tmp_path / "calls.toml"
    path.write_text('[[calls]]\nname = "x"\ninstructions = ""\nsteps = [{ do = "dance" }]')

    with pytest.raises(calls.CallsUnreadable, match=r"calls\.toml.*dance"):
        calls.load(path)
