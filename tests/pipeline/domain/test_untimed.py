"""A session imported from a log without times: what rests on time is unknown, all else as in any other."""

from tests.builders import Story, columns, only, rows, usage


def spoken(*, missing_times: bool) -> Story:
    """Speech, a tool, an answer that the user interrupts and the client truncates, and an answer to that."""
    story = Story().opened(missing_times=missing_times).configured(transcription="whisper-1")
    story.at(100).append(100, times=20).speech_started("u1", 300).speech_stopped("u1", 1900).committed("u1")
    story.transcribed("u1", "Weather?").at(2050).created("r0").at(2100).calls("r0", "c1").done("r0")
    story.at(2300).answers("c1").client("response.create").created("r1").at(2500).speaks("r1", 4000)
    story.at(3000).speech_started("u2", 1900).cancelled("r1", usage=usage(10, 20, 5, 60))
    story.client("conversation.item.truncate", item_id="r1_item", audio_end_ms=700)
    story.at(4500).speech_stopped("u2", 2000).committed("u2").transcribed("u2", "stop it please")
    return story.at(4600).created("r2").at(4900).speaks("r2", 300).done("r2").at(9000).closed()


UNTIMED = rows(spoken(missing_times=True))
TIMED = rows(spoken(missing_times=False))


def test_no_length_of_time_is_known_and_each_says_why() -> None:
    turn, response = UNTIMED["turns"]["s1", 0], UNTIMED["responses"]["s1", "r2"]

    for name in ("endpointing", "wire_latency", "perceived_latency", "model_latency", "tool_wait", "after_tool"):
        assert columns(turn, f"{name}_ms {name}_reason") == (None, "no_times"), name
    assert (
        columns(turn, "speech_ended_elapsed_ms first_output_elapsed_ms closed_elapsed_ms latency_basis") == (None,) * 4
    )
    assert columns(response, "model_latency_ms model_latency_reason done_elapsed_ms") == (None, "no_times", None)
    assert columns(only(UNTIMED, "tool_calls"), "tool_wait_ms tool_wait_reason output_elapsed_ms") == (
        None,
        "no_times",
        None,
    )
    assert columns(UNTIMED["transcripts"]["s1", "u1", 0], "completion_lag_ms completion_lag_reason") == (
        None,
        "no_times",
    )


def test_what_is_unknown_for_a_reason_of_its_own_keeps_it() -> None:
    last = max(UNTIMED["turns"].values(), key=lambda row: row.turn_index)

    assert columns(last, "tool_wait_ms tool_wait_reason") == (None, "no_tools")
    assert UNTIMED["transcripts"]["s1", "u1", 0].first_delta_lag_reason == "no_deltas"


def test_how_much_was_heard_is_known_only_from_the_client() -> None:
    heard = "generated_ms heard_ms unheard_ms heard_basis audio_reason"

    assert columns(UNTIMED["responses"]["s1", "r1"], heard) == (4000, 700, 3300, "truncate", None)
    assert columns(UNTIMED["responses"]["s1", "r2"], heard) == (300, None, None, None, "no_times")
    assert columns(only(UNTIMED, "sessions"), "generated_ms heard_ms audio_reason") == (4300, None, "no_times")


def test_whether_somebody_was_interrupted_does_not_show() -> None:
    assert len(TIMED["interruptions"]) == 1
    assert UNTIMED["interruptions"] == {}
    assert only(UNTIMED, "sessions").interruptions == 0
    assert not any(row.interrupted for row in UNTIMED["turns"].values())


def test_what_was_said_done_and_paid_is_as_in_any_other_log() -> None:
    same = {
        "sessions": "turns responses tool_calls errors audio_in_ms generated_ms metered_usd_nanos billed_usd_nanos",
        "turns": "input_kind responses tool_calls generated_ms",
        "responses": "status status_reason generated_ms input_tokens output_tokens turn_index",
        "tool_calls": "name arguments output status",
        "transcripts": "role kind text turn_index",
        "costs": "kind audio_ms metered_usd_nanos billed_usd_nanos",
        "audio_minutes": "audio_in_ms generated_ms metered_usd_nanos billed_usd_nanos",
    }
    for table, names in same.items():
        assert TIMED[table].keys() == UNTIMED[table].keys()
        for key, row in TIMED[table].items():
            assert columns(UNTIMED[table][key], names) == columns(row, names), (table, key)
