"""The agent's side: how each kind of response goes out, ends, and is interrupted (PROTOCOL 4)."""

from itertools import pairwise

import pybase64
import pytest

from simulator import voice
from simulator.audio import Format, encode
from tests.simulator.driven import WEATHER, Driven, spoken, tone

TURN = spoken("ten_of_clubs", before_ms=300, after_ms=800)


def sound_of(driven: Driven, item_id: str) -> bytes:
    deltas = [event for event in driven.all("response.output_audio.delta") if event["item_id"] == item_id]
    return b"".join(pybase64.b64decode(event["delta"]) for event in deltas)


def test_a_typed_turn_is_answered_in_sound_and_words() -> None:
    driven = Driven()
    driven.type("hello")
    driven.wait(3000)

    item = driven.one("response.done")["response"]["output"][0]
    words = "".join(event["delta"] for event in driven.all("response.output_audio_transcript.delta"))
    assert item["content"] == [{"type": "output_audio", "transcript": "Yes, I can hear you."}]
    assert words == "Yes, I can hear you."
    assert sound_of(driven, item["id"]) == encode(voice.speak("Yes, I can hear you.", "alloy"), Format.PCM)


def test_a_written_answer_has_no_sound() -> None:
    driven = Driven()
    driven.update(output_modalities=["text"])
    driven.type("hello")
    driven.wait(3000)

    assert driven.one("response.output_text.done")["text"] == "Yes, I can hear you."
    assert not driven.all("response.output_audio.delta")
    assert driven.one("response.done")["response"]["usage"]["output_token_details"]["audio_tokens"] == 0


def test_words_come_before_sound_and_both_when_the_api_sends_them() -> None:
    driven = Driven()
    driven.type("hello")
    driven.wait(3000)
    created_ms = driven.at_ms("response.created")

    assert driven.at_ms("response.output_audio_transcript.delta") - created_ms == pytest.approx(332, abs=1)
    assert driven.at_ms("response.output_audio.delta") - created_ms == pytest.approx(450, abs=1)


def test_sound_comes_ten_times_faster_than_it_is_heard_in_pieces_of_the_apis_lengths() -> None:
    driven = Driven()
    driven.type("hello")
    driven.wait(3000)

    lengths = [len(pybase64.b64decode(event["delta"])) / 48 for event in driven.all("response.output_audio.delta")]
    took_ms = driven.at_ms("response.output_audio.done") - driven.at_ms("response.output_audio.delta")
    assert lengths[:5] == [100, 150, 250, 250, 250]
    assert took_ms < sum(lengths) / 8


def test_a_stall_holds_the_sound_back() -> None:
    driven = Driven()
    driven.type("stall")
    driven.wait(4000)

    times = [at for at, kind in zip(driven.times_ms, driven.types(), strict=True) if kind.endswith("audio.delta")]
    assert 900 <= max(b - a for a, b in pairwise(times)) < 1000


def test_rate_limits_follow_the_end_by_7_to_45_ms() -> None:
    for seed in range(5):
        driven = Driven(seed=seed)
        driven.type("hello")
        driven.wait(3000)
        late_ms = driven.at_ms("rate_limits.updated") - driven.at_ms("response.done")
        assert 7 <= late_ms <= 45
        assert [row["name"] for row in driven.one("rate_limits.updated")["rate_limits"]] == ["tokens"]


def test_a_function_call_is_a_completed_response_without_sound() -> None:
    driven = Driven()
    driven.update(tools=[WEATHER])
    driven.type("weather?")
    driven.wait(1000)

    done = driven.one("response.function_call_arguments.done")
    assert (done["name"], done["arguments"]) == ("get_weather", '{"city": "London"}')
    assert (
        "".join(event["delta"] for event in driven.all("response.function_call_arguments.delta")) == done["arguments"]
    )
    response = driven.one("response.done")["response"]
    assert response["status"] == "completed"
    assert [item["type"] for item in response["output"]] == ["function_call"]
    assert response["output"][0]["call_id"] == done["call_id"]


def test_after_the_tools_output_the_agent_goes_on() -> None:
    driven = Driven()
    driven.update(tools=[WEATHER])
    driven.type("weather?")
    driven.wait(1000)
    call_id = driven.one("response.function_call_arguments.done")["call_id"]
    driven.send(
        "conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": "foggy"}
    )
    driven.send("response.create")
    driven.wait(3000)

    assert driven.all("response.output_audio_transcript.done")[-1]["transcript"] == "It is foggy."
    assert driven.noted("response_created")[-1]["trigger"] == "tool_output"


def test_parallel_calls_are_items_of_one_response() -> None:
    driven = Driven()
    driven.update(tools=[WEATHER])
    driven.type("both?")
    driven.wait(2000)

    calls = driven.all("response.function_call_arguments.done")
    assert [call["arguments"] for call in calls] == ['{"city": "London"}', '{"city": "Lisbon"}']
    assert [call["output_index"] for call in calls] == [0, 1]
    assert len({call["call_id"] for call in calls}) == 2
    assert len(driven.all("response.done")) == 1


def test_a_tool_that_was_not_declared_is_not_called() -> None:
    driven = Driven()
    driven.type("weather?")
    driven.wait(3000)

    assert not driven.all("response.function_call_arguments.done")


def test_an_out_of_band_response_stays_out_of_the_conversation_and_beside_the_others() -> None:
    driven = Driven()
    driven.type("slowly")
    driven.wait(600)
    driven.send("response.create", response={"conversation": "none", "metadata": {"topic": "cards"}, "input": []})
    driven.wait(6000)

    beside, main = (event["response"] for event in driven.all("response.done"))
    assert beside["conversation_id"] is None
    assert beside["metadata"] == {"topic": "cards"}
    assert main["conversation_id"] is not None
    own = beside["output"][0]["id"]
    assert own not in [event["item"]["id"] for event in driven.all("conversation.item.added")]


