"""What is wrong with a log is told, and never an error of the fold."""

import msgspec
import pytest

from ingest.envelope import Source
from tests.builders import Story, columns, only, usage
from tests.pipeline.domain.laws import told


def test_a_wall_clock_that_is_set_is_told_once_and_changes_no_duration() -> None:
    story = Story().opened().configured().append(100, times=10).created("r1").at(1500).speaks("r1", 100).done("r1")
    hour = 3_600_000_000_000
    moved = [msgspec.structs.replace(e, seen_at_ns=e.seen_at_ns - hour * (e.seq >= 7)) for e in story.events]
    story.events = moved

    found = told(story)

    fault = only(found, "log_faults")
    assert columns(fault, "kind amount_ms seq") == ("clock_jump", -3_600_000, 7)
    assert only(found, "responses").model_latency_ms == 600


def test_a_clock_that_is_slewed_is_none() -> None:
    story = Story().opened().append(100, times=50)
    story.events = [msgspec.structs.replace(e, seen_at_ns=e.seen_at_ns + e.seq * 15_000_000) for e in story.events]

    assert told(story)["log_faults"] == {}


def test_a_monotonic_clock_that_runs_back_is_told() -> None:
    story = Story().opened().at(2000).configured().at(500).append(100)

    faults = told(story)["log_faults"].values()

    assert [columns(row, "kind amount_ms elapsed_ms") for row in faults] == [("clock_backwards", 1500, 2000)]


def test_less_audio_than_was_billed_means_that_the_log_was_cut() -> None:
    story = Story().opened().configured().created("r1").speaks("r1", 1).done("r1", usage=usage(audio_out=40))

    fault = only(told(story), "log_faults")

    assert columns(fault, "kind amount_ms") == ("audio_cut", 1999)
    assert "2000 ms of audio billed, 1 ms in the log" in fault.detail


@pytest.mark.parametrize("spoken_ms", [2000, 1600])
def test_audio_that_is_billed_before_it_is_sent_is_no_cut(spoken_ms: float) -> None:
    story = Story().opened().configured().created("r1").speaks("r1", spoken_ms).done("r1", usage=usage(audio_out=40))

    assert told(story)["log_faults"] == {}


def test_half_a_second_of_audio_may_still_be_on_its_way() -> None:
    """A second was billed: with half of it in the log nothing was cut, with a millisecond less it was."""
    for spoken_ms, faults in ((500, 0), (499, 1)):
        story = Story().opened().configured().created("r1").speaks("r1", spoken_ms)

        assert len(told(story.done("r1", usage=usage(audio_out=20)))["log_faults"]) == faults


def test_a_message_that_can_not_be_read_is_told_and_gone_on_from() -> None:
    story = Story().opened().configured().said(Source.SERVER, "response.created", b"{half").created("r1")

    found = told(story)

    assert columns(only(found, "log_faults"), "kind detail") == ("unreadable", "response.created")
    assert len(found["responses"]) == 1
