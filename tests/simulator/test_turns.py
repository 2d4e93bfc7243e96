"""The user's side: VAD, commits, idle. The times are those of PROTOCOL 1.2, 3.5 and 4."""

import numpy as np
import pytest

from simulator.audio import Format
from tests.simulator.driven import Driven, silence, spoken, tone

TURN = spoken("ten_of_clubs", before_ms=600, after_ms=800)


def vad(**changes: object) -> dict[str, object]:
    return {"input": {"turn_detection": {"type": "server_vad", **changes}}}


def test_a_spoken_turn_tells_its_story_in_the_apis_order() -> None:
    driven = Driven()
    driven.hear(TURN)
    driven.wait(3000)

    assert [kind for kind in driven.types() if not kind.endswith(".delta")] == [
        "session.created",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]


def test_the_item_is_named_before_it_exists() -> None:
    driven = Driven()
    driven.hear(TURN)

    item_id = driven.one("input_audio_buffer.speech_started")["item_id"]
    assert driven.one("input_audio_buffer.speech_stopped")["item_id"] == item_id
    assert driven.one("input_audio_buffer.committed")["item_id"] == item_id
    added = driven.all("conversation.item.added")[0]
    assert added["item"]["id"] == item_id
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]


def test_positions_lie_on_the_grid_and_carry_padding_and_silence() -> None:
    driven = Driven()
    driven.hear(np.concatenate([silence(960), tone(640), silence(800)]))

    start_ms = driven.one("input_audio_buffer.speech_started")["audio_start_ms"]
    end_ms = driven.one("input_audio_buffer.speech_stopped")["audio_end_ms"]
    assert start_ms + 300 == 992
    assert end_ms % 32 == 0
    assert 1600 <= end_ms - 200 <= 1600 + 5 * 32


def test_padding_does_not_reach_before_the_session() -> None:
    driven = Driven()
    driven.hear(np.concatenate([tone(640), silence(800)]))

    assert driven.one("input_audio_buffer.speech_started")["audio_start_ms"] == 0


def test_the_clock_of_the_input_never_goes_back() -> None:
    driven = Driven()
    driven.hear(TURN)
    driven.wait(3000)
    driven.hear(TURN)

    first, second = (event["audio_start_ms"] for event in driven.all("input_audio_buffer.speech_started"))
    assert second - first == pytest.approx(len(TURN) / 24, abs=32)


