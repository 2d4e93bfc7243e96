"""Where turns open and close, whose response is whose, and what the latencies of a turn are (METRICS section 2)."""

from typing import Any

from tests.builders import Story, columns, only
from tests.pipeline.domain.laws import told

LATENCIES = "endpointing_ms wire_latency_ms perceived_latency_ms model_latency_ms latency_basis"
REASONS = "endpointing_reason wire_latency_reason perceived_latency_reason model_latency_reason"


def vad_turn(**config: Any) -> Story:
    """Speech from 400 to 2000 ms of the audio, appended in real time; 500 ms of silence; an answer."""
    story = Story().opened().configured(**config)
    story.at(100).append(100, times=5).after(30).speech_started("u1", 100)
    story.at(600).append(100, times=21).after(20).speech_stopped("u1", 2500)
    story.after(1).committed("u1").after(4).created("r1")
    return story.at(3025).speaks("r1", 400).at(3050).done("r1").at(9000).closed()


def test_speech_ended_by_server_vad_ended_when_its_last_audio_was_appended() -> None:
    """audio_end_ms 2500 less 500 ms of silence in force: position 2000, in the append seen at 2000 ms."""
    turn = only(told(vad_turn()), "turns")

    assert columns(turn, LATENCIES) == (620.0, 405.0, 1025.0, 400.0, "append_clock")
    assert columns(turn, "input_kind speech_ended_by user_speech_ms") == ("speech", "server_vad", 1600.0)
    assert columns(turn, "speech_started_elapsed_ms speech_ended_elapsed_ms speech_stopped_elapsed_ms") == (
        530,
        2000,
        2620,
    )
    assert columns(turn, REASONS) == (None, None, None, None)


def test_the_silence_that_counts_is_the_one_in_force_at_that_moment() -> None:
    story = Story().opened().configured(silence_ms=200)
    story.client("session.update", session={"audio": {"input": {"turn_detection": {"silence_duration_ms": 900}}}})
    story.at(100).append(100, times=10).speech_started("u1", 0).speech_stopped("u1", 800)
    story.at(2000).reconfigured(silence_ms=400)
    story.at(2100).append(100, times=10).speech_started("u2", 1000).speech_stopped("u2", 1800)

    first, second = told(story)["turns"].values()

    assert first.speech_ended_elapsed_ms == 600
    assert second.speech_ended_elapsed_ms == 2400


def test_audio_that_was_sent_in_a_burst_ended_when_the_burst_was_seen() -> None:
    story = Story().opened().configured().at(50).append(100, times=40, every_ms=1)
    story.at(300).speech_started("u1", 500).at(310).speech_stopped("u1", 3000).at(700).created("r1").speaks("r1", 100)

    turn = only(told(story), "turns")

    assert turn.speech_ended_elapsed_ms == 50 + 24
    assert turn.endpointing_ms == 310 - 74


def test_semantic_vad_has_no_silence_to_take_off() -> None:
    turn = only(told(vad_turn(turn_detection="semantic_vad", silence_ms=None)), "turns")

    assert columns(turn, LATENCIES) == (None, 405.0, 405.0, 400.0, "vad_event")
    assert (turn.endpointing_reason, turn.speech_ended_by) == ("semantic_vad", "semantic_vad")


def test_without_appends_the_vad_event_less_its_silence_is_the_best_there_is() -> None:
    story = Story().opened("sideband").reconfigured(silence_ms=500).at(1000).speech_started("u1", 900)
    story.at(3000).speech_stopped("u1", 2900).committed("u1").created("r1")
    story.at(3800).server("output_audio_buffer.started", response_id="r1")

    turn = only(told(story), "turns")

    assert columns(turn, LATENCIES) == (None, None, 1300.0, None, "playout")
    assert columns(turn, REASONS) == ("no_appends", "audio_elsewhere", None, "audio_elsewhere")


def test_after_a_hole_positions_of_the_input_audio_can_not_be_trusted() -> None:
    story = Story().opened().configured().at(100).append(100, times=20).lose(2)
    story.speech_started("u1", 0).speech_stopped("u1", 1900).created("r1").after(300).speaks("r1", 100)

    turn = only(told(story), "turns")

    assert columns(turn, LATENCIES) == (None, 300.0, 800.0, 300.0, "vad_event")
    assert turn.endpointing_reason == "events_lost"


