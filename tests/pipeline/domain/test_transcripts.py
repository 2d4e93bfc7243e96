"""Final texts, user and agent."""

from typing import Any

from tests.builders import Story, columns, only
from tests.pipeline.domain.laws import told

TEXT = "item_id role kind text turn_index response_id"


def message(text: str, role: str = "user", **fields: Any) -> dict[str, Any]:
    kind = "input_text" if role == "user" else "output_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}], **fields}


def texts(story: Story) -> list[tuple[object, ...]]:
    return [columns(row, TEXT) for row in told(story)["transcripts"].values()]


def test_the_agents_speech_and_writing_are_told_when_they_are_final() -> None:
    story = Story().opened().created("r1")
    story.server(
        "response.output_audio_transcript.done", response_id="r1", item_id="i1", content_index=0, transcript="Hello."
    )
    story.server("response.output_text.done", response_id="r1", item_id="i2", content_index=0, text="Hi.")
    story.server("response.output_text.done", response_id="r1", item_id="i3")

    assert texts(story) == [("i1", "agent", "audio", "Hello.", 0, "r1"), ("i2", "agent", "text", "Hi.", 0, "r1")]


def test_a_server_that_says_it_only_at_the_end_is_understood_and_one_that_repeats_it_is_not_told_twice() -> None:
    spoken = {
        "id": "i1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "audio", "transcript": "Hello."}],
    }
    story = Story().opened().created("r1").server("response.output_item.done", response_id="r1", item=spoken)
    story.done("r1", output=[spoken, message("Hi.", "assistant")])

    assert texts(story) == [("i1", "agent", "audio", "Hello.", 0, "r1"), ("r1", "agent", "text", "Hi.", 0, "r1")]


def test_what_the_user_said_belongs_to_the_turn_of_its_speech_however_late_it_comes() -> None:
    story = Story().opened().configured().speech_started("u1").speech_stopped("u1").committed("u1")
    story.speech_started("u2").transcribed("u1", "Hello").transcribed("u9", "Who?")
    story.server("conversation.item.input_audio_transcription.completed", transcript="nobody")

    assert texts(story) == [("u1", "user", "audio", "Hello", 0, None), ("u9", "user", "audio", "Who?", None, None)]


def test_a_failed_transcription_has_no_text_and_says_why() -> None:
    story = Story().opened().configured().speech_started("u1").speech_stopped("u1")
    story.server(
        "conversation.item.input_audio_transcription.failed", item_id="u1", error={"code": "DeploymentNotFound"}
    )
    story.server("conversation.item.input_audio_transcription.failed")

    assert columns(only(told(story), "transcripts"), "text reason turn_index") == (None, "transcription_failed", 0)


def test_a_written_message_is_told_at_once_where_the_client_names_it_and_anew_with_its_turn() -> None:
    story = Story().opened().user_writes("Hello", "u1")
    assert texts(story) == [("u1", "user", "text", "Hello", None, None)]

    story.client("response.create").server("conversation.item.added", item=message("Hello", id="u1"))
    assert texts(story) == [("u1", "user", "text", "Hello", 0, None)]


def test_a_written_message_gets_its_name_from_the_server() -> None:
    story = Story().opened().user_writes("Hello").user_writes("World").client("response.create")
    for name, text in (("i1", "Hello"), ("i2", "World")):
        story.server("conversation.item.added", item=message(text, id=name))
        story.server("conversation.item.done", item=message(text, id=name))

    assert texts(story) == [("i1", "user", "text", "Hello", 0, None), ("i2", "user", "text", "World", 0, None)]
    assert only(told(story), "turns").user_item_id == "i2"


def test_a_message_named_before_a_response_is_asked_for_joins_the_turn_then() -> None:
    story = Story().opened().user_writes("Hello").server("conversation.item.created", item=message("Hello", id="i1"))

    assert texts(story) == [("i1", "user", "text", "Hello", None, None)]
    assert texts(story.client("response.create")) == [("i1", "user", "text", "Hello", 0, None)]


def test_seeded_words_of_the_agent_are_the_agents_and_of_no_turn() -> None:
    story = Story().opened().client("conversation.item.create", item=message("Nice to meet you", "assistant", id="a1"))
    story.user_writes("Who am I?", "u1").client("response.create")

    assert texts(story) == [
        ("a1", "agent", "text", "Nice to meet you", None, None),
        ("u1", "user", "text", "Who am I?", 0, None),
    ]


