"""Formats, lengths, and the append clock."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.audio import (
    ALAW,
    PCM16,
    ULAW,
    AppendClock,
    AudioFormat,
    Located,
    appended,
    audio_format,
    duration_ns,
    locate,
)


@pytest.mark.parametrize(
    ("name", "rate", "found"),
    [
        ("pcm16", None, PCM16),
        ("audio/pcm", 24000, PCM16),
        ("audio/pcm", 16000, AudioFormat("pcm16@16000", 32_000)),
        ("g711_ulaw", None, ULAW),
        ("audio/pcmu", None, ULAW),
        ("audio/pcma", 24000, ALAW),
        ("g711_alaw", None, ALAW),
        ("opus", None, None),
        (None, 24000, None),
    ],
)
def test_both_shapes_name_the_same_formats(name: str | None, rate: int | None, found: AudioFormat | None) -> None:
    assert audio_format(name, rate) == found


def test_a_millisecond_is_48_bytes_of_pcm_and_8_of_g711() -> None:
    assert duration_ns(48, PCM16.bytes_per_second) == duration_ns(8, ULAW.bytes_per_second) == 1_000_000


def test_a_position_was_seen_with_the_append_that_carried_it() -> None:
    clock = appended(appended(AppendClock(), 100, 7), 200, 9)

    assert [locate(clock, position).elapsed_ns for position in (0, 1, 100, 101, 200)] == [7, 7, 7, 9, 9]
    assert locate(clock, 201) == Located(reason="not_appended")


def test_nothing_was_seen_of_what_was_not_appended() -> None:
    assert locate(AppendClock(), 0) == Located(reason="not_appended")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=300), st.integers(0, 16_000))
def test_the_clock_answers_like_a_plain_list(steps: list[tuple[int, int]], position: int) -> None:
    clock, entries, end, seen = AppendClock(), list[tuple[int, int]](), 0, 0
    for length, pause in steps:
        end, seen = end + length, seen + pause
        entries.append((end, seen))
        clock = appended(clock, end, seen)

    plain = next((at for upto, at in entries if upto >= position), None)

    assert locate(clock, position).elapsed_ns == plain


def test_a_long_call_keeps_a_bounded_clock_and_says_what_it_forgot() -> None:
    clock = AppendClock()
    for index in range(36_000):
        clock = appended(clock, (index + 1) * 100, index)

    kept = sum(len(chunk) for chunk in clock.chunks) + len(clock.tail)
    assert kept <= 33 * 64 * 16
    assert locate(clock, 3_600_000).elapsed_ns == 35_999
    assert locate(clock, clock.forgotten_ns).reason == "append_forgotten"
    assert locate(clock, clock.forgotten_ns + 1).elapsed_ns == clock.forgotten_ns // 100