def test_an_end_of_speech_that_can_not_be_placed_says_why() -> None:
    def reason(audio_end_ms: float | None, **config: Any) -> object:
        story = Story().opened().configured(**config).append(100, times=3)
        return only(told(story.speech_started("u1", 0).speech_stopped("u1", audio_end_ms)), "turns").endpointing_reason

    assert reason(None) == "audio_end_unknown"
    assert reason(100) == "negative"
    assert reason(5000) == "not_appended"
    assert reason(700, silence_ms=None) == "silence_unknown"


def test_a_position_long_gone_is_forgotten_and_not_guessed() -> None:
    story = Story().opened().configured().append(20, times=2400).speech_started("u1", 0).speech_stopped("u1", 1500)

    assert only(told(story), "turns").endpointing_reason == "append_forgotten"


def test_push_to_talk_begins_with_the_clients_commit() -> None:
    story = Story().opened().configured(turn_detection=None).append(100, times=10)
    story.at(2000).client("input_audio_buffer.commit").client("response.create")
    story.at(2100).committed("u1").at(2150).created("r1").at(2500).speaks("r1", 100).done("r1")

    turn = only(told(story), "turns")

    assert columns(turn, LATENCIES) == (None, 500.0, 500.0, 350.0, "commit")
    assert columns(turn, "input_kind speech_ended_by user_item_id opened_elapsed_ms") == (
        "speech",
        "client",
        "u1",
        2000,
    )
    assert turn.endpointing_reason == "ended_by_client"


def test_an_empty_commit_is_an_error_and_no_turn() -> None:
    story = Story().opened().configured(turn_detection=None)
    story.client("input_audio_buffer.commit", event_id="c1").client("input_audio_buffer.commit", event_id="c2")
    story.server("error", error={"code": "input_audio_buffer_commit_empty", "event_id": "c2"})
    story.server("error", error={"code": "input_audio_buffer_commit_empty"})
    story.server("error", error={"code": "input_audio_buffer_commit_empty"})

    assert told(story)["turns"] == {}


def test_a_server_that_never_says_committed_still_has_push_to_talk_turns() -> None:
    story = Story().opened().at(2000).client("input_audio_buffer.commit").client("response.create")
    story.at(2150).created("r1").at(2500).speaks("r1", 100)

    turn = only(told(story), "turns")

    assert columns(turn, "input_kind wire_latency_ms latency_basis user_item_id") == ("speech", 500.0, "commit", None)


def test_a_commit_that_was_not_seen_leaves_the_latency_unknown() -> None:
    turn = only(told(Story().opened("sideband").committed("u1").created("r1").after(100).speaks("r1", 20)), "turns")

    assert columns(turn, REASONS) == ("commit_not_seen", "commit_not_seen", "commit_not_seen", None)


def test_a_client_may_commit_while_the_vad_still_hears_speech() -> None:
    story = Story().opened().configured().append(100, times=9).speech_started("u1", 0)
    story.at(1500).client("input_audio_buffer.commit").at(1600).committed("u1").created("r1").at(1900).speaks("r1", 50)
    story.at(2000).committed("u1")

    turn = only(told(story), "turns")

    assert columns(turn, "speech_ended_by wire_latency_ms latency_basis") == ("client", 400.0, "commit")


def test_a_text_turn_begins_with_the_request_for_a_response() -> None:
    story = Story().opened().configured().at(100).user_writes("Hello").at(150).client("response.create")
    story.at(400).created("r1").at(700).writes("r1", "Hi").writes("r1", " there").at(900).done("r1").closed()

    turn = only(told(story), "turns")

    assert columns(turn, LATENCIES) == (None, 550.0, None, 300.0, "client_request")
    assert columns(turn, REASONS) == ("no_speech", None, "text_only", None)
    assert columns(turn, "input_kind first_output_kind opened_elapsed_ms") == ("text", "text", 150)


