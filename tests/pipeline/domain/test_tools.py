"""Function and MCP calls, and the waits around them."""

from typing import Any

from tests.builders import Story, columns, only
from tests.pipeline.domain.laws import told

WAITS = "status tool_wait_ms tool_wait_reason after_tool_ms after_tool_reason"


def asked() -> Story:
    return Story().opened().configured().user_writes("Weather?").client("response.create").created("r1")


def item_seen(story: Story, response_id: str, item: dict[str, Any], when: str = "added") -> Story:
    return story.server(f"response.output_item.{when}", response_id=response_id, item=item)


def test_a_call_is_one_row_from_its_first_mention_to_its_answer() -> None:
    story = item_seen(asked(), "r1", {"id": "i1", "type": "function_call", "call_id": "c1", "name": "get_weather"})
    story.at(500).calls("r1", "c1", arguments='{"city":"London"}').at(620).answers("c1", "fog").done("r1")
    story.client("response.create").created("r2").at(1000).speaks("r2", 100)

    call = only(told(story), "tool_calls")

    assert columns(call, WAITS) == ("answered", 120.0, None, 380.0, None)
    assert columns(call, "kind name arguments output seq") == ("function", "get_weather", '{"city":"London"}', "fog", 5)
    assert columns(call, "response_id turn_index arguments_done_elapsed_ms output_elapsed_ms") == ("r1", 0, 500, 620)


def test_an_output_may_be_sent_before_the_response_is_done() -> None:
    story = asked().at(100).calls("r1", "c1").at(150).answers("c1").at(160).speaks("r1", 10).done("r1")
    story.client("response.create").created("r2").at(400).writes("r2", "Fog")

    assert only(told(story), "tool_calls").after_tool_ms == 250.0


def test_parallel_calls_wait_each_for_itself_and_the_turn_for_the_last() -> None:
    story = asked().at(100).calls("r1", "c1").calls("r1", "c2").done("r1")
    story.at(300).answers("c1").at(500).answers("c2").client("response.create").created("r2").at(900).speaks("r2", 10)

    found = told(story)

    assert [columns(row, WAITS)[1::2] for row in found["tool_calls"].values()] == [(200.0, 600.0), (400.0, 400.0)]
    assert columns(only(found, "turns"), "tool_calls tool_wait_ms after_tool_ms") == (2, 600.0, 400.0)
    assert found["responses"][("s1", "r1")].tool_calls == 2


def test_a_chain_of_calls_stays_in_one_turn() -> None:
    story = asked().calls("r1", "c1").done("r1").at(100).answers("c1").client("response.create").created("r2")
    story.calls("r2", "c2").done("r2").at(300).answers("c2").client("response.create").created("r3").at(700).speaks(
        "r3", 10
    )

    first, second = told(story)["tool_calls"].values()

    assert (first.turn_index, second.turn_index) == (0, 0)
    assert (first.after_tool_ms, second.after_tool_ms) == (600.0, 400.0)


def test_calls_without_answer_say_so() -> None:
    story = asked().calls("r1", "c1").done("r1")

    assert columns(only(told(story), "tool_calls"), WAITS) == ("called", None, "not_answered", None, "not_answered")
    assert only(told(story.closed()), "tool_calls").status == "unanswered"


def test_an_answer_that_nothing_followed_says_so() -> None:
    story = asked().at(10).calls("r1", "c1").at(30).answers("c1").answers("c1", "again").closed()

    assert columns(only(told(story), "tool_calls"), WAITS) == ("answered", 20.0, None, None, "no_output_after")


