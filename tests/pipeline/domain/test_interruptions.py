"""User and agent at once: which class it is, and its columns (METRICS section 3)."""

from typing import Any

import msgspec
import pytest

from pipeline.domain.facts import Interruption
from tests.builders import RULES, Rows, Story, columns, fold, only
from tests.pipeline.domain.laws import told


def agent_talks(**config: Any) -> Story:
    """From 1000 ms the agent says five seconds of audio, which arrive at once; it is heard until 6000."""
    story = Story().opened().configured(**config).append(100, times=2).user_writes("Tell me.").client("response.create")
    return story.at(900).created("r1").at(1000).speaks("r1", 2000).speaks("r1", 3000)


def user_speaks(story: Story, ms: float = 1500, *, words: str | None = None, commit: bool = True) -> Story:
    """Speech of so many milliseconds by the positions of the VAD, from 3000 ms on, and its transcript."""
    story.at(3000).speech_started("u1", 100)
    story.at(3000 + ms + 500).speech_stopped("u1", 400 + ms + 500)
    if commit:
        story.committed("u1")
    if words is not None:
        story.after(300).transcribed("u1", words)
    return story


def yields(story: Story) -> Story:
    """As with `user_speaks`, but the server cancels and the client stops its player."""
    story.at(3000).speech_started("u1", 100).at(3050).cancelled("r1")
    return story.at(3060).client("conversation.item.truncate", item_id="r1_item", audio_end_ms=1900)


def interruption(story: Story) -> Any:
    return only(told(story), "interruptions")


# --- the classes


def test_the_agent_yielded_and_words_followed_is_a_barge_in() -> None:
    story = yields(agent_talks(transcription="whisper-1"))
    story.at(5000).speech_stopped("u1", 2400).committed("u1").at(5400).transcribed("u1", "No, the other one.")

    found = interruption(story)

    assert columns(found, "class_ yielded yielded_by time_to_yield_ms") == ("barge_in", True, "cancelled", 50.0)
    assert columns(found, "position_in_response_ms generated_ms heard_ms unheard_ms") == (2000, 5000, 1900, 3100)
    assert found.unheard_usd_nanos == 3100 * 240_000_000 // 60_000
    assert columns(found, "overlap_ms user_speech_ms transcript") == (50.0, 1500.0, "No, the other one.")
    assert columns(found, "turn_index response_id user_item_id yield_window_ms speech_min_ms") == (
        0,
        "r1",
        "u1",
        2000,
        1000,
    )


@pytest.mark.parametrize(
    ("ms", "words", "yielded", "class_"),
    [
        (600, "Stop!", True, "barge_in"),
        (600, "Stop, please, stop.", False, "talked_over"),
        (1500, "I have a question.", False, "talked_over"),
        (600, "Mm-hmm.", False, "backchannel"),
        (600, "Yeah, okay.", True, "backchannel"),
        (2000, "Ja, genau!", False, "backchannel"),
        (800, "はい。", False, "backchannel"),
        (1500, "", True, "false_interruption"),
        (600, " ... ", True, "false_interruption"),
        (600, "", False, "backchannel"),
        (1500, None, True, "barge_in"),
        (1500, None, False, "talked_over"),
        (600, None, True, "backchannel"),
        (999, None, False, "backchannel"),
        (1000, None, False, "talked_over"),
    ],
)
def test_words_decide_where_there_are_any_and_length_where_nothing_is_transcribed(
    ms: float, words: str | None, yielded: bool, class_: str
) -> None:
    story = agent_talks(transcription=None if words is None else "whisper-1")
    story = yields(story) if yielded else story.at(3000).speech_started("u1", 100)
    story.at(3500 + ms).speech_stopped("u1", 900 + ms).committed("u1")
    if words is not None:
        story.transcribed("u1", words)
    found = interruption(story.after(30_000).closed())

    assert columns(found, "class_ yielded") == (class_, yielded)


def test_noise_that_the_agent_talked_through_is_no_interruption() -> None:
    assert (
        told(user_speaks(agent_talks(transcription="whisper-1"), words="").at(30_000).closed())["interruptions"] == {}
    )