def test_turns_close_together_overlap_by_their_padding() -> None:
    driven = Driven()
    driven.update(audio=vad(create_response=False))
    driven.hear(np.concatenate([tone(640), silence(352), tone(640), silence(800)]))

    first_end_ms = driven.all("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
    assert driven.all("input_audio_buffer.speech_started")[1]["audio_start_ms"] < first_end_ms


@pytest.mark.parametrize("form", [Format.PCMU, Format.PCMA])
def test_telephone_audio_has_the_same_turns(form: Format) -> None:
    wide, narrow = Driven(), Driven()
    narrow.update(audio={"input": {"format": {"type": form.value}}})
    wide.hear(TURN)
    narrow.hear(TURN, form)

    for kind, key in (("speech_started", "audio_start_ms"), ("speech_stopped", "audio_end_ms")):
        ours, theirs = (side.one(f"input_audio_buffer.{kind}")[key] for side in (wide, narrow))
        assert abs(ours - theirs) <= 32


def test_without_create_response_the_turn_waits_for_the_client() -> None:
    driven = Driven()
    driven.update(audio=vad(create_response=False))
    driven.hear(TURN)
    driven.wait(2000)

    assert driven.all("input_audio_buffer.committed")
    assert not driven.all("response.created")


def test_push_to_talk_has_no_speech_events() -> None:
    driven = Driven()
    driven.update(audio={"input": {"turn_detection": None}})
    driven.hear(TURN)
    driven.send("input_audio_buffer.commit")
    driven.send("response.create")
    driven.wait(3000)

    assert not [kind for kind in driven.types() if "speech_" in kind]
    assert driven.one("response.done")["response"]["status"] == "completed"
    assert driven.noted("committed")[0]["length_ms"] == pytest.approx(len(TURN) / 24, abs=1)


def test_a_commit_of_next_to_nothing_is_an_error_that_says_so() -> None:
    driven = Driven()
    driven.update(audio={"input": {"turn_detection": None}})
    driven.hear(tone(60))
    [error] = driven.send("input_audio_buffer.commit", event_id="mine")

    assert error["error"]["code"] == "input_audio_buffer_commit_empty"
    assert error["error"]["event_id"] == "mine"
    assert "60.00ms" in error["error"]["message"]


def test_what_was_committed_is_not_committed_again() -> None:
    driven = Driven()
    driven.update(audio={"input": {"turn_detection": None}})
    driven.hear(TURN)
    driven.send("input_audio_buffer.commit")
    [error] = driven.send("input_audio_buffer.commit")

    assert error["error"]["code"] == "input_audio_buffer_commit_empty"
    assert "0.00ms" in error["error"]["message"]


def test_cleared_speech_is_forgotten_and_the_next_commit_is_another_item() -> None:
    driven = Driven()
    driven.hear(TURN[: 24 * 1200])
    driven.send("input_audio_buffer.clear")
    driven.hear(silence(200))
    driven.send("input_audio_buffer.commit")

    cleared_id = driven.one("input_audio_buffer.speech_started")["item_id"]
    assert driven.one("input_audio_buffer.committed")["item_id"] != cleared_id


def test_a_turn_that_cannot_be_answered_loses_none_of_the_audio_that_came_with_it() -> None:
    driven = Driven()
    driven.update(audio=vad(interrupt_response=False))
    driven.type("slowly")
    driven.wait(600)
    driven.append(np.concatenate([TURN, TURN]))

    assert driven.all("error")[0]["error"]["code"] == "conversation_already_has_active_response"
    assert len(driven.all("input_audio_buffer.speech_started")) == 2


def test_cleared_audio_makes_no_turn() -> None:
    driven = Driven()
    driven.hear(TURN[: 24 * 1200])
    assert driven.all("input_audio_buffer.speech_started")
    [cleared] = driven.send("input_audio_buffer.clear")
    driven.hear(silence(1500))

    assert cleared["type"] == "input_audio_buffer.cleared"
    assert not driven.all("input_audio_buffer.committed")


def test_semantic_vad_waits_by_eagerness() -> None:
    def ends_ms(eagerness: str) -> int:
        driven = Driven()
        detection = {"type": "semantic_vad", "eagerness": eagerness, "create_response": False}
        driven.update(audio={"input": {"turn_detection": detection}})
        driven.hear(np.concatenate([tone(640), silence(3000)]))
        end_ms: int = driven.one("input_audio_buffer.speech_stopped")["audio_end_ms"]
        return end_ms

    assert ends_ms("high") < ends_ms("auto") == ends_ms("medium") < ends_ms("low")


def test_an_idle_user_is_spoken_to_once_the_agent_has_been_heard_to_the_end() -> None:
    driven = Driven()
    driven.update(audio=vad(idle_timeout_ms=5000))
    driven.type("hello")
    driven.hear(silence(9000))
    done_ms, fired_ms = driven.at_ms("response.done"), driven.at_ms("input_audio_buffer.timeout_triggered")
    played_ms = driven.noted("response_done")[0]["generated_ms"]
    event = driven.all("input_audio_buffer.timeout_triggered")[0]

    assert fired_ms - done_ms == pytest.approx(5000 + played_ms, abs=1)
    assert event["audio_end_ms"] - event["audio_start_ms"] == pytest.approx(5000, abs=132)
    after = driven.types()[driven.types().index("input_audio_buffer.timeout_triggered") + 1 :]
    assert after[:6] == [
        "conversation.item.added",
        "conversation.item.done",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert driven.noted("response_created")[-1]["trigger"] == "idle"


def test_speech_ends_the_wait_for_an_idle_user() -> None:
    driven = Driven()
    driven.update(audio=vad(idle_timeout_ms=5000))
    driven.type("hello")
    driven.hear(silence(4000))
    driven.hear(TURN[: 24 * 1300])
    driven.wait(6000)

    assert not driven.all("input_audio_buffer.timeout_triggered")
