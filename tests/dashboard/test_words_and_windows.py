"""How quantities read, and which stretch of time a choice means."""

from datetime import UTC, date, datetime, timedelta

import pytest

from dashboard import window, wording
from dashboard.window import BINS, POINTS_MAX, Choice
from tests.dashboard.demo import NOW


@pytest.mark.parametrize(
    ("nanos", "unpriced", "text"),
    [
        (0, 0, "$0.0000"),
        (0, 3, "unknown"),
        (1_234_500_000, 0, "$1.2345"),
        (1_234_500_000, 1, "≥ $1.2345"),
        (1_234_000_000_000, 0, "$1,234.00"),
    ],
)
def test_money_that_is_not_all_known_says_so(nanos: int, unpriced: int, text: str) -> None:
    assert wording.money(nanos, unpriced) == text


def test_what_is_not_known_is_a_dash_and_never_nought() -> None:
    assert {wording.milliseconds(None), wording.seconds(None), wording.rate(None), wording.share(0, 0)} == {
        wording.UNKNOWN
    }
    assert wording.dollars(None) == "unknown"


def test_times_read_as_one_expects() -> None:
    assert wording.milliseconds(839.6) == "840 ms"
    assert wording.milliseconds(12_340) == "12.3 s"
    assert wording.duration(3_725_000) == "1:02:05"
    assert wording.clock(42.9) == "0:42"
    assert wording.position(65.25) == "1:05.2"
    assert wording.ago(NOW - timedelta(minutes=5), NOW) == "5 min ago"


def test_a_range_begins_on_a_whole_minute_and_holds_this_moment() -> None:
    moment = datetime(2026, 11, 23, 12, 0, 42, tzinfo=UTC)

    found = window.scope(Choice(range="1h", facets={"model": ("a",)}), moment)

    assert found.since == datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
    assert found.until > moment
    assert found.facets == {"model": ("a",)}
    assert window.scope(Choice(range="all"), moment).since is None


def test_a_range_that_nobody_offers_is_the_usual_one() -> None:
    assert window.scope(Choice(range="1000y"), NOW) == window.scope(Choice(), NOW)


def test_whole_days_take_the_place_of_the_range() -> None:
    both = window.scope(Choice(range="1h", first_day=date(2026, 11, 1), last_day=date(2026, 11, 2)), NOW)
    begun = window.scope(Choice(first_day=date(2026, 11, 1)), NOW)

    assert both.since == datetime(2026, 11, 1, tzinfo=UTC)
    assert both.until == datetime(2026, 11, 3, tzinfo=UTC)
    assert begun.until > NOW
    assert window.scope(Choice(last_day=date(2026, 11, 2)), NOW).since is None


def test_the_stretch_before_is_as_long_and_ends_where_this_one_begins() -> None:
    this = window.scope(Choice(range="1h", facets={"voice": ("marin",)}), NOW)

    before = this.before

    assert before is not None
    assert before.until == this.since
    assert before.until - before.since == this.until - this.since  # type: ignore[operator]
    assert before.voice == ("marin",)
    assert window.scope(Choice(range="all"), NOW).before is None


@pytest.mark.parametrize("length", [timedelta(0), timedelta(minutes=3), timedelta(days=1), timedelta(days=90)])
def test_a_chart_has_few_enough_points(length: timedelta) -> None:
    assert length.total_seconds() / window.step_s(NOW - length, NOW) <= POINTS_MAX


@pytest.mark.parametrize("slowest", [0.0, 900.0, 2700.0, 60_000.0])
def test_bins_reach_as_far_as_the_slowest_turn(slowest: float) -> None:
    assert window.bin_ms(slowest) * BINS > slowest