def test_the_agent_yielded_to_speech_that_never_became_a_turn_is_a_false_interruption() -> None:
    story = yields(agent_talks(transcription="whisper-1")).at(5000).speech_stopped("u1", 2400)

    assert told(story.at(7000).append(10))["interruptions"] == {}
    assert interruption(story.at(7001).append(10)).class_ == "false_interruption"


def test_an_agent_that_begins_while_the_user_speaks_cuts_in() -> None:
    story = Story().opened().configured().append(100, times=9).at(1000).speech_started("u1", 100)
    story.client("response.create").created("r1").at(1500).speaks("r1", 4000)
    story.server("output_audio_buffer.started", response_id="r1")
    story.at(2500).speech_stopped("u1", 1200).at(4000).append(10)

    found = interruption(story)

    assert columns(found, "class_ seq elapsed_ms position_in_response_ms") == ("agent_cut_in", 14, 1500, 0)
    assert columns(found, "yielded overlap_ms") == (False, 0.0)  # the speech had ended at 700, as the appends tell


def test_on_webrtc_the_buffer_says_that_the_agent_cut_in() -> None:
    story = Story().opened("sideband").reconfigured().speech_started("u1", 100).created("r1").at(900)
    story.server("output_audio_buffer.started", response_id="r1").at(1500).speech_stopped("u1", 1200).at(4000).closed()

    assert columns(interruption(story), "class_ elapsed_ms overlap_ms") == (
        "agent_cut_in",
        900,
        100,
    )  # it ended 500 ms of silence before it stopped


# --- who holds the floor


def test_speech_after_the_agent_was_heard_to_its_end_is_no_interruption() -> None:
    story = agent_talks().at(1100).done("r1").at(6000).speech_started("u1", 100).at(8000).speech_stopped("u1", 2600)

    assert told(story.at(30_000).closed())["interruptions"] == {}


def test_the_agent_still_holds_the_floor_when_its_response_is_done_and_its_audio_is_not() -> None:
    story = agent_talks().at(1100).done("r1").at(3000).speech_started("u1", 100)
    story.at(3400).client("conversation.item.truncate", item_id="r1_item", audio_end_ms=2300)
    story.at(3600).server("conversation.item.truncated", item_id="r1_item", audio_end_ms=2280)
    story.at(5000).speech_stopped("u1", 2400).committed("u1")

    found = interruption(story)

    assert columns(found, "class_ yielded_by time_to_yield_ms heard_ms") == ("barge_in", "truncated", 400, 2280)


def test_a_stall_between_two_deltas_does_not_give_up_the_floor() -> None:
    story = Story().opened().configured().created("r1").at(100).speaks("r1", 100).at(3000).speech_started("u1", 100)
    story.at(3100).speaks("r1", 500).server("response.output_audio.done", response_id="r1").at(6000)
    story.speech_started("u2", 100).at(30_000).closed()

    assert [row.user_item_id for row in told(story)["interruptions"].values()] == ["u1"]


def test_a_yield_after_the_window_is_none() -> None:
    story = agent_talks().at(3000).speech_started("u1", 100).at(5001).cancelled("r1")
    story.at(7000).speech_stopped("u1", 4000).committed("u1")

    assert columns(interruption(story), "class_ yielded time_to_yield_ms") == ("talked_over", False, None)


def test_a_yield_at_the_last_moment_of_the_window_counts() -> None:
    story = agent_talks().at(3000).speech_started("u1", 100).at(5000).cancelled("r1", "client_cancelled")
    story.at(7000).speech_stopped("u1", 4000).committed("u1")

    assert columns(interruption(story), "class_ time_to_yield_ms") == ("barge_in", 2000.0)


