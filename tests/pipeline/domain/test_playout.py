"""What was generated and what was heard of it: the playout clock and what stops it (METRICS section 3)."""

from tests.builders import Story, columns, only
from tests.pipeline.domain.laws import told

HEARD = "generated_ms heard_ms unheard_ms heard_basis playout_end_elapsed_ms"


def agent_talks() -> Story:
    """From 1000 ms, three seconds of audio in 20 ms."""
    story = Story().opened().configured().at(900).created("r1").at(1000).speaks("r1", 1000)
    return story.at(1010).speaks("r1", 1000).at(1020).speaks("r1", 1000)


def test_audio_is_heard_one_delta_after_the_other() -> None:
    response = only(told(agent_talks().at(1030).done("r1").at(9000).closed()), "responses")

    assert columns(response, HEARD) == (3000, 3000, 0, "playout", 4000)


def test_while_it_plays_the_rows_say_what_was_heard_so_far() -> None:
    response = only(told(agent_talks().at(2500).done("r1")), "responses")

    assert columns(response, HEARD) == (3000, 1500, 1500, "playout", 4000)


def test_the_first_event_after_the_end_renews_the_rows() -> None:
    told_ = told(agent_talks().at(2500).done("r1").at(4001).append(10))

    assert (
        only(told_, "responses").heard_ms == only(told_, "turns").heard_ms == only(told_, "sessions").heard_ms == 3000
    )


def test_a_stall_is_silence_and_not_heard_twice() -> None:
    story = Story().opened().created("r1").at(1000).speaks("r1", 100).at(5000).speaks("r1", 100).at(5050).done("r1")

    assert columns(only(told(story), "responses"), HEARD) == (200, 150, 50, "playout", 5100)


def test_a_cancelled_response_was_heard_up_to_its_end() -> None:
    response = only(told(agent_talks().at(2250).cancelled("r1").at(9000).closed()), "responses")

    assert columns(response, HEARD) == (3000, 1250, 1750, "playout", 2250)
    assert columns(response, "status status_reason") == ("cancelled", "turn_detected")


def test_a_truncate_knows_better_than_our_clock_before_and_after_done() -> None:
    before = agent_talks().at(2250).client("conversation.item.truncate", item_id="r1_item", audio_end_ms=1111)
    after = (
        agent_talks()
        .at(1030)
        .done("r1")
        .at(2250)
        .server("conversation.item.truncated", item_id="r1_item", audio_end_ms=1111)
    )

    for story in (before.cancelled("r1"), after):
        assert columns(only(told(story), "responses"), HEARD) == (3000, 1111, 1889, "truncate", 2250)


def test_a_truncate_never_hears_more_than_was_generated() -> None:
    story = agent_talks().client("conversation.item.truncate", item_id="r1_item", audio_end_ms=99_999)

    assert columns(only(told(story), "responses"), HEARD)[:2] == (3000, 3000)


def test_a_truncate_at_nothing_was_not_heard_at_all() -> None:
    story = agent_talks().client("conversation.item.truncate", item_id="r1_item", audio_end_ms=0)

    assert only(told(story), "responses").heard_ms == 0


def test_a_truncate_without_a_position_stops_the_playout_all_the_same() -> None:
    story = agent_talks().at(2000).client("conversation.item.truncate", item_id="r1_item").at(9000).closed()

    assert columns(only(told(story), "responses"), HEARD) == (3000, 1000, 2000, "playout", 2000)


def test_a_truncate_of_an_unknown_item_changes_nothing() -> None:
    story = (
        agent_talks()
        .client("conversation.item.truncate", item_id="who")
        .client("conversation.item.truncate")
        .at(9000)
        .closed()
    )

    assert only(told(story), "responses").heard_ms == 3000


def test_deltas_that_come_after_the_cut_are_generated_and_never_heard() -> None:
    story = agent_talks().at(2250).client("conversation.item.truncate", item_id="r1_item", audio_end_ms=1250)
    story.at(2260).speaks("r1", 700).speaks("r1", 200, item_id="second").cancelled("r1").at(9000).closed()

    assert columns(only(told(story), "responses"), HEARD)[:3] == (3900, 1250, 2650)


def test_the_next_response_is_heard_after_what_is_still_playing() -> None:
    story = agent_talks().at(1030).done("r1").created("r2").at(1500).speaks("r2", 500).done("r2").at(9000).closed()

    first, second = told(story)["responses"].values()

    assert (first.playout_end_elapsed_ms, second.playout_end_elapsed_ms) == (4000, 4500)