def test_a_second_response_at_once_is_refused_and_the_first_goes_on() -> None:
    driven = Driven()
    driven.type("hello")
    [error] = driven.send("response.create", event_id="second")
    driven.wait(3000)

    assert error["error"]["code"] == "conversation_already_has_active_response"
    assert error["error"]["event_id"] == "second"
    assert driven.one("response.done")["response"]["status"] == "completed"


def test_speech_cancels_the_answer_at_once_and_is_billed_for_what_was_said() -> None:
    driven = Driven()
    driven.type("slowly")
    driven.wait(1500)
    driven.hear(TURN)
    driven.wait(3000)

    types = driven.types()
    started, done = types.index("input_audio_buffer.speech_started"), types.index("response.done")
    assert types[started + 1 : done + 1] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    response = driven.all("response.done")[0]["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["status"] == "incomplete"
    sent_ms = len(sound_of(driven, response["output"][0]["id"])) / 48
    assert 0 < response["usage"]["output_token_details"]["audio_tokens"] == -(-sent_ms // 50)
    assert types[done + 1] != "rate_limits.updated"


def test_speech_does_not_cancel_where_it_may_not() -> None:
    driven = Driven()
    driven.update(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    driven.type("slowly")
    driven.wait(1500)
    driven.hear(TURN)
    driven.wait(5000)

    assert driven.all("response.done")[0]["response"]["status"] == "completed"
    # The turn wants an answer while there still is one: the API's rule of one at a time holds.
    assert [event["error"]["code"] for event in driven.all("error")] == ["conversation_already_has_active_response"]


def test_speech_after_the_last_delta_finds_nothing_to_cancel() -> None:
    driven = Driven()
    driven.type("hello")
    driven.wait(700)
    driven.hear(TURN)

    assert driven.all("response.done")[0]["response"]["status"] == "completed"


def test_a_response_cancelled_before_any_output_costs_nothing() -> None:
    driven = Driven()
    driven.type("hello")
    driven.wait(100)
    driven.send("response.cancel")

    response = driven.one("response.done")["response"]
    assert response["output"] == []
    assert response["usage"]["total_tokens"] == 0
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}


def test_a_late_cancel_is_a_harmless_error() -> None:
    driven = Driven()
    driven.type("hello")
    driven.wait(3000)
    [error] = driven.send("response.cancel")

    assert error["error"]["code"] == "response_cancel_not_active"


def test_truncation_keeps_what_was_heard() -> None:
    driven = Driven()
    driven.type("hello")
    driven.wait(3000)
    item_id = driven.one("response.done")["response"]["output"][0]["id"]
    [truncated] = driven.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=400)
    [retrieved] = driven.send("conversation.item.retrieve", item_id=item_id)

    assert (truncated["type"], truncated["audio_end_ms"]) == ("conversation.item.truncated", 400)
    assert len(pybase64.b64decode(retrieved["item"]["content"][0]["audio"])) == 400 * 48


def test_truncation_beyond_the_end_is_an_error_that_names_both_lengths() -> None:
    driven = Driven()
    driven.type("hello")
    driven.wait(3000)
    item_id = driven.one("response.done")["response"]["output"][0]["id"]
    generated_ms = driven.noted("response_done")[0]["generated_ms"]
    [error] = driven.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=99_000)

    assert error["error"]["message"] == f"Audio content of {generated_ms}ms is already shorter than 99000ms"


def test_a_failed_response_says_why() -> None:
    driven = Driven()
    driven.type("fail")
    driven.wait(1000)

    response = driven.one("response.done")["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "rate_limit_exceeded"


def test_an_incomplete_response_ends_with_an_incomplete_item() -> None:
    driven = Driven()
    driven.type("much")
    driven.wait(3000)

    response = driven.one("response.done")["response"]
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"


def test_a_greeting_needs_no_input() -> None:
    driven = Driven()
    driven.send("response.create")
    driven.wait(2000)

    assert driven.one("response.output_audio_transcript.done")["transcript"] == "Hello!"


def test_models_that_reason_say_so() -> None:
    old, new = Driven(), Driven(model="gpt-realtime-2.1-mini")
    for driven in (old, new):
        driven.type("hello")
        driven.wait(3000)
    details = [side.one("response.done")["response"]["usage"]["output_token_details"] for side in (old, new)]

    assert "reasoning_tokens" not in details[0]
    assert 0 < details[1]["reasoning_tokens"] < details[1]["text_tokens"]
    assert new.one("response.done")["response"]["output"][0]["phase"] == "final_answer"


def test_deltas_of_text_are_padded_to_hide_their_length() -> None:
    driven = Driven()
    driven.type("hello")
    driven.wait(3000)

    for event in driven.all("response.output_audio_transcript.delta"):
        assert len(event["delta"] + event["obfuscation"]) % 16 == 0


def test_g711_output_has_its_own_length() -> None:
    driven = Driven()
    driven.update(audio={"output": {"format": {"type": "audio/pcmu"}}})
    driven.type("hello")
    driven.wait(3000)

    item_id = driven.one("response.done")["response"]["output"][0]["id"]
    assert len(sound_of(driven, item_id)) == 8 * driven.noted("response_done")[0]["generated_ms"]


def test_speech_that_never_came_to_words_still_has_its_own_end() -> None:
    driven = Driven()
    driven.hear(tone(400))
    driven.hear(spoken("ten_of_clubs", after_ms=600))

    assert len(driven.all("input_audio_buffer.speech_stopped")) == len(driven.all("input_audio_buffer.committed"))