def test_on_webrtc_the_buffer_says_who_holds_the_floor_and_who_yields() -> None:
    story = Story().opened("sideband").reconfigured().created("r1").at(1000)
    story.server("output_audio_buffer.started", response_id="r1").at(3000).speech_started("u1", 100)
    story.at(3100).server("output_audio_buffer.cleared", response_id="r1").at(5000).speech_stopped(
        "u1", 2300
    ).committed("u1")

    found = interruption(story)

    assert columns(found, "class_ yielded_by position_in_response_ms overlap_ms") == ("barge_in", "cleared", 2000, 100)
    assert columns(found, "generated_ms heard_ms unheard_ms unheard_usd_nanos") == (None, 2100, None, None)


def test_on_webrtc_a_drained_buffer_gives_up_the_floor() -> None:
    story = Story().opened("sideband").reconfigured().created("r1")
    story.server("output_audio_buffer.started", response_id="r1").at(900)
    story.server("output_audio_buffer.stopped", response_id="r1").at(1000).speech_started("u1", 100).at(9000).closed()

    assert told(story)["interruptions"] == {}


# --- when it is decided


def test_nothing_is_told_before_it_can_no_longer_change() -> None:
    story = yields(agent_talks(transcription="whisper-1")).at(5000).speech_stopped("u1", 2400).committed("u1")

    assert told(story.at(15_000).append(10))["interruptions"] == {}
    assert (
        interruption(story.at(15_001).append(10)).reason
        == "the agent yielded; at least 1000 ms of speech, not transcribed"
    )


def test_long_speech_that_the_agent_talked_through_waits_for_its_words_to_the_end() -> None:
    """They may turn out to be none, and a row that was told could not be taken back."""
    story = user_speaks(agent_talks(transcription="whisper-1")).at(60_000).append(10)

    assert told(story)["interruptions"] == {}
    assert interruption(story.closed()).class_ == "talked_over"


def test_noise_turns_out_to_be_nothing_however_late() -> None:
    story = user_speaks(agent_talks(transcription="whisper-1")).at(20_000).append(10).transcribed("u1", "")

    assert told(story.closed())["interruptions"] == {}


def test_short_speech_that_the_agent_talked_through_is_told_in_time() -> None:
    story = user_speaks(agent_talks(transcription="whisper-1"), 400).at(15_001).append(10)

    assert interruption(story).class_ == "backchannel"


def test_words_that_come_later_still_correct_the_class() -> None:
    story = user_speaks(agent_talks(transcription="whisper-1")).at(20_000).append(10).transcribed("u1", "okay")

    assert columns(interruption(story), "class_ transcript") == ("backchannel", "okay")


def test_an_empty_transcript_that_comes_later_corrects_a_barge_in() -> None:
    story = yields(agent_talks(transcription="whisper-1")).at(5000).speech_stopped("u1", 2400).committed("u1")

    assert interruption(story.at(20_000).append(10).transcribed("u1", "")).class_ == "false_interruption"


def test_a_failed_transcription_leaves_the_length_to_decide() -> None:
    story = user_speaks(agent_talks(transcription="whisper-1"))
    story.after(1).server("conversation.item.input_audio_transcription.failed", item_id="u1", error={"code": "x"})

    assert interruption(story).class_ == "talked_over"


def test_a_session_that_ends_decides_what_is_open() -> None:
    still_speaking = agent_talks().at(3000).speech_started("u1", 100).at(3700).closed()
    just_cancelled = yields(agent_talks()).at(3100).speech_stopped("u1", 1000).closed()

    assert interruption(still_speaking).class_ == "backchannel"
    assert interruption(just_cancelled).class_ == "false_interruption"


def test_speech_of_unknown_positions_is_as_long_as_its_events_are_apart() -> None:
    story = agent_talks(turn_detection="semantic_vad").at(3000).speech_started("u1").at(4200).speech_stopped("u1")

    assert interruption(story.committed("u1").at(5100).append(10)).class_ == "talked_over"


def test_a_truncate_after_the_class_was_given_corrects_what_was_heard() -> None:
    story = agent_talks().at(1100).done("r1")
    story = user_speaks(story).at(5600).append(10)
    assert interruption(story).heard_ms == 4600

    story.client("conversation.item.truncate", item_id="r1_item", audio_end_ms=4000)

    assert columns(interruption(story), "class_ heard_ms yielded") == ("talked_over", 4000, False)