def test_a_cut_frees_the_player_for_the_next_response() -> None:
    story = agent_talks().at(2000).cancelled("r1").created("r2").at(2100).speaks("r2", 500).done("r2").at(9000).closed()

    assert told(story)["responses"][("s1", "r2")].playout_end_elapsed_ms == 2600


def test_a_cut_of_what_was_done_long_ago_frees_the_player_as_well() -> None:
    story = (
        agent_talks()
        .at(1030)
        .done("r1")
        .at(2000)
        .client("conversation.item.truncate", item_id="r1_item", audio_end_ms=1000)
    )
    story.created("r2").at(2100).speaks("r2", 500).at(2300).speech_started("u1", 0).at(2310).cancelled("r2").at(
        9000
    ).closed()

    found = told(story)

    assert found["responses"][("s1", "r2")].heard_ms == 210
    assert only(found, "interruptions").position_in_response_ms == 200


def test_of_two_items_the_one_before_the_truncated_was_heard_in_full() -> None:
    story = Story().opened().created("r1").at(1000).speaks("r1", 500, item_id="a").speaks("r1", 2000, item_id="b")
    story.at(2000).client("conversation.item.truncate", item_id="b", audio_end_ms=450).cancelled("r1").closed()

    assert columns(only(told(story), "responses"), HEARD) == (2500, 950, 1550, "truncate", 2000)


def test_what_plays_when_the_session_ends_is_not_heard_to_its_end() -> None:
    response = only(told(agent_talks().at(1500).closed()), "responses")

    assert columns(response, HEARD) == (3000, 500, 2500, "playout", 1500)
    assert columns(response, "status usage_reason done_elapsed_ms") == ("unfinished", "no_usage", None)


def test_what_plays_elsewhere_when_the_session_ends_ends_with_it() -> None:
    story = Story().opened("sideband").created("r1").at(1000).server("output_audio_buffer.started", response_id="r1")

    assert only(told(story.at(1200).done("r1").at(3000).closed()), "responses").playout_end_elapsed_ms == 3000


def test_what_was_heard_before_the_session_ended_ended_when_it_did() -> None:
    story = agent_talks().at(1030).done("r1").at(1500).server("output_audio_buffer.started", response_id="r2")
    story.at(1600).server("output_audio_buffer.cleared", response_id="r2").at(9000).closed()

    assert [row.playout_end_elapsed_ms for row in told(story)["responses"].values()] == [4000, 1600]


def test_a_response_that_said_nothing_has_nothing_to_hear() -> None:
    story = Story().opened().created("r1").cancelled("r1")

    assert columns(only(told(story), "responses"), HEARD) == (0, 0, 0, None, None)
    assert only(told(story), "turns").interrupted is False


def test_a_turn_in_which_the_agent_yielded_was_interrupted() -> None:
    assert only(told(agent_talks().at(1500).cancelled("r1")), "turns").interrupted is True


def test_a_cancellation_for_another_reason_does_not_silence_the_player() -> None:
    story = agent_talks().at(1500).done("r1", "cancelled", status_details={"reason": "moderated"}).at(9000).closed()

    assert only(told(story), "responses").heard_ms == 3000


def test_audio_that_comes_after_done_is_still_booked_and_heard() -> None:
    story = agent_talks().at(1030).done("r1").at(6000).speaks("r1", 100).at(9000).append(10)

    assert columns(only(told(story), "responses"), HEARD) == (3100, 3100, 0, "playout", 6100)


def test_what_was_heard_counts_in_the_minute_that_generated_it() -> None:
    """The session opens 20 s into a minute, so the next begins at 40 s: 2 s before it, 3 s after, 3.5 s heard in all."""
    story = Story().opened().configured().at(39_900).created("r1").speaks("r1", 2000).at(40_100).speaks("r1", 3000)
    story.at(43_400).cancelled("r1").closed()

    minutes = [columns(row, "generated_ms heard_ms") for row in told(story)["audio_minutes"].values()]

    assert minutes == [(2000, 2000), (3000, 1500)]


def test_the_buffer_events_of_webrtc_are_the_truth_there() -> None:
    story = Story().opened("sideband").created("r1").at(1000).server("output_audio_buffer.started", response_id="r1")
    story.server("output_audio_buffer.started", response_id="r1").done("r1")
    story.at(4000).server("output_audio_buffer.stopped", response_id="r1").server(
        "output_audio_buffer.stopped", response_id="r1"
    )

    assert columns(only(told(story), "responses"), HEARD) == (None, 3000, None, "output_buffer", 4000)


