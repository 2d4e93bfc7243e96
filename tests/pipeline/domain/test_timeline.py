"""The effective configuration as a timeline: a row for each that was in force, and what a reconnect begins anew."""

from typing import Any

from tests.builders import Story, columns, ga_session, only
from tests.pipeline.domain.laws import told


def timeline(story: Story) -> list[Any]:
    return list(told(story)["config_changes"].values())


def test_each_configuration_that_was_in_force_is_a_row_that_says_what_changed() -> None:
    story = Story().opened().configured(silence_ms=200).at(5000).reconfigured(silence_ms=700)
    story.at(6000).reconfigured(silence_ms=700).at(7000).reconfigured(silence_ms=700, tracing="auto")

    first, second, third = timeline(story)

    assert columns(first, "seq trigger changed silence_duration_ms voice") == (1, "created", None, 200, "marin")
    assert columns(second, "seq trigger changed silence_duration_ms elapsed_ms") == (
        2,
        "updated",
        "silence_duration_ms",
        700,
        5000,
    )
    assert columns(third, "seq changed") == (4, "other")


def test_all_that_a_session_can_be_told_has_a_column() -> None:
    vad = {"type": "server_vad", "threshold": 0.6, "idle_timeout_ms": 5000, "create_response": False}
    audio = {
        "input": {
            "format": {"type": "audio/pcmu"},
            "turn_detection": vad,
            "noise_reduction": {"type": "far_field"},
            "transcription": {"model": "whisper-1", "language": "de"},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": {"id": "v1"}, "speed": 1.25},
    }
    tools = [{"type": "function", "name": "weather"}, {"type": "mcp", "server_label": "desk"}, {"type": "function"}]
    session = ga_session() | {
        "audio": audio,
        "tools": tools,
        "max_output_tokens": "inf",
        "reasoning": {"effort": "low"},
        "prompt": {"id": "pmpt_1"},
        "instructions": "Be kind.",
    }

    row = only(told(Story().opened().server("session.created", session=session)), "config_changes")

    assert columns(row, "kind model output_modalities input_format output_format voice speed") == (
        "realtime",
        "gpt-realtime",
        "audio",
        "g711_ulaw",
        "pcm16",
        "v1",
        1.25,
    )
    assert columns(row, "vad_threshold idle_timeout_ms create_response interrupt_response noise_reduction") == (
        0.6,
        5000,
        False,
        None,
        "far_field",
    )
    assert columns(row, "language max_output_tokens reasoning_effort tools prompt_id") == (
        "de",
        "inf",
        "low",
        "desk, weather",
        "pmpt_1",
    )
    assert len(row.instructions_digest) == 8


def test_another_kind_of_vad_and_none_forget_the_values_of_the_one_before() -> None:
    story = Story().opened().server("session.created", session=_vad({"type": "server_vad", "threshold": 0.5}))
    story.server("session.updated", session=_vad({"type": "semantic_vad", "eagerness": "low"}))
    story.server("session.updated", session=_vad(None))

    assert [columns(row, "turn_detection vad_threshold eagerness") for row in timeline(story)] == [
        ("server_vad", 0.5, None),
        ("semantic_vad", None, "low"),
        ("none", None, None),
    ]


def _vad(found: dict[str, Any] | None) -> dict[str, Any]:
    return {"type": "realtime", "audio": {"input": {"turn_detection": found}}}


def test_the_beta_shape_has_its_own_places_for_the_same_things() -> None:
    session = {
        "modalities": ["text", "audio"],
        "turn_detection": {"type": "server_vad", "threshold": 0.4},
        "max_response_output_tokens": 100,
        "input_audio_noise_reduction": {"type": "near_field"},
    }

    row = only(told(Story().opened().server("session.created", session=session)), "config_changes")

    assert columns(row, "output_modalities vad_threshold max_output_tokens noise_reduction") == (
        "audio+text",
        0.4,
        "100",
        "near_field",
    )


def test_nonsense_in_the_details_counts_as_absent() -> None:
    session = {
        "type": "realtime",
        "speed": True,
        "tools": {"name": "x"},
        "output_modalities": 7,
        "max_output_tokens": [],
        "instructions": 3,
        "reasoning": "much",
        "audio": {"output": {"speed": "fast"}, "input": {"turn_detection": {"create_response": 1}}},
    }

    row = only(told(Story().opened().server("session.created", session=session)), "config_changes")

    assert columns(row, "speed tools output_modalities max_output_tokens instructions_digest create_response") == (
        None,
        None,
        None,
        None,
        None,
        None,
    )


def test_of_a_server_that_reports_nothing_the_requests_make_the_timeline() -> None:
    story = Story().opened().client("session.update", session=ga_session(silence_ms=300)).client("session.update")

    assert [columns(row, "trigger silence_duration_ms") for row in timeline(story)] == [("requested", 300)]


def test_a_reconnect_begins_the_apis_audio_clock_anew_and_gives_up_what_was_pending() -> None:
    """PROTOCOL section 4.14: a new session of the API, whose positions count from zero."""
    story = Story().opened().configured(silence_ms=200).append(100, times=10).created("r1").at(1000)
    story.server("session.created", session=ga_session(silence_ms=200) | {"id": "sess_2"})
    story.at(1100).append(100, times=10).at(2050).speech_started("u2", 0).speech_stopped("u2", 900)
    story.at(9000).closed()

    found = told(story)

    turn = list(found["turns"].values())[-1]
    assert columns(turn, "latency_basis speech_ended_elapsed_ms") == ("append_clock", 1700)
    assert only(found, "responses").status == "unfinished"
    assert [row.trigger for row in found["config_changes"].values()] == ["created", "reconnected"]
    assert only(found, "sessions").upstream_session_id == "sess_2"