def test_history_that_is_seeded_first_is_one_turn_with_the_question() -> None:
    story = Story().opened().configured().user_writes("I am Alice").user_writes("Who am I?").client("response.create")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Who am I?"}]}
    story.server("conversation.item.added", item={**item, "id": "named"})

    assert columns(only(told(story), "turns"), "turn_index input_kind user_item_id") == (0, "text", "named")


def test_audio_that_is_written_as_an_item_is_speech_that_the_client_ended() -> None:
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]}
    story = Story().opened().client("conversation.item.create", item=item).client("response.create")

    turn = only(told(story), "turns")

    assert columns(turn, "input_kind speech_ended_by user_item_id latency_basis") == (
        "speech",
        "client",
        "u1",
        "client_request",
    )


def test_a_greeting_is_a_turn_without_input() -> None:
    story = (
        Story().opened().configured().at(200).client("response.create").at(300).created("r1").at(450).speaks("r1", 80)
    )

    turn = only(told(story), "turns")

    assert columns(turn, "input_kind opened_elapsed_ms") == ("none", 200)
    assert columns(turn, LATENCIES) == (None, 250.0, 250.0, 150.0, "client_request")


def test_a_request_that_the_server_refuses_is_no_turn() -> None:
    story = vad_turn()
    story.events.pop()
    story.next_seq -= 1
    story.at(3060).client("response.create", event_id="e9").server("error", error={"code": "x", "event_id": "e9"})
    story.client("response.create").server("error", error={"code": "conversation_already_has_active_response"})

    assert len(told(story)["turns"]) == 1


def test_a_server_that_speaks_unasked_opens_a_turn_of_unknown_latency() -> None:
    turn = only(told(Story().opened().created("r1").after(90).speaks("r1", 20)), "turns")

    assert columns(turn, "input_kind wire_latency_reason model_latency_ms") == ("none", "request_not_seen", 90.0)


def test_a_response_that_follows_unasked_belongs_to_the_turn_before() -> None:
    story = vad_turn()
    story.events.pop()
    story.next_seq -= 1

    told_ = told(story.created("r2").done("r2"))

    assert [row.turn_index for row in told_["responses"].values()] == [0, 0]
    assert only(told_, "turns").responses == 2


def test_the_apis_own_nudge_is_no_latency() -> None:
    story = Story().opened().configured().append(100, times=3)
    story.server("input_audio_buffer.timeout_triggered", item_id="u1", audio_start_ms=0, audio_end_ms=300).committed(
        "u1"
    )
    story.after(1).created("r1").after(400).speaks("r1", 100).done("r1")

    turn = only(told(story), "turns")

    assert columns(turn, "input_kind user_item_id latency_basis model_latency_ms") == ("idle", "u1", None, 400.0)
    assert columns(turn, REASONS) == ("no_speech", "idle", "idle", None)


def test_a_turn_closes_when_the_next_one_opens_and_the_last_with_the_session() -> None:
    story = vad_turn()
    story.events.pop()
    story.next_seq -= 1
    story.at(5000).user_writes("and?").client("response.create").at(9000).closed()

    first, second = told(story)["turns"].values()

    assert columns(first, "status closed_elapsed_ms") == ("closed", 5000)
    assert columns(second, "status closed_elapsed_ms wire_latency_reason") == ("closed", 9000, "no_output")


def test_a_tools_answer_leads_to_another_response_of_the_same_turn() -> None:
    story = Story().opened().configured().user_writes("Weather?").client("response.create").created("r1")
    story.at(500).calls("r1", "c1").at(600).answers("c1").at(650).done("r1").at(660).client("response.create")
    story.at(700).created("r2").at(1000).speaks("r2", 100).done("r2")

    told_ = told(story)
    turn = only(told_, "turns")

    assert columns(turn, "responses tool_calls tool_wait_ms after_tool_ms") == (2, 1, 100.0, 400.0)
    assert columns(turn, "wire_latency_ms model_latency_ms") == (1000.0, 300.0)
    assert [row.turn_index for row in told_["responses"].values()] == [0, 0]


def test_a_tool_that_answers_after_the_user_spoke_again_is_still_the_first_turns() -> None:
    story = (
        Story().opened().configured().user_writes("Weather?").client("response.create").created("r1").calls("r1", "c1")
    )
    story.done("r1").speech_started("u1").speech_stopped("u1").committed("u1").created("r2").done("r2")
    story.answers("c1").client("response.create").created("r3")

    assert [row.turn_index for row in told(story)["responses"].values()] == [0, 1, 0]