def test_the_windows_and_the_words_are_parameters() -> None:
    rules = msgspec.structs.replace(RULES, yield_window_ms=10, speech_min_ms=5000, backchannels={"x": ("stop",)})
    story = user_speaks(yields(agent_talks(transcription="whisper-1")), words="stop")

    found: Rows = told(story, rules)

    assert columns(only(found, "interruptions"), "class_ yielded yield_window_ms speech_min_ms") == (
        "backchannel",
        False,
        10,
        5000,
    )


def test_an_overlap_outlives_the_memory_of_its_speech() -> None:
    def story(cancel: bool) -> Story:
        told_ = agent_talks().speaks("r1", 900_000).at(3000).speech_started("u0", 0)
        if cancel:
            told_.cancelled("r1")
        for index in range(1, 40):
            told_.after(10).speech_started(f"u{index}")
        return told_.at(9000).append(10)

    [talked] = [row for row in told(story(False))["interruptions"].values() if row.user_item_id == "u0"]
    [yielded] = told(story(True))["interruptions"].values()

    assert columns(talked, "class_ overlap_ms") == ("talked_over", None)
    assert yielded.class_ == "barge_in"


# --- who has the floor


def test_the_floor_is_held_by_the_answer_that_sounds_not_by_one_that_waits_behind_it() -> None:
    """r1 is heard until 6000; r2 has come in and waits. Silencing r1 is what counts as yielding."""
    story = agent_talks().at(1500).done("r1").created("r2").at(2000).speaks("r2", 800)
    story.at(3000).speech_started("u1", 100).at(3100)
    story.client("conversation.item.truncate", item_id="r1_item", audio_end_ms=1950)
    story.at(5000).speech_stopped("u1", 2400).committed("u1").at(20_000).closed()

    found = interruption(story)

    assert columns(found, "response_id position_in_response_ms heard_ms yielded_by") == ("r1", 2000, 1950, "truncated")


def test_once_it_sounds_the_floor_is_its_own() -> None:
    story = agent_talks().at(1500).done("r1").created("r2").at(2000).speaks("r2", 800).done("r2")
    story.at(6100).speech_started("u1", 100).at(6900).speech_stopped("u1", 600).committed("u1").at(20_000).closed()

    assert columns(interruption(story), "response_id position_in_response_ms") == ("r2", 100)


def test_an_agent_that_speaks_already_does_not_cut_in_with_its_next_answer() -> None:
    story = (
        agent_talks().at(1500).done("r1").at(3000).speech_started("u1", 100).at(3200).created("r2").speaks("r2", 500)
    )
    story.at(4500).speech_stopped("u1", 1500).committed("u1").at(20_000).closed()

    assert columns(interruption(story), "class_ response_id") == ("backchannel", "r1")


def test_speech_that_the_client_threw_away_was_a_false_interruption() -> None:
    story = yields(agent_talks()).at(4500).server("input_audio_buffer.cleared").at(9000).closed()

    found = interruption(story)

    assert columns(found, "class_ overlap_ms") == ("false_interruption", 50)
    assert found.reason == "the agent yielded, but no user turn followed"


def test_speech_thrown_away_is_over_and_the_agent_does_not_cut_in_afterwards() -> None:
    story = Story().opened().configured().speech_started("u1", 100).at(500).server("input_audio_buffer.cleared")
    story.at(700).created("r1").speaks("r1", 400).at(9000).closed()

    assert told(story)["interruptions"] == {}


# --- what is said of why, and what counts as a word


