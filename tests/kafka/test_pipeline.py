"""From the journal through Kafka, workers and sinks into the dataset: the same rows as on one machine."""

import json
import shutil
import subprocess
from pathlib import Path

from ingest.envelope import RecordedEvent, encode
from ingest.journal import JournalReader
from tests.kafka.programs import Programs
from tests.pipeline import builders
from tests.pipeline.builders import folded, journal, session_id, stored, story


def stories(count: int, *, first: int = 1) -> list[RecordedEvent]:
    return [event for number in range(count) for event in story(session_id(first + number))]


def archived(programs: Programs) -> list[tuple[object, ...]]:
    return programs.asked("select session_id, seq from events order by all")


def keys(events: list[RecordedEvent]) -> list[tuple[object, ...]]:
    return sorted((event.session_id, event.seq) for event in events)


def test_two_workers_and_two_sinks_give_the_rows_that_the_fold_gives(programs: Programs) -> None:
    events = stories(20)
    journal(programs.data_dir, events)
    programs.start("publisher", "publish")
    for number in (1, 2):
        programs.worker(f"w{number}")
        programs.sink(f"s{number}")

    programs.until("select count(*) from sessions where complete", 20)
    programs.until("select count(*) from events", len(events))
    programs.until_stored(folded(events))

    assert archived(programs) == keys(events)
    assert [programs.stop(name) for name in ("publisher", "w1", "w2", "s1", "s2")] == [0, 0, 0, 0, 0]
    assert "Traceback" not in "".join(programs.log(name) for name in ("publisher", "w1", "w2", "s1", "s2"))


def test_archive_journal_and_kafka_give_the_same_tables(programs: Programs, tmp_path: Path) -> None:
    events = stories(4)
    journal(tmp_path / "embedded", events)
    builders.written(tmp_path / "embedded" / "dataset", builders.batch((), events, position=1))
    shutil.rmtree(tmp_path / "embedded" / "journal")

    programs.done("publish", "--archive", "--data-dir", str(tmp_path / "embedded"))
    programs.worker("w1")
    programs.sink("s1")
    programs.until("select count(*) from sessions where complete", 4)
    programs.until("select count(*) from events", len(events))
    programs.until_stored(folded(events))
    programs.stop("s1")
    from_kafka = stored(programs.data_dir / "dataset")
    programs.done("rebuild")

    assert from_kafka == folded(events)
    assert stored(programs.data_dir / "dataset") == from_kafka


def test_what_is_published_twice_is_archived_once(programs: Programs) -> None:
    events = stories(3)
    journal(programs.data_dir, events)
    programs.done("publish", "--once")
    (programs.data_dir / "journal" / "w1" / "released.kafka").unlink()
    programs.done("publish", "--once")
    later = stories(1, first=50)
    journal(programs.data_dir, later)
    programs.done("publish", "--once")

    programs.worker("w1")
    programs.sink("s1")
    programs.until("select count(*) from sessions where complete", 4)
    programs.until("select count(*) from events", len(events) + len(later))
    programs.until_stored(folded(events + later))

    assert archived(programs) == keys(events + later)


def test_a_hole_in_the_signals_is_mended_from_the_archive(programs: Programs) -> None:
    # given: events of which the workers never got the signals, as after a rebalance that passed over some
    events, other = story(session_id(1)), story(session_id(2))
    journal(programs.data_dir, events[:9])
    programs.done("publish", "--once")
    recreate_topic(programs, "signals")
    journal(programs.data_dir, events[9:] + other)
    programs.done("publish", "--once")

    # when
    programs.worker("w1")
    programs.until_log("w1", "hole in a session")
    programs.sink("s1")

    # then: nothing is missing, and the gap that was none is no row
    programs.until("select count(*) from sessions where complete", 2)
    programs.until_stored(folded(events + other))


def test_a_hole_in_the_log_is_a_gap_here_too(programs: Programs) -> None:
    events = [event for event in story(session_id(1)) if event.seq not in {4, 5}]
    journal(programs.data_dir, events)
    programs.start("publisher", "publish")
    programs.worker("w1")
    programs.sink("s1")

    programs.until("select count(*) from sessions where status = 'closed'", 1)
    programs.until_stored(folded(events))

    assert programs.asked("select seq, count from gaps") == [(4, 2)]


def test_a_damaged_line_is_kept_and_the_rest_goes_on(programs: Programs) -> None:
    events = story(session_id(1))
    journal(programs.data_dir, events[:5])
    with (programs.data_dir / "journal" / "w1" / "0000000001.jsonl").open("ab") as file:
        file.write(b'{"not":"an event"}\n')
    journal(programs.data_dir, events[5:])
    programs.start("publisher", "publish")
    programs.worker("w1")
    programs.sink("s1")

    programs.until("select count(*) from sessions where complete", 1)
    programs.until("select count(*) from damaged_lines", 1)

    assert programs.asked("select worker, line from damaged_lines") == [("w1", b'{"not":"an event"}')]


def test_records_that_are_none_of_ours_are_kept_counted_and_passed_over(programs: Programs) -> None:
    for topic in ("events", "signals", "facts.turns"):
        subprocess.run(
            ["kcat", "-b", programs.bootstrap, "-P", "-t", f"{programs.prefix}.{topic}", "-k", "k"],
            input=b"nonsense", check=True, timeout=180,
        )  # fmt: skip
    events = story(session_id(1))
    journal(programs.data_dir, events)
    programs.start("publisher", "publish")
    programs.worker("w1")
    programs.sink("s1")

    programs.until("select count(*) from sessions where complete", 1)
    programs.until("select count(*) from damaged_lines", 2)
    programs.until_stored(folded(events))
    programs.until_log("w1", "record passed over")


def test_an_independent_reader_sees_cloudevents_and_the_verbatim_message(programs: Programs) -> None:
    events = story(session_id(1))
    journal(programs.data_dir, events)
    programs.done("publish", "--once")

    read = subprocess.run(
        ["kcat", "-b", programs.bootstrap, "-C", "-e", "-q", "-J", "-t", f"{programs.prefix}.events"],
        capture_output=True, text=True, check=True, timeout=180,
    )  # fmt: skip

    records = [json.loads(line) for line in read.stdout.splitlines()]
    found = records[1]
    headers = dict(zip(found["headers"][::2], found["headers"][1::2], strict=True))
    assert [record["payload"].encode() for record in records] == [event.data for event in events]
    assert found["key"] == events[1].session_id
    assert headers | {"ce_journalposition": ""} == {
        "ce_specversion": "1.0",
        "ce_id": f"{events[1].session_id}:1",
        "ce_source": "/ingest/w1",
        "ce_type": "realtime.server.session.created",
        "ce_time": json.loads(encode(events[1]))["time"],
        "ce_subject": events[1].session_id,
        "ce_sequence": "1",
        "ce_elapsedns": str(events[1].elapsed_ns),
        "ce_schemaversion": "1",
        "ce_journalposition": "",
        "content-type": "application/json",
    }


def test_a_journal_is_let_go_only_behind_what_the_brokers_have(programs: Programs) -> None:
    end = journal(programs.data_dir, stories(2))

    programs.done("publish", "--once")

    released = json.loads((programs.data_dir / "journal" / "w1" / "released.kafka").read_bytes())
    assert released == {"position": end}
    reader = JournalReader(programs.data_dir / "journal" / "w1", released["position"])
    assert reader.lines() == []


def recreate_topic(programs: Programs, name: str) -> None:
    programs.delete_topic(f"{programs.prefix}.{name}")
    programs.done("topics", "create", "--partitions", str(programs.partitions))
