"""What the caller has heard by when."""

from simulator.playout import Playing, Playout


def test_audio_that_comes_at_once_is_heard_one_after_the_other() -> None:
    playout = Playout()
    playout.add("a", 500, now=10.0)
    playout.add("a", 500, now=10.01)

    assert playout.playing(10.25) == Playing("a", 250)
    assert playout.playing(10.75) == Playing("a", 750)
    assert playout.playing(11.0) is None
    assert playout.ends == 11.0


def test_a_gap_in_delivery_is_a_gap_in_what_is_heard() -> None:
    playout = Playout()
    playout.add("a", 500, now=10.0)
    playout.add("a", 500, now=12.0)

    assert playout.playing(11.0) is None
    assert playout.playing(12.25) == Playing("a", 750)


def test_each_item_is_counted_by_itself() -> None:
    playout = Playout()
    playout.add("a", 500, now=10.0)
    playout.add("b", 500, now=10.0)

    assert playout.playing(10.75) == Playing("b", 250)


def test_stopping_silences_the_rest_and_what_still_comes_of_it() -> None:
    playout = Playout()
    playout.add("a", 500, now=10.0)
    playout.add("a", 500, now=10.0)
    playout.stop(10.2)
    playout.add("a", 500, now=10.3)
    playout.add("b", 500, now=10.4)

    assert playout.playing(10.35) is None
    assert playout.playing(10.65) == Playing("b", 250)
