"""The session's own row: what it was, what is missing of it, how it ended."""

import msgspec

from ingest.envelope import Source
from tests.builders import Story, columns, only
from tests.pipeline.domain.laws import told


def test_a_session_is_told_from_its_first_event_to_its_close() -> None:
    story = Story().opened(model="asked", upstream_host="api.openai.com", relay_key="team-a")
    opened = only(told(story), "sessions")
    story.at(60).configured(transcription="whisper-1").at(9000).closed(reason="bye")
    closed = only(told(story), "sessions")

    assert columns(opened, "status source model complete incomplete_reason") == (
        "open",
        "relay",
        "asked",
        False,
        "open",
    )
    assert columns(closed, "status model complete incomplete_reason") == ("closed", "gpt-realtime", True, None)
    assert columns(closed, "upstream_session_id upstream_host relay_key worker") == (
        "sess_1",
        "api.openai.com",
        "team-a",
        "w1",
    )
    assert columns(closed, "voice input_format output_format transcription_model") == (
        "marin",
        "pcm16",
        "pcm16",
        "whisper-1",
    )
    assert columns(closed, "turn_detection silence_duration_ms api_shape") == ("server_vad", 500, "ga")
    assert columns(closed, "closed_by close_code close_reason duration_ms") == ("client", 1000, "bye", 9000)
    assert columns(closed, "events_client events_server events_recorder") == (0, 1, 2)
    assert (closed.opened_at, closed.last_event_at) == (opened.opened_at, closed.opened_at.replace(second=29))


def test_a_change_counts_where_the_server_reports_one() -> None:
    story = Story().opened().configured().reconfigured().reconfigured(silence_ms=200).reconfigured(silence_ms=200)
    story.reconfigured(silence_ms=200, instructions="Be brief.")

    assert only(told(story), "sessions").config_changes == 2


def test_the_first_report_on_a_sideband_is_no_change() -> None:
    assert only(told(Story().opened("sideband").reconfigured()), "sessions").config_changes == 0


def test_what_a_silent_server_was_asked_for_shows_until_it_speaks() -> None:
    story = Story().opened().client("session.update", session={"turn_detection": None, "voice": "echo"})

    assert columns(only(told(story), "sessions"), "turn_detection voice config_changes") == ("none", "echo", 0)


def test_a_hole_is_a_gap_with_the_reason_that_the_recorder_gives() -> None:
    story = (
        Story()
        .opened()
        .lose(3)
        .at(70)
        .append(10)
        .recorder("events.lost", first_seq=1, count=3, reason="disk_full")
        .closed()
    )

    found = told(story)
    session, gap = only(found, "sessions"), only(found, "gaps")

    assert columns(gap, "seq count reason") == (1, 3, "disk_full")
    assert columns(session, "events_lost complete incomplete_reason") == (3, False, "gap")


def test_a_reason_for_no_hole_we_know_changes_nothing() -> None:
    story = Story().opened().lose(1).recorder("events.lost", first_seq=40).recorder("events.lost")

    assert columns(only(told(story), "gaps"), "seq reason") == (1, None)


def test_a_log_that_begins_late_has_a_hole_at_its_beginning() -> None:
    found = told(Story().lose(5).at(1500).append(10).closed())

    assert columns(only(found, "gaps"), "seq count") == (0, 5)
    assert columns(only(found, "sessions"), "source incomplete_reason") == ("unknown", "gap")
    assert only(found, "sessions").opened_at.microsecond == 0  # 1.5 s before the event that was seen first


def test_a_session_whose_recorder_died_is_not_complete() -> None:
    session = only(told(Story().opened().append(10).closed("recorder", None, recovered=True)), "sessions")

    assert columns(session, "complete incomplete_reason closed_by") == (False, "recorder_died", "recorder")


def test_unknown_types_are_counted_and_there_is_room_for_so_many_only() -> None:
    story = Story().server("response.dreamt")
    for index in range(70):
        story.server(f"new.{index}")
    session = only(told(story.server("new.69").client("response.dreamt").said(Source.CLIENT).closed()), "sessions")

    counts = msgspec.json.decode(session.unknown_types)
    assert (session.events_unknown, sum(counts.values()), len(counts)) == (74, 74, 65)
    assert (counts["response.dreamt"], counts["..."]) == (2, 9)


def test_an_unknown_type_that_comes_with_a_hole_is_counted_too() -> None:
    assert only(told(Story().opened().lose(1).server("new.1")), "sessions").events_unknown == 1


def test_what_comes_after_the_close_is_counted_and_changes_nothing_else() -> None:
    story = Story().opened().configured().created("r1").speaks("r1", 5000).after(1000).closed()
    before = told(story)
    story.after(2000).append(100).speech_started("u1").created("r2").speaks("r1", 100).done("r1").server("new.1")
    after = told(story)

    assert only(after, "sessions").events_server == only(before, "sessions").events_server + 5
    for table in ("turns", "responses", "costs", "audio_minutes", "interruptions"):
        assert after[table] == before[table]