def test_a_message_sent_with_a_tools_answer_is_an_input_of_its_own() -> None:
    story = (
        Story().opened().configured().user_writes("Weather?").client("response.create").created("r1").calls("r1", "c1")
    )
    story.done("r1").answers("c1").user_writes("Quick!").client("response.create").created("r2")

    assert [row.turn_index for row in told(story)["responses"].values()] == [0, 1]


def test_a_response_to_the_pause_belongs_to_the_speech_before_it_and_not_to_the_speech_going_on() -> None:
    story = Story().opened().configured().speech_started("u1").speech_stopped("u1").committed("u1")
    story.speech_started("u2").created("r1").cancelled("r1")

    assert only(told(story), "responses").turn_index == 0


def test_a_response_asked_for_while_the_user_speaks_belongs_to_that_speech() -> None:
    story = Story().opened().configured().speech_started("u1").client("response.create").created("r1")

    told_ = told(story)

    assert only(told_, "responses").turn_index == 0
    assert only(told_, "turns").wire_latency_reason == "speech_not_stopped"


def test_where_the_client_must_ask_for_the_response_to_speech_it_is_still_that_turns() -> None:
    story = Story().opened().configured().append(100, times=20).speech_started("u1", 0).speech_stopped("u1", 1500)
    story.committed("u1").after(40).client("response.create").after(40).created("r1").after(100).speaks("r1", 10)

    assert columns(only(told(story), "turns"), "input_kind wire_latency_ms") == ("speech", 180.0)


def test_a_text_asked_for_again_counts_from_the_request_that_was_heard() -> None:
    story = Story().opened().user_writes("Hello").client("response.create", event_id="e1")
    story.server("error", error={"event_id": "e1", "code": "server_error"})
    story.at(500).client("response.create").created("r1").at(600).writes("r1", "Hi")

    assert only(told(story), "turns").wire_latency_ms == 100.0


def test_out_of_band_responses_are_in_no_turn() -> None:
    story = Story().opened().configured().user_writes("Hello").client("response.create").created("r1")
    story.client("response.create", response={"conversation": "none"}).created("r2", conversation_id=None)
    story.speaks("r2", 100).after(2000).done("r2").done("r1")

    told_ = told(story)
    response = told_["responses"][("s1", "r2")]

    assert columns(response, "out_of_band turn_index generated_ms heard_ms") == (True, None, 100, 100)
    assert only(told_, "turns").responses == 1


def test_a_null_conversation_means_out_of_band_only_where_the_server_knows_conversations() -> None:
    always_null = Story().opened().client("response.create").created("r1", conversation_id=None)
    known = Story().opened().client("response.create").created("r1").created("r2", conversation_id=None)
    sideband = Story().opened("sideband").created("r1", conversation_id=None)

    assert only(told(always_null), "responses").out_of_band is False
    assert told(known)["responses"][("s1", "r2")].out_of_band is True
    assert only(told(sideband), "responses").out_of_band is True


def test_output_before_the_end_of_speech_is_a_fact_and_no_latency() -> None:
    story = Story().opened().configured().append(100, times=20).at(3000).speech_started("u1", 0)
    story.client("response.create").created("r1").speaks("r1", 100).at(4000).speech_stopped("u1", 1500)

    turn = only(told(story), "turns")

    assert columns(turn, REASONS) == (None, "negative", None, None)


def test_speech_whose_start_was_not_seen_still_ended() -> None:
    turn = only(told(Story().opened().configured().at(700).speech_stopped("u1", 900)), "turns")

    assert columns(turn, "speech_started_elapsed_ms speech_stopped_elapsed_ms") == (None, 700)


def test_the_same_speech_starts_and_stops_once() -> None:
    story = Story().opened().configured().at(100).speech_started("u1").speech_started("u1")
    story.at(400).speech_stopped("u1").at(500).speech_stopped("u1")

    assert only(told(story), "turns").speech_stopped_elapsed_ms == 400