def test_each_class_says_in_words_what_decided_it() -> None:
    def reason(story: Story) -> Any:
        return interruption(story.at(30_000).closed()).reason

    heard, unheard = {"transcription": "whisper-1"}, dict[str, Any]()
    stopped = yields(agent_talks(**heard)).at(5000).speech_stopped("u1", 2400).committed("u1")

    assert reason(stopped.transcribed("u1", "No.")) == "the agent yielded, and words followed"
    assert reason(user_speaks(agent_talks(**heard), words="No.")) == "words, and the agent did not yield"
    assert reason(user_speaks(agent_talks(**heard), words="okay")) == "a short acknowledgement"
    assert reason(user_speaks(agent_talks(**heard), 400, words="")) == "no words, and less than 1000 ms of speech"
    assert reason(user_speaks(agent_talks(**unheard), 400)) == "less than 1000 ms of speech, not transcribed"
    assert reason(yields(agent_talks()).at(5000).speech_stopped("u1", 2400).committed("u1")) == (
        "the agent yielded; at least 1000 ms of speech, not transcribed"
    )
    empty = yields(agent_talks(**heard)).at(5000).speech_stopped("u1", 2400).committed("u1").transcribed("u1", "")
    assert reason(empty) == "the agent yielded, but the transcript is empty"


@pytest.mark.parametrize("words", ["I see.", "yeah, right", "'Okay'", "-mhm_", "All right!", "\u2019ok\u2019"])
def test_acknowledgements_count_together_or_each_for_itself_without_what_stands_around_them(words: str) -> None:
    assert interruption(user_speaks(agent_talks(transcription="whisper-1"), words=words)).class_ == "backchannel"


@pytest.mark.parametrize("words", ["see", "all", "okay stop", "yeah yeah yeah"])
def test_what_only_looks_like_an_acknowledgement_is_speech(words: str) -> None:
    assert interruption(user_speaks(agent_talks(transcription="whisper-1"), words=words)).class_ == "talked_over"


def test_words_that_come_within_the_window_do_not_decide_before_it_is_over() -> None:
    """The agent may still yield."""
    story = (
        agent_talks(transcription="whisper-1").at(3000).speech_started("u1", 100).at(3700).speech_stopped("u1", 1000)
    )
    story.committed("u1").at(3800).transcribed("u1", "Stop it now")

    assert told(story)["interruptions"] == {}
    story.at(4900).client("conversation.item.truncate", item_id="r1_item", audio_end_ms=1800)
    assert columns(interruption(story), "class_ time_to_yield_ms") == ("barge_in", 1900)


def test_words_correct_only_the_class_of_their_own_speech() -> None:
    story = user_speaks(agent_talks(transcription="whisper-1"), 400).at(15_001).append(10)
    story.at(16_000).speech_started("u2", 15_000).speech_stopped("u2", 16_000).committed("u2")

    assert interruption(story.at(17_000).transcribed("u2", "Something else")).class_ == "backchannel"


def said_in_parts(story: Story, *parts: str) -> Story:
    """The transcripts of one item of the user, a part each."""
    for index, words in enumerate(parts):
        story.server(
            "conversation.item.input_audio_transcription.completed",
            item_id="u1",
            content_index=index,
            transcript=words,
            usage={"type": "duration", "seconds": 1},
        )
    return story


@pytest.mark.parametrize("parts", [("stop it please", ""), ("", "stop it please")])
def test_words_in_any_part_of_what_the_user_said_are_words(parts: tuple[str, str]) -> None:
    config = {"transcription": "whisper-1"}
    stopped = yields(agent_talks(**config)).at(5000).speech_stopped("u1", 2400).committed("u1")
    talked = user_speaks(agent_talks(**config)).after(1)

    assert columns(interruption(said_in_parts(stopped, *parts)), "class_ transcript") == ("barge_in", "stop it please")
    assert columns(interruption(said_in_parts(talked, *parts)), "class_ transcript") == (
        "talked_over",
        "stop it please",
    )


def test_no_part_with_words_is_no_words() -> None:
    story = user_speaks(agent_talks(transcription="whisper-1"))

    assert told(said_in_parts(story, "", "").closed())["interruptions"] == {}


def test_an_interruption_that_was_decided_is_not_told_again_with_whatever_else_happens() -> None:
    story = yields(agent_talks()).at(5000).speech_stopped("u1", 2400).committed("u1").at(9000).append(10)
    decided = story.next_seq
    story.user_writes("Hello").client("response.create").created("r2").speaks("r2", 100).done("r2").closed()

    versions = [row.version for row in fold(story.events) if isinstance(row, Interruption)]

    assert versions
    assert max(versions) < decided