def test_on_another_leg_the_server_tells_what_the_user_wrote() -> None:
    story = Story().opened("sideband").server("conversation.item.added", item=message("Hello", id="u1")).created("r1")

    assert texts(story) == [("u1", "user", "text", "Hello", 0, None)]
    assert columns(only(told(story), "turns"), "input_kind wire_latency_reason user_item_id") == (
        "text",
        "request_not_seen",
        "u1",
    )


def test_items_that_are_no_words_of_either_have_no_transcript() -> None:
    audio_item = {
        "id": "u1",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    story = Story().opened().server("conversation.item.added", item=audio_item)
    story.server("conversation.item.added", item=message("Be nice", "system", id="x"))
    story.server("conversation.item.added", item=message("no name")).server("conversation.item.added")
    story.client("conversation.item.create").client(
        "conversation.item.create", item={"type": "message", "role": "user"}
    )
    story.server("conversation.item.added", item={"type": "message", "role": "user", "id": "empty"})
    story.client("response.create")

    assert texts(story) == []


def test_an_item_of_a_response_is_not_the_users() -> None:
    story = (
        Story()
        .opened()
        .created("r1")
        .server("response.output_item.added", response_id="r1", item={"id": "i1", "type": "message"})
    )
    story.server("response.output_item.added", response_id="r1")
    story.server("conversation.item.added", item=message("odd", id="i1"))

    assert texts(story) == []


def test_a_transcript_is_of_the_part_that_the_server_names() -> None:
    story = Story().opened().created("r1")
    story.server("response.output_text.done", response_id="r1", item_id="i1", content_index=2, text="third")
    story.server("response.output_text.done", response_id="r1", item_id="i2", text="first")

    assert [(item_id, index) for _, item_id, index in told(story)["transcripts"]] == [("i1", 2), ("i2", 0)]


def test_a_text_that_is_named_after_its_turn_began_is_told_with_it_and_the_last_names_the_turn() -> None:
    story = Story().opened().user_writes("One").user_writes("Two").client("response.create")
    story.server("conversation.item.added", item=message("One", id="u1"))
    story.server("conversation.item.added", item=message("Two", id="u2"))

    found = told(story)

    assert [(row.item_id, row.turn_index) for row in found["transcripts"].values()] == [("u1", 0), ("u2", 0)]
    assert only(found, "turns").user_item_id == "u2"


LAGS = "first_delta_lag_ms first_delta_lag_reason completion_lag_ms completion_lag_reason"


def test_sixteen_items_may_wait_for_their_transcription_and_an_older_one_has_no_known_delay() -> None:
    story = Story().opened().configured(turn_detection=None, transcription="whisper-1").at(1000)
    for number in range(17):
        story.committed(f"u{number}")
    story.at(1400).transcribed("u0", "Hi").transcribed("u1", "Ho")

    oldest, next_ = told(story)["transcripts"].values()

    assert columns(oldest, LAGS) == (None, "commit_not_reported", None, "commit_not_reported")
    assert columns(next_, LAGS) == (None, "no_deltas", 400.0, None)


def test_the_delay_of_a_transcription_is_that_of_its_first_piece() -> None:
    delta = "conversation.item.input_audio_transcription.delta"
    story = Story().opened().configured(turn_detection=None, transcription="gpt-4o-transcribe").at(1000)
    story.committed("u1").committed("u2").at(1200).server(delta, item_id="u1", delta="H")
    story.at(1250).server(delta, item_id="u2", delta="H").at(1300).server(delta, item_id="u1", delta="i")
    story.at(1500).transcribed("u1", "Hi").transcribed("u2", "Ho")

    first, second = told(story)["transcripts"].values()

    assert columns(first, LAGS) == (200.0, None, 500.0, None)
    assert columns(second, LAGS) == (250.0, None, 500.0, None)


def test_each_part_of_what_the_user_said_is_a_row_of_its_own() -> None:
    story = Story().opened().configured().speech_started("u1").speech_stopped("u1").committed("u1")
    for index, words in enumerate(("Hello", "there")):
        story.server(
            "conversation.item.input_audio_transcription.completed",
            item_id="u1",
            content_index=index,
            transcript=words,
        )

    found = told(story)["transcripts"].values()

    assert [(row.content_index, row.text) for row in found] == [(0, "Hello"), (1, "there")]