def test_out_of_band_audio_does_not_take_the_floor() -> None:
    story = Story().opened().client("response.create", response={"conversation": "none"})
    story.created("r1", conversation_id=None)
    story.at(1000).speaks("r1", 3000).at(1100).speaks("r1", 500).at(2000).speech_started("u1", 0).at(9000).closed()

    told_ = told(story)

    assert told_["interruptions"] == {}
    assert only(told_, "responses").playout_end_elapsed_ms == 4500


def test_a_cut_of_an_older_response_leaves_the_newer_its_place_in_the_player() -> None:
    story = agent_talks().at(1030).done("r1").created("r2").at(1100).speaks("r2", 500).at(2000)
    story.client("conversation.item.truncate", item_id="r1_item", audio_end_ms=1000).at(9000).closed()

    first, second = told(story)["responses"].values()

    assert (first.heard_ms, second.playout_end_elapsed_ms) == (1000, 4500)


def test_a_cut_out_of_band_leaves_the_player_alone() -> None:
    story = (
        agent_talks().client("response.create", response={"conversation": "none"}).created("r2", conversation_id=None)
    )
    story.at(1100).speaks("r2", 500).at(1200).cancelled("r2").at(1300).done("r1").at(9000).closed()

    first, second = told(story)["responses"].values()

    assert (first.playout_end_elapsed_ms, first.heard_ms, second.heard_ms) == (4000, 3000, 100)


def test_a_cut_of_one_that_waits_its_turn_leaves_what_plays_before_it() -> None:
    """r1 plays until 4000; r2, queued behind it, is cut at 2000: r3 still has to wait for r1."""
    story = agent_talks().at(1030).done("r1").created("r2").at(1100).speaks("r2", 500).at(2000).cancelled("r2")
    story.at(2100).created("r3").speaks("r3", 1000).done("r3").at(9000).closed()

    first, second, third = told(story)["responses"].values()

    assert columns(first, "playout_end_elapsed_ms heard_ms") == (4000, 3000)
    assert columns(second, "playout_end_elapsed_ms heard_ms") == (2000, 0)
    assert third.playout_end_elapsed_ms == 5000


def test_all_that_was_queued_is_cut_at_once() -> None:
    story = agent_talks().at(1030).done("r1").created("r2").at(1100).speaks("r2", 500).at(2000)
    for item_id, heard_ms in (("r1_item", 990), ("r2_item", 0)):
        story.client("conversation.item.truncate", item_id=item_id, audio_end_ms=heard_ms)
    story.at(2100).created("r3").speaks("r3", 1000).done("r3").at(9000).closed()

    first, second, third = told(story)["responses"].values()

    assert (first.heard_ms, second.heard_ms, third.playout_end_elapsed_ms) == (990, 0, 3100)


def test_of_an_item_cut_short_the_minutes_heard_are_those_that_came_first_also_if_the_clock_was_set_back() -> None:
    """Two seconds seen at 14:14, then the clock goes back a minute and two more are seen; 2.5 s are heard."""
    story = Story().opened().configured().at(41_000).created("r1").speaks("r1", 2000)
    story.clock_ms = -60_000
    story.at(41_100).speaks("r1", 2000).at(43_500).cancelled("r1").closed()

    minutes = {row.minute.minute: (row.generated_ms, row.heard_ms) for row in told(story)["audio_minutes"].values()}

    assert minutes == {14: (2000, 2000), 13: (2000, 500)}


def test_the_turn_knows_when_its_audio_was_played_out_elsewhere() -> None:
    story = Story().opened("sideband").created("r1").at(1000).server("output_audio_buffer.started", response_id="r1")
    story.done("r1").at(4000).server("output_audio_buffer.stopped", response_id="r1")

    assert only(told(story), "turns").playout_end_elapsed_ms == 4000


def test_what_was_waited_for_in_vain_holds_up_nothing() -> None:
    """The second answer, cut while it waits behind the first; then the first is truncated; the third speaks at once."""
    story = agent_talks().at(1030).done("r1").at(1100).created("r2").speaks("r2", 500).at(1200).cancelled("r2")
    story = story.at(2000).client("conversation.item.truncate", item_id="r1_item", audio_end_ms=1000)
    story = story.at(2100).created("r3").at(2200).speaks("r3", 300).done("r3").at(9000).closed()

    ends = [row.playout_end_elapsed_ms for row in told(story)["responses"].values()]
    assert ends == [2000, 1200, 2500]
