"""A session's messages become numbered, timed events, whatever the messages and the disk are like."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import envelope, markers
from ingest.entries import message_entry
from ingest.envelope import RecordedEvent, Source
from ingest.journal import Journal, JournalReader
from ingest.markers import EventsLost, SessionClosed, SessionOpened, UpstreamConnected
from ingest.recording import Clock, Recorder, SeenMessage

OPENED = SessionOpened(mode="relay", path="/v1/realtime?model=gpt-realtime")
FIRST_NS = 1_795_425_218_000_000_000


class Time:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.monotonic_ns = 500
        self.unix_ns = FIRST_NS

    def clock(self) -> Clock:
        return Clock(monotonic_ns=lambda: self.monotonic_ns, unix_ns=lambda: self.unix_ns)

    def passes(self, ns: int) -> None:
        self.monotonic_ns += ns
        self.unix_ns += ns


@pytest.fixture
def now() -> Time:
    return Time()


@pytest.fixture
def recorder(tmp_path: Path, now: Time) -> Iterator[Recorder]:
    recorder = Recorder(Journal.open(tmp_path, "w1"), now.clock())
    yield recorder
    recorder.close()


@pytest.fixture
def events(tmp_path: Path) -> Callable[[], list[RecordedEvent]]:
    return lambda: [found.event for found in JournalReader(tmp_path / "w1").events()]


def text(data: bytes) -> SeenMessage:
    return SeenMessage(data, False)


def test_a_session_is_its_messages_in_order_between_two_markers(
    recorder: Recorder, events: Callable[[], list[RecordedEvent]], now: Time
) -> None:
    session = recorder.open(OPENED)
    now.passes(5)
    session.upstream_connected(UpstreamConnected(dial_ms=1.5))
    now.passes(10)
    session.see(Source.CLIENT, [text(b'{"type":"a"}'), text(b'{ "type" : "b" }')])
    now.passes(20)
    session.see(Source.SERVER, [text(b'{"type":"c"}')])
    session.close("client", 1000, "bye")

    found = events()

    assert [(event.seq, event.source, event.type, event.elapsed_ns) for event in found] == [
        (0, "recorder", "session.opened", 0),
        (1, "recorder", "upstream.connected", 5),
        (2, "client", "a", 15),
        (3, "client", "b", 15),
        (4, "server", "c", 35),
        (5, "recorder", "session.closed", 35),
    ]
    assert [event.seen_at_ns - FIRST_NS for event in found] == [0, 5, 15, 15, 35, 35]
    assert found[3].data == b'{ "type" : "b" }'
    assert {event.session_id for event in found} == {session.session_id}
    assert markers.decode(found[5].data) == SessionClosed(
        closed_by="client", code=1000, reason="bye", client_events=2, server_events=1
    )


def test_what_was_seen_is_on_disk_when_the_call_returns(
    recorder: Recorder, events: Callable[[], list[RecordedEvent]]
) -> None:
    session = recorder.open(OPENED)

    session.see(Source.CLIENT, [text(b'{"type":"a"}')])

    assert events()[-1].type == "a"


def test_sessions_of_one_millisecond_have_ids_of_their_own(recorder: Recorder) -> None:
    assert len({recorder.open(OPENED).session_id for _ in range(100)}) == 100


def test_nothing_follows_a_sessions_end(recorder: Recorder, events: Callable[[], list[RecordedEvent]]) -> None:
    session = recorder.open(OPENED)
    session.close("server", 1001, "")

    session.see(Source.CLIENT, [text(b"{}")])
    session.lose(1, "too_large")
    session.close("client", 1000, "")

    assert [event.type for event in events()] == ["session.opened", "session.closed"]


def test_a_recorder_that_closes_ends_its_sessions(tmp_path: Path, events: Callable[[], list[RecordedEvent]]) -> None:
    recorder = Recorder(Journal.open(tmp_path, "w1"))
    recorder.open(OPENED)

    recorder.close()

    closed = markers.decode(events()[-1].data)
    assert isinstance(closed, SessionClosed)
    assert (closed.closed_by, closed.recovered) == ("recorder", False)


def test_markers_hold_no_secret(recorder: Recorder, events: Callable[[], list[RecordedEvent]]) -> None:
    session = recorder.open(
        SessionOpened(
            mode="relay",
            path="/r?api-key=hush",
            headers={"Authorization": "hush", "User-Agent": "x"},
            model="ek_hushhush",
        )
    )
    session.upstream_connected(UpstreamConnected(dial_ms=1, headers={"set-cookie": "hush", "Date": "today"}))
    session.see(Source.CLIENT, [text(b'{"type":"sk-hushhushhush","authorization":"hush"}')])
    session.close("server", 3000, "Incorrect API key provided: hush.")

    found = events()

    assert not [event for event in found if b"hush" in event.data or "hush" in event.type]
    assert b'"user-agent":"x"' in found[0].data
    assert b'"date":"today"' in found[1].data


def test_messages_that_cant_be_recorded_use_up_their_numbers(
    recorder: Recorder, events: Callable[[], list[RecordedEvent]]
) -> None:
    session = recorder.open(OPENED)
    session.see(Source.CLIENT, [text(b'{"type":"a"}')])
    session.lose(3, "too_large")
    session.see(Source.SERVER, [text(b'{"type":"b"}')])

    [_, _, lost, after] = events()

    assert (lost.seq, after.seq) == (5, 6)
    assert markers.decode(lost.data) == EventsLost(first_seq=2, count=3, reason="too_large")
    assert recorder.journal.counters.events_lost == {"too_large": 3}


def test_what_nobody_foresaw_in_a_message_is_counted_and_reaches_no_call(
    recorder: Recorder, events: Callable[[], list[RecordedEvent]]
) -> None:
    session = recorder.open(OPENED)

    session.see(Source.CLIENT, [SeenMessage(None, False)])  # type: ignore[arg-type]
    session.see(Source.CLIENT, [text(b'{"type":"after"}')])

    [_, lost, _] = events()
    assert markers.decode(lost.data) == EventsLost(first_seq=1, count=1, reason="observer_failed")


def test_two_threads_may_record_at_once(recorder: Recorder, events: Callable[[], list[RecordedEvent]]) -> None:
    def call() -> None:
        session = recorder.open(OPENED)
        for _ in range(200):
            session.see(Source.CLIENT, [text(b'{"type":"a"}')])
        session.close("client", 1000, "")

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    by_session: dict[str, list[int]] = {}
    for event in events():
        by_session.setdefault(event.session_id, []).append(event.seq)
    assert [*by_session.values()] == [[*range(202)]] * 4


# What a message says about itself


@pytest.mark.parametrize(
    ("message", "type_", "content_type"),
    [
        (b'{"type":"a.b"}', "a.b", envelope.JSON),
        (b'{"data":[1,{"type":"no"}],"type":"last"}', "last", envelope.JSON),
        (b'{"type":"caf\xc3\xa9"}', "caf\u00e9", envelope.JSON),
        (b'{"type":"a\\u0022b"}', 'a"b', envelope.JSON),
        (b"{}", "untyped", envelope.JSON),
        (b'{"type":null}', "untyped", envelope.JSON),
        (b'{"type":7,"x":{}}', "untyped", envelope.JSON),
        (b"[1,2]", "untyped", envelope.JSON),
        (b'"text"', "untyped", envelope.JSON),
        (b'{"type":"' + b"a" * 300 + b'"}', "untyped", envelope.JSON),
        (b"", "untyped", envelope.TEXT),
        (b"hello", "untyped", envelope.TEXT),
        (b'{"type":"a"', "untyped", envelope.TEXT),
        (b'{"type":7,"x":01}', "untyped", envelope.TEXT),
        (b'{"type":"a","x":"\xff"}', "a", envelope.TEXT),
        (b'{"type":7,"x":"\xff"}', "untyped", envelope.TEXT),
        (b'{"type":"a","x":"\\ud800"}', "untyped", envelope.TEXT),
        (b'{"type":"a","x":NaN}', "untyped", envelope.TEXT),
        (b'{"type":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "untyped", envelope.TEXT),
    ],
)
def test_the_type_is_read_and_what_is_no_json_is_known(message: bytes, type_: str, content_type: str) -> None:
    entry = message_entry(Source.SERVER, text(message))

    assert (entry.type, entry.content_type, entry.data) == (type_, content_type, message)


@given(data=st.binary() | st.text().map(str.encode) | st.text().map(lambda value: json.dumps({"type": value}).encode()))
def test_any_message_becomes_a_line_of_valid_json(data: bytes) -> None:
    entry = message_entry(Source.CLIENT, text(data))
    event = RecordedEvent(
        session_id="s", seq=1, elapsed_ns=2, seen_at_ns=3, worker="w", source=entry.source, type=entry.type,
        data=entry.data, content_type=entry.content_type,
    )  # fmt: skip

    line = envelope.encode(event)

    json.loads(line)
    assert envelope.decode(line) == event


def test_a_binary_message_is_kept_as_it_is(recorder: Recorder, events: Callable[[], list[RecordedEvent]]) -> None:
    session = recorder.open(OPENED)

    session.see(Source.CLIENT, [SeenMessage(b"\x00\xff\n", True)])

    assert (events()[-1].data, events()[-1].content_type) == (b"\x00\xff\n", envelope.BINARY)


def test_more_messages_than_one_system_call_takes_are_written(
    recorder: Recorder, events: Callable[[], list[RecordedEvent]]
) -> None:
    session = recorder.open(OPENED)

    session.see(Source.CLIENT, [text(b'{"type":"a"}')] * 5_000)

    assert [event.seq for event in events()] == [*range(5_001)]


def test_a_message_of_16_mib_is_kept_byte_for_byte(
    recorder: Recorder, events: Callable[[], list[RecordedEvent]]
) -> None:
    message = b'{"type":"input_audio_buffer.append","audio":"' + b"QUJD" * (4 << 20) + b'"}'
    session = recorder.open(OPENED)

    session.see(Source.CLIENT, [text(message), text(b'{"type":"next"}')])

    assert [event.data == message for event in events()][1:] == [True, False]


def test_duckdb_reads_the_journal_as_it_lies_there(recorder: Recorder, tmp_path: Path) -> None:
    session = recorder.open(OPENED)
    session.see(Source.CLIENT, [text(b'{"type":"a","n":{"x":1e999}}'), text(b"oops"), SeenMessage(b"\xff", True)])
    session.close("client", 1000, "")

    with duckdb.connect() as database:
        found = database.execute(
            f"""select type, sequence, data ->> '$.type', data_base64 from read_json('{tmp_path}/w1/*.jsonl',
            format = 'newline_delimited', maximum_object_size = 40000000,
            columns = {{type: 'VARCHAR', sequence: 'UBIGINT', data: 'JSON', data_base64: 'VARCHAR'}}) order by sequence"""
        ).fetchall()
        automatic = database.execute(f"select count(*) from read_json_auto('{tmp_path}/w1/*.jsonl')").fetchall()

    assert found == [
        ("realtime.recorder.session.opened", 0, "session.opened", None),
        ("realtime.client.a", 1, "a", None),
        ("realtime.client.untyped", 2, None, "b29wcw=="),
        ("realtime.client.untyped", 3, None, "/w=="),
        ("realtime.recorder.session.closed", 4, "session.closed", None),
    ]
    assert automatic == [(5,)]