def test_events_without_item_ids_still_make_a_turn() -> None:
    story = Story().opened().configured().server("input_audio_buffer.speech_started")
    story.at(400).server("input_audio_buffer.speech_stopped").server("input_audio_buffer.committed").created("r1")

    assert columns(only(told(story), "turns"), "speech_ended_by responses") == ("server_vad", 1)


def test_history_seeded_before_speech_is_context_and_no_input_of_its_own() -> None:
    story = Story().opened().configured().user_writes("I am Alice", "h1").speech_started("u1").speech_stopped("u1")
    story.committed("u1").created("r1").calls("r1", "c1").done("r1").answers("c1").client("response.create").created(
        "r2"
    )

    told_ = told(story)

    assert [row.turn_index for row in told_["responses"].values()] == [0, 0]
    assert only(told_, "turns").input_kind == "speech"
    assert only(told_, "transcripts").turn_index is None


def test_a_response_nobody_asked_for_does_not_answer_an_input_before_the_last_answer() -> None:
    story = Story().opened().configured().speech_started("noise").speech_stopped("noise").user_writes("Hi")
    story.client("response.create").created("r1").done("r1").created("r2").done("r2")

    assert [row.turn_index for row in told(story)["responses"].values()] == [1, 1]


def test_a_request_out_of_band_does_not_stand_in_the_way_of_another() -> None:
    story = Story().opened().client("response.create", response={"conversation": "none"}).client("response.create")

    found = told(story.created("r1").created("r2", conversation_id=None))

    assert [row.out_of_band for row in found["responses"].values()] == [False, True]


# --- the format of the input audio is in force for the very audio behind the request for it

ULAW = {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}}
VOICE = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}


def audio_in_ms(story: Story) -> Any:
    return only(told(story.closed()), "sessions").audio_in_ms


def test_audio_is_in_the_format_that_was_asked_for_just_before_it() -> None:
    story = Story().opened().configured().append(100).client("session.update", session=ULAW)
    story.append(100, times=3, bytes_per_ms=8).reconfigured(input_format={"type": "audio/pcmu"})

    assert audio_in_ms(story.append(100, bytes_per_ms=8)) == 500


def test_a_client_may_ask_for_its_format_before_the_session_is_created() -> None:
    story = Story().opened().client("session.update", session=ULAW).append(100, bytes_per_ms=8).configured()

    assert audio_in_ms(story.append(100, bytes_per_ms=8)) == 200


def test_the_report_of_an_earlier_update_does_not_take_the_format_back() -> None:
    story = Story().opened().configured().client("session.update", session=VOICE)
    story.client("session.update", session=ULAW).reconfigured().append(100, bytes_per_ms=8)

    assert audio_in_ms(story.reconfigured(input_format={"type": "audio/pcmu"}).append(100, bytes_per_ms=8)) == 200


def test_a_refused_update_changes_no_format() -> None:
    by_id = Story().opened().configured().client("session.update", event_id="e1", session=ULAW)
    by_id.server("error", error={"code": "invalid_value", "event_id": "e1"}).append(100)
    by_param = Story().opened().configured().client("session.update", session=ULAW)
    by_param.server("error", error={"code": "invalid_value", "param": "session.audio.input.format"}).append(100)
    another = Story().opened().configured().client("session.update", session=ULAW)
    another.server("error", error={"code": "response_cancel_not_active"}).append(100, bytes_per_ms=8)

    assert [audio_in_ms(story) for story in (by_id, by_param, another)] == [100, 100, 100]


def test_an_update_of_nonsense_asks_for_no_format() -> None:
    story = Story().opened().configured().client("session.update", session=[1]).append(100)

    assert audio_in_ms(story) == 100


# --- whose response it is, where requests cross


def test_a_commit_sent_after_asking_is_not_what_the_response_is_about() -> None:
    story = Story().opened().configured(turn_detection=None).append(100, times=10)
    story.client("input_audio_buffer.commit").client("response.create").client("input_audio_buffer.commit")
    story.at(2100).committed("u1").created("r1").at(2500).speaks("r1", 100).done("r1")
    story.server("error", error={"code": "input_audio_buffer_commit_empty"})

    assert only(told(story), "turns").responses == 1


