"""Every message seen has a number, and every number that is missing from the log is told."""

from hypothesis import given
from hypothesis import strategies as st

from ingest import envelope, markers
from ingest.entries import Entry
from ingest.envelope import Source
from ingest.numbering import Numbering

MESSAGE = Entry(Source.CLIENT, "x", envelope.JSON, b"{}")


def test_numbers_follow_each_other() -> None:
    numbering = Numbering(next_seq=1)

    planned = numbering.plan([MESSAGE, MESSAGE])
    numbering.written(planned=2, lines=2, reason="")

    assert planned == [MESSAGE, MESSAGE]
    assert numbering.next_seq == 3


def test_what_was_not_written_is_told_before_what_is_written_next() -> None:
    numbering = Numbering(next_seq=1)
    numbering.written(planned=3, lines=1, reason="disk_full")

    [told, message] = numbering.plan([MESSAGE])

    assert numbering.next_seq == 4
    assert markers.decode(told.data) == markers.EventsLost(first_seq=2, count=2, reason="disk_full")
    assert message is MESSAGE


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.booleans())))
def test_the_log_and_its_told_losses_make_up_all_numbers(attempts: list[tuple[int, int, bool]]) -> None:
    numbering = Numbering(next_seq=0)
    logged: list[int] = []
    told: list[int] = []

    def write(count: int, limit: int) -> None:
        planned = numbering.plan([MESSAGE] * count)
        done = list(enumerate(planned[:limit], numbering.next_seq))
        for _, entry in done:
            if entry is not MESSAGE:
                lost = markers.decode(entry.data)
                assert isinstance(lost, markers.EventsLost)
                told.extend(range(lost.first_seq, lost.first_seq + lost.count))
        logged.extend(seq for seq, _ in done)
        numbering.written(planned=count, lines=len(done), reason="disk_full")

    for count, limit, unrecordable in attempts:
        if unrecordable:
            numbering.lose(count, "too_large")
        else:
            write(count, limit)
    write(0, 9)

    assert logged == sorted(set(logged))
    assert sorted(logged + told) == list(range(numbering.next_seq))
