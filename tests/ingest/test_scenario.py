"""Scenario files: what is taken, what is refused, and how that is told."""

from pathlib import Path

import pytest

from ingest.scenario import Hear, Say, Scenario, ScenarioUnreadable, Type, load

BUILT_IN = sorted((Path(__file__).parents[2] / "ingest" / "scenarios").glob("*.toml"))


def loaded(folder: Path, text: str) -> Scenario:
    file = folder / "mine.toml"
    file.write_text(text)
    return load(file)


@pytest.mark.parametrize("path", BUILT_IN, ids=lambda path: path.stem)
def test_the_scenarios_that_come_along_can_be_read_and_say_what_they_are_about(path: Path) -> None:
    found = load(path)

    assert found.name == path.stem
    assert found.about


def test_there_is_one_for_each_use_of_the_api() -> None:
    assert [path.stem for path in BUILT_IN] == [
        "function-calling",
        "hello-text",
        "manual-turns",
        "phone-receptionist",
        "session-update",
        "transcription",
        "translation",
        "vad-tuning",
    ]


def test_steps_are_named_by_what_they_do(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, 'steps = [{ do = "type", text = "hi" }, { do = "hear" }, { do = "say", audio = "a", after_heard_ms = 5 }]'
    )  # fmt: skip

    assert found.steps == (Type(text="hi"), Hear(), Say(audio="a", after_heard_ms=5))
    assert found.name == "mine"
    assert found.folder == str(tmp_path)
    assert found.speaks


def test_none_stands_for_null_where_the_api_has_one(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        'steps = []\n[session.audio.input]\nturn_detection = "none"\ntranscription = "none"\nnoise_reduction = "none"\n',
    )

    heard = found.configuration()["audio"]["input"]
    assert heard == {"turn_detection": None, "transcription": None, "noise_reduction": None}


def test_a_session_offers_the_tools_of_the_scenario_beside_its_own(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        'steps = []\n[session]\ntools = [{ type = "mcp", server_label = "x" }]\n[[tools]]\nname = "look"\nanswer = "yes"\n',
    )

    assert [tool["type"] for tool in found.configuration()["tools"]] == ["mcp", "function"]


def test_without_a_configuration_none_is_sent(tmp_path: Path) -> None:
    assert loaded(tmp_path, "steps = []").configuration() == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steps = [", "Invalid value (at end of document)"),
        ("", "missing required field `steps`"),
        ('steps = [{ do = "dance" }]', "'dance'"),
        ('steps = [{ do = "say", file = "x" }]', "unknown field `file`"),
        ("steps = []\nmodle = 'x'", "unknown field `modle`"),
        ("steps = []\nfolder = '/etc'", "unknown field `folder`"),
        ("steps = []\nparallel = 0", "parallel must be at least 1 (got 0)"),
        ("steps = []\nchunk_ms = 0", "chunk_ms must be at least 1 (got 0)"),
        ("steps = []\n[[tools]]\nname = 'look'", "tool 'look' needs an answer or a command"),
        ("steps = []\n[[tools]]\nname = 'look'\nanswer = 'x'\ncommand = ['y']", "and not both"),
        ("steps = []\n[expect]\nagent_says = ['(']", "'(' is no regular expression"),
    ],
)
def test_a_mistake_is_told_with_the_file_and_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ScenarioUnreadable) as refused:
        loaded(tmp_path, text)

    assert str(tmp_path / "mine.toml") in str(refused.value)
    assert says in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioUnreadable, match=r"gone\.toml"):
        load(tmp_path / "gone.toml")
