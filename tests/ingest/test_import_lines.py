"""Lines of logs that were written elsewhere: what they may look like, and what is said of those that don't."""

import pytest

from ingest.envelope import Source
from ingest.import_lines import Close, LineUnreadable, read, unix_ns

NOON_NS = 1_793_534_400_000_000_000


@pytest.mark.parametrize(
    ("line", "source"),
    [
        (b'{"direction": "client", "event": {"type": "a"}}', Source.CLIENT),
        (b'{"direction": "sent", "event": {"type": "a"}}', Source.CLIENT),
        (b'{"dir": "OUT", "event": {"type": "a"}}', Source.CLIENT),
        (b'{"dir": "server", "seq": 7, "event": {"type": "a"}}', Source.SERVER),
        (b'{"direction": "received", "event": {"type": "a"}}', Source.SERVER),
        (b'{"direction": "in", "event": {"type": "a"}}', Source.SERVER),
    ],
)
def test_a_direction_has_the_names_that_are_common(line: bytes, source: Source) -> None:
    found = read(line)

    assert (found.source, found.data) == (source, b'{"type": "a"}')
    assert not found.timed


@pytest.mark.parametrize(
    ("time", "ns"),
    [
        ('"2026-11-01T12:00:00Z"', NOON_NS),
        ('"2026-11-01T13:00:00.25+01:00"', NOON_NS + 250_000_000),
        ('"2026-11-01T12:00:00"', NOON_NS),
        ("1793534400.5", NOON_NS + 500_000_000),
        ("1793534400250", NOON_NS + 250_000_000),
    ],
)
def test_a_time_is_a_date_or_unix_seconds_or_milliseconds(time: str, ns: int) -> None:
    assert read(b'{"direction": "client", "event": {}, "time": %s}' % time.encode()).unix_ns == ns


def test_a_position_is_milliseconds_since_the_session_began_or_seconds() -> None:
    assert read(b'{"direction": "client", "event": {}, "elapsed_ms": 1.5}').elapsed_ns == 1_500_000
    assert read(b'{"dir": "client", "event": {}, "at": 1.5}').elapsed_ns == 1_500_000_000


def test_a_message_as_text_stays_as_it_was_byte_for_byte() -> None:
    assert read(rb'{"direction": "client", "message": "{ \"type\" : \"a\" }"}').data == b'{ "type" : "a" }'


def test_the_end_of_a_session_may_be_told() -> None:
    found = read(b'{"session": 3, "close": {"by": "server", "code": 1001, "reason": "expired"}, "elapsed_ms": 10}')

    assert found.close == Close(by="server", code=1001, reason="expired")
    assert (found.session, found.source) == ("3", Source.RECORDER)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"nonsense", "malformed"),
        (b"[1]", "object"),
        (b'{"event": {}}', "direction is missing"),
        (b'{"direction": "up", "event": {}}', "direction must be client or server (got 'up')"),
        (b'{"direction": "client"}', "event is missing"),
        (b'{"direction": "client", "event": 7}', "event must be an object"),
        (b'{"direction": "client", "event": {}, "time": "yesterday"}', "time can't be 'yesterday'"),
        (b'{"direction": "client", "event": {}, "time": -1}', "time can't be -1"),
        (b'{"direction": "client", "event": {}, "elapsed_ms": -1}', "elapsed_ms can't be -1"),
    ],
)
def test_a_line_that_can_not_be_read_is_told_with_what_it_lacks(line: bytes, says: str) -> None:
    with pytest.raises(LineUnreadable) as told:
        read(line)
    assert says in str(told.value)


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        unix_ns("soon")