def test_a_call_known_only_from_the_end_of_its_response_has_no_wait() -> None:
    output = [{"id": "i1", "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}]
    call = only(told(asked().done("r1", output=output).answers("c1")), "tool_calls")

    assert columns(call, WAITS) == ("answered", None, "arguments_done_not_seen", None, "no_output_after")


def test_arguments_find_their_call_by_its_item() -> None:
    story = item_seen(asked(), "r1", {"id": "i1", "type": "function_call", "call_id": "c1", "name": "f"})
    done = "response.function_call_arguments.done"
    story.server(done, response_id="r1", item_id="i1", arguments="{}").server(done, response_id="r1", item_id="i1")
    story.server(done, response_id="r1").server(done, response_id="r1", item_id="i2", name="g")

    assert [columns(row, "call_id name arguments") for row in told(story)["tool_calls"].values()] == [
        ("c1", "f", "{}"),
        ("i2", "g", None),
    ]


def test_outputs_without_a_call_are_seeded_history() -> None:
    assert told(asked().answers("c0"))["tool_calls"] == {}


def test_on_another_leg_the_server_says_that_a_call_was_answered() -> None:
    item = {"type": "function_call_output", "call_id": "c1", "output": "fog"}
    story = asked().at(10).calls("r1", "c1").at(50).server("conversation.item.added", item=item)

    assert columns(only(told(story), "tool_calls"), "status tool_wait_ms output") == ("answered", 40.0, "fog")


def test_an_mcp_call_is_answered_by_the_server_and_goes_on_in_the_same_response() -> None:
    item = {"id": "m1", "type": "mcp_call", "name": "search", "arguments": ""}
    story = item_seen(asked(), "r1", item).at(100)
    story.server("response.mcp_call_arguments.done", response_id="r1", item_id="m1", arguments='{"q":1}')
    story.at(300).server("response.mcp_call.completed", item_id="m1")
    item_seen(story, "r1", {**item, "output": "found"}, "done").at(500).speaks("r1", 10)

    call = only(told(story), "tool_calls")

    assert columns(call, WAITS) == ("answered", 200.0, None, 200.0, None)
    assert columns(call, "kind call_id name arguments output") == ("mcp", "m1", "search", '{"q":1}', "found")


def test_an_mcp_call_that_failed_says_so() -> None:
    item = {"id": "m1", "type": "mcp_call", "name": "search"}
    by_event = item_seen(asked(), "r1", item).server("response.mcp_call.failed", item_id="m1")
    by_item = item_seen(asked(), "r1", {**item, "error": {"type": "http_error", "code": 500}}, "done")

    assert only(told(by_event), "tool_calls").status == only(told(by_item), "tool_calls").status == "failed"
    assert told(asked().server("response.mcp_call.failed", item_id="m9"))["tool_calls"] == {}


def test_an_item_without_any_id_is_no_call() -> None:
    found = told(item_seen(item_seen(asked(), "r1", {"type": "function_call"}), "r1", {"type": "mcp_call"}))

    assert found["tool_calls"] == {}


def test_a_call_of_an_out_of_band_response_is_in_no_turn() -> None:
    story = Story().opened().client("response.create", response={"conversation": "none"})
    story.created("r1", conversation_id=None).calls("r1", "c1").answers("c1").created(
        "r2", conversation_id=None
    ).writes("r2", "x")

    assert only(told(story), "tool_calls").turn_index is None


def test_arguments_that_are_complete_after_the_answer_are_no_wait() -> None:
    item = {"id": "m1", "type": "mcp_call", "output": "found"}
    story = item_seen(asked(), "r1", item).at(50)
    story.server("response.mcp_call_arguments.done", response_id="r1", item_id="m1", arguments="{}")

    assert columns(only(told(story), "tool_calls"), "tool_wait_ms tool_wait_reason") == (
        None,
        "arguments_done_not_seen",
    )


def test_what_the_calling_response_says_after_the_answer_does_not_follow_from_it() -> None:
    story = asked().calls("r1", "c1").answers("c1").after(50).speaks("r1", 10)

    assert only(told(story), "tool_calls").after_tool_ms is None


def test_an_mcp_tools_answer_is_followed_by_the_next_that_is_said_in_the_same_response() -> None:
    story = asked().at(100).speaks("r1", 50, item_id="before")
    story = item_seen(story, "r1", {"id": "m1", "type": "mcp_call", "name": "search"})
    story.at(200).server("response.mcp_call_arguments.done", response_id="r1", item_id="m1", arguments="{}")
    story.at(700).server("response.mcp_call.completed", item_id="m1")
    story.at(900).speaks("r1", 50, item_id="after").at(1000).speaks("r1", 50, item_id="after")

    assert columns(only(told(story), "tool_calls"), WAITS) == ("answered", 500.0, None, 200.0, None)


def test_what_follows_a_tool_on_a_sideband_is_said_elsewhere() -> None:
    story = Story().opened("sideband").created("r1").calls("r1", "c1").answers("c1")

    assert only(told(story), "tool_calls").after_tool_reason == "audio_elsewhere"


def test_an_mcp_server_that_can_not_be_listed_is_an_error_of_the_session() -> None:
    story = Story().opened().configured().server("mcp_list_tools.in_progress", item_id="m1")

    found = told(story.server("mcp_list_tools.failed", item_id="m1"))

    assert columns(only(found, "session_errors"), "kind message") == ("tools_list_failed", "m1")


def test_a_failed_mcp_call_says_why_and_of_which_server() -> None:
    item = {"id": "m1", "type": "mcp_call", "server_label": "desk", "name": "open", "error": {"type": "http_error"}}
    story = Story().opened().configured().created("r1").server("response.mcp_call.failed", item_id="m1")
    story.server("response.output_item.added", response_id="r1", item=item | {"error": None})
    story.server("response.mcp_call.failed", item_id="m1")
    story.server("response.output_item.done", response_id="r1", item=item)

    row = only(told(story), "tool_calls")

    assert columns(row, "status server_label error") == ("failed", "desk", '{"type":"http_error"}')


def test_an_agent_that_thinks_aloud_says_which_part_is_its_answer() -> None:
    """gpt-realtime-2: a spoken commentary and the call share a response, with interleaved items."""
    said = {"id": "i0", "type": "message", "role": "assistant", "phase": "commentary"}
    call = {"id": "i1", "type": "function_call", "call_id": "c1", "name": "look"}
    story = Story().opened().configured().created("r1")
    story.server("response.output_item.added", response_id="r1", output_index=0, item=said)
    story.at(100).speaks("r1", 300, item_id="i0")
    story.server("response.output_item.added", response_id="r1", output_index=1, item=call)
    story.at(150).calls("r1", "c1", "look")
    story.server("response.output_audio_transcript.done", response_id="r1", item_id="i0", transcript="Let me see.")
    story.speaks("r1", 100, item_id="i0").done("r1").at(700).answers("c1").client("response.create").created("r2")
    story.at(900).speaks("r2", 100).done("r2").at(5000).closed()

    found = told(story)

    [commentary] = found["transcripts"].values()
    assert columns(commentary, "phase text") == ("commentary", "Let me see.")
    assert columns(only(found, "tool_calls"), "tool_wait_ms after_tool_ms turn_index") == (550, 200, 0)
    assert columns(only(found, "turns"), "responses generated_ms after_tool_ms") == (2, 500, 200)


def test_a_turn_says_why_it_waited_for_no_tool() -> None:
    reasons = "tool_wait_reason after_tool_reason"
    none = Story().opened().user_writes("Hi").client("response.create").created("r1")
    called = asked().at(100).calls("r1", "c1")
    unknown = item_seen(asked(), "r1", {"id": "i1", "type": "function_call", "call_id": "c1"}).answers("c1")

    assert columns(only(told(none), "turns"), reasons) == ("no_tools", "no_tools")
    assert columns(only(told(called), "turns"), reasons) == ("not_answered", "not_answered")
    assert columns(only(told(unknown), "turns"), reasons) == ("arguments_done_not_seen", "no_output_after")


def test_a_call_is_known_by_the_item_that_last_named_it() -> None:
    """The end of the arguments may name the item or leave it out; what was known of it stays."""
    done = "response.function_call_arguments.done"
    named = asked().server(done, response_id="r1", call_id="c1", item_id="i1", name="f", arguments="{}")
    unnamed = item_seen(asked(), "r1", {"id": "i1", "type": "function_call", "call_id": "c1", "name": "f"})
    unnamed.server(done, response_id="r1", call_id="c1", arguments="{}")

    for story in (named, unnamed):
        assert columns(only(told(story), "tool_calls"), "call_id item_id name arguments") == ("c1", "i1", "f", "{}")


def test_a_call_goes_by_its_items_id_where_the_server_gives_it_no_other() -> None:
    story = item_seen(asked(), "r1", {"id": "i1", "type": "function_call", "name": "f"}).answers("i1")

    assert columns(only(told(story), "tool_calls"), "call_id item_id status") == ("i1", "i1", "answered")