def test_a_second_request_while_the_first_is_open_asks_for_a_response_of_its_own() -> None:
    story = Story().opened().configured().at(100).user_writes("Hi").client("response.create")
    story.at(400).client("response.create").at(500).created("r1").writes("r1", "Hello").done("r1")
    story.at(600).created("r2").writes("r2", "Well?").done("r2")

    first, second = told(story)["turns"].values()

    assert columns(first, "input_kind wire_latency_ms") == ("text", 400.0)
    assert columns(second, "input_kind opened_elapsed_ms wire_latency_ms") == ("none", 400.0, 200.0)


def test_on_a_sideband_a_response_without_input_was_asked_for_elsewhere() -> None:
    story = Story().opened("sideband").reconfigured().speech_started("u1").speech_stopped("u1").committed("u1")
    story.created("r1").done("r1").at(5000).created("r2").done("r2")

    first, second = told(story)["turns"].values()

    assert columns(first, "input_kind responses") == ("speech", 1)
    assert columns(second, "input_kind opened_elapsed_ms wire_latency_reason") == ("none", 5000, "request_not_seen")


def test_on_a_sideband_what_follows_a_tool_continues_its_turn_also_while_the_user_speaks() -> None:
    output = {"id": "o1", "type": "function_call_output", "call_id": "c1", "output": "fog"}
    story = Story().opened("sideband").reconfigured().speech_started("u1").speech_stopped("u1").committed("u1")
    story.created("r1").calls("r1", "c1").done("r1").speech_started("u2")
    story.server("conversation.item.added", item=output).created("r2").done("r2")
    story.speech_stopped("u2").committed("u2").created("r3").done("r3").created("r4").done("r4")

    assert [row.turn_index for row in told(story)["responses"].values()] == [0, 0, 1, 2]


def test_on_a_sideband_a_response_that_called_a_tool_is_continued() -> None:
    story = Story().opened("sideband").reconfigured().speech_started("u1").speech_stopped("u1").committed("u1")
    story.created("r1").calls("r1", "c1").done("r1").created("r2").done("r2")

    assert [row.turn_index for row in told(story)["responses"].values()] == [0, 0]


def test_speech_that_ended_before_we_listened_in_was_still_waited_for_from_its_end() -> None:
    story = Story().opened("sideband").reconfigured(silence_ms=500).at(200).speech_stopped("u1", 900).committed("u1")
    story.created("r1").at(700).server("output_audio_buffer.started", response_id="r1")

    assert only(told(story), "turns").perceived_latency_ms == 1000


def test_where_audio_goes_another_way_losses_are_no_reason_for_not_knowing_its_positions() -> None:
    story = Story().opened("sideband").reconfigured().lose(1).speech_started("u1", 0).speech_stopped("u1", 900)

    assert only(told(story), "turns").endpointing_reason == "no_appends"


def test_speech_that_begins_within_the_padding_at_the_very_beginning_has_no_known_length() -> None:
    """The server pads what it reports, but not beyond the first sample: there was speech from somewhere in there."""
    story = Story().opened().configured().append(100, times=20).speech_started("u1", 0).speech_stopped("u1", 1900)

    turn = only(told(story), "turns")

    assert columns(turn, "user_speech_ms user_speech_reason") == (None, "padding_cut")
    assert turn.speech_ended_elapsed_ms == 1300


def test_speech_may_end_where_the_audio_begins() -> None:
    """Position 0 is one that was appended: with the first audio."""
    story = Story().opened().configured(silence_ms=500).at(100).append(100, times=10)
    story.at(1200).speech_started("u1", 0).speech_stopped("u1", 500)

    turn = only(told(story), "turns")

    assert columns(turn, "endpointing_ms endpointing_reason latency_basis") == (1100.0, None, "append_clock")


def test_of_two_commits_an_error_that_names_neither_takes_back_the_first() -> None:
    story = Story().opened().configured(turn_detection=None).at(1000).append(100)
    story.client("input_audio_buffer.commit").at(2000).append(100).client("input_audio_buffer.commit")
    story.server("error", error={"code": "input_audio_buffer_commit_empty"}).at(2100).committed("u1")

    assert columns(only(told(story), "turns"), "opened_elapsed_ms user_item_id") == (2000, "u1")
