"""A dataset on an object store holds, gives and refuses what one in a folder does. Against a real S3-compatible server."""

import http.server
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from pipeline import dataset_lease, runner
from pipeline.dataset import Reader
from pipeline.dataset_compaction import Compactor
from pipeline.dataset_folder import LocalStore
from pipeline.dataset_objects import ObjectStoreUnsafe
from pipeline.dataset_remote_files import BLOCK_BYTES, Blocks
from pipeline.dataset_schemas import FACTS
from pipeline.dataset_store import DatasetUrl, Draft, Store, open_store
from pipeline.dataset_writer import DatasetInUse, DatasetLost, Writer
from pipeline.rebuild import rebuild
from pipeline.settings import PipelineSettings
from pipeline.status import read_status
from tests.pipeline.builders import (
    append,
    batch,
    event,
    folded,
    journal,
    rows_of,
    session_id,
    session_row,
    stored,
    story,
    turn_row,
    written,
)
from tests.pipeline.sharing import events_origin

ONE = session_id(1)
ROOT = Path(__file__).parents[2]
WITHIN_S = 120


@pytest.fixture(params=["folder", "objects"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return LocalStore(tmp_path)
    return open_store(request.getfixturevalue("s3_place"))


def test_a_name_is_created_once(store: Store) -> None:
    store.begin("t/_delta_log")

    assert store.read("t/_delta_log/1.json") is None
    assert store.put_new("t/_delta_log/1.json", b"ours")
    assert not store.put_new("t/_delta_log/1.json", b"theirs")
    assert store.put_new("t/_delta_log/1.json", b"ours"), "the answer to our own first try was lost"
    assert store.read("t/_delta_log/1.json") == b"ours"


def test_of_many_who_create_a_name_at_once_one_does(store: Store) -> None:
    won: list[int] = []

    def create(name: str, number: int) -> None:
        if store.put_new(name, b"%d" % number):
            won.append(number)

    for turn in range(20):
        threads = [threading.Thread(target=create, args=(f"name-{turn}", number)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.read(f"name-{turn}") == b"%d" % won[turn]

    assert len(won) == 20


def test_files_are_replaced_listed_and_removed(store: Store) -> None:
    assert not store.holds("t")
    store.begin("t/_delta_log")
    store.replace("t/status.json", b"1")
    store.replace("t/status.json", b"2", durably=False)
    draft = store.draft("t", "date=2026-11-23/settled=true/a.parquet")
    write(draft, b"PAR1")
    abandoned = store.draft("t", "date=2026-11-23/settled=true/b.parquet")
    write(abandoned, b"half")
    abandoned.abandon()

    assert draft.finish() == 4
    assert store.holds("t")
    assert store.read("t/status.json") == b"2"
    assert store.names("t") == {"t/status.json", "t/date=2026-11-23/settled=true/a.parquet"}
    store.remove(["t/status.json", "t/never.json"])
    assert store.names("t") == {"t/date=2026-11-23/settled=true/a.parquet"}


def write(draft: Draft, content: bytes) -> None:
    if isinstance(draft.target, str):
        Path(draft.target).write_bytes(content)
    else:
        draft.target.write(content)


@pytest.mark.slow
def test_the_same_rows_as_in_a_folder(s3_place: DatasetUrl, tmp_path: Path) -> None:
    """From a journal through the pipeline into a bucket: rows, messages, sound, status."""
    events = [*story(session_id(1)), *story(session_id(2), closed=False)]
    end = journal(tmp_path, events)
    settings = PipelineSettings(
        data_dir=tmp_path, dataset=s3_place.url, object_store=dict(s3_place.options), batch_interval_ms=10
    )

    with running(settings):
        until(lambda: (s := read_status(s3_place)) and s.workers.get("w1") and s.workers["w1"].position == end)

    assert stored(s3_place) == folded(events)
    reader = Reader(s3_place)
    assert [reader.message(seen.session_id, seen.seq) for seen in events] == [seen.data for seen in events]
    assert b"".join(heard.audio for heard in reader.session_audio(ONE)) == b"\1\2" * 2400 * 20
    assert (status := reader.status())
    assert status.state == "stopped"
    assert not (tmp_path / "dataset").exists()

    more = story(session_id(3))
    end = journal(tmp_path, more)
    with running(settings):
        until(lambda: (s := read_status(s3_place)) and s.workers.get("w1") and s.workers["w1"].position == end)
    assert stored(s3_place) == folded([*events, *more])


def test_it_is_a_delta_table_for_others_too(s3_place: DatasetUrl) -> None:
    written(s3_place, batch([turn_row(ONE, 0)], position=1), batch([turn_row(ONE, 1)], position=2))

    table = DeltaTable(f"{s3_place.url}/turns", storage_options=dict(s3_place.options))

    assert table.version() == 2
    assert table.transaction_version("journal:w1") == 2
    assert sum(pa.table(table.get_add_actions(flatten=True)).column("num_records").to_pylist()) == 2


def test_the_example_in_the_docs_finds_it_by_the_usual_variables(
    s3_place: DatasetUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(s3_place, batch([turn_row(ONE)]))
    [example] = re.findall(r"```py\n(.*?)```", (ROOT / "docs" / "open-the-data.md").read_text(), re.DOTALL)
    for name, value in s3_place.options:
        monkeypatch.setenv(f"AWS_{name.replace('endpoint', 'endpoint_url')}".upper(), value)
    found: dict[str, Any] = {}

    exec(compile(example.replace("s3://bucket/calltape", s3_place.url), "docs/open-the-data.md", "exec"), found)

    assert found["whole"].num_rows == len(found["files"]) == 1


@pytest.mark.slow
def test_files_are_merged_summed_up_and_cleaned_away(s3_place: DatasetUrl) -> None:
    writer = Writer.open(s3_place)
    events = [event(ONE, seq, append(bytes([seq]) * 100)) for seq in range(6)]
    for seq, seen in enumerate(events):
        writer.commit(batch([turn_row(ONE, seq, seq)], [seen], position=seq + 1))
    writer.commit(batch([session_row(ONE, 9, status="closed")], position=7))
    before = rows_of(s3_place, "turns")
    reader = Reader(s3_place)
    old = reader.cursor()
    compactor = Compactor(writer)
    store = open_store(s3_place)

    compactor.compact()
    assert old.sql("select count(*) from turns").fetchall() == [(6,)]
    compactor.clean(retain_minutes=0)
    compactor.sweep(retain_hours=1)
    compactor.close()
    writer.close()

    assert rows_of(s3_place, "turns") == before
    assert len([name for name in store.names("turns") if name.endswith(".parquet")]) == 1
    assert [Reader(s3_place).message(ONE, seen.seq) for seen in events] == [seen.data for seen in events]
    # What was replaced is gone; a query that had it on its list is asked again.
    assert reader.query("select count(*) from turns").column(0).to_pylist() == [6]


@pytest.mark.slow
def test_a_rebuild_gives_the_same_rows(s3_place: DatasetUrl, tmp_path: Path) -> None:
    events = story(ONE)
    end = journal(tmp_path, events)
    settings = PipelineSettings(data_dir=tmp_path, dataset=s3_place.url, object_store=dict(s3_place.options))
    with running(settings):
        until(lambda: (s := read_status(s3_place)) and s.workers.get("w1") and s.workers["w1"].position == end)

    done = rebuild(s3_place, runner.default_step())

    assert (done.sessions, done.events, done.failed) == (1, len(events), 0)
    assert stored(s3_place) == folded(events)


def test_only_the_days_that_are_asked_for_are_fetched(s3_place: DatasetUrl) -> None:
    days = [session_id(1), session_id(86_400_000), session_id(172_800_000)]
    seen = (event(session, 0, {"type": "response.create"}) for session in days)
    written(s3_place, *(batch(events=[each], position=at) for at, each in enumerate(seen, start=1)))
    reader = Reader(s3_place)

    found = reader.query("select count(*) from events where date = '2026-11-25'").column(0).to_pylist()

    assert found == [1]
    # DuckDB looks into the first file for its columns, whatever day that is.
    fetched = {name.split("/")[1] for name, _ in reader._remote._blocks._kept}
    assert "date=2026-11-25" in fetched
    assert len(fetched) < 3


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_text('/etc/hostname')",
        "select * from read_text('calltape://sessions.state')",
        "select * from read_text('calltape://../../other/secret.parquet')",
        "select * from read_parquet('s3://elsewhere/x.parquet')",
        "copy (select 1) to 'calltape://turns/x.parquet'",
        "set enable_external_access = true",
    ],
)
def test_sql_reaches_nothing_but_the_tables(s3_place: DatasetUrl, statement: str) -> None:
    written(s3_place, batch([turn_row(ONE)]))
    open_store(s3_place).replace("sessions.state", b"what was said")
    reader = Reader(s3_place)

    # What can't be reached is not there, or refused.
    with suppress(duckdb.Error):
        assert reader.cursor().sql(statement).fetchall() == []


@pytest.mark.slow
def test_the_command_reads_it_by_its_address(s3_place: DatasetUrl, tmp_path: Path) -> None:
    written(s3_place, batch([turn_row(ONE)]))
    (tmp_path / "calltape.toml").write_text(
        f'dataset = "{s3_place.url}"\n[object_store]\n'
        + "".join(f'{name} = "{value}"\n' for name, value in s3_place.options)
    )
    command = [sys.executable, "-m", "calltape", "sql", "--format", "csv", "select count(*) as turns from turns"]
    environment = {"PYTHONPATH": str(ROOT)}

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)

    assert (done.stdout, done.returncode) == ("turns\n1\n", 0), done.stderr


def test_writers_keep_out_of_each_others_way(s3_place: DatasetUrl) -> None:
    alone = Writer.open(s3_place)
    with pytest.raises(DatasetInUse, match=r"process \d+ on .* writes this dataset; stop it first"):
        Writer.open(s3_place, shared=True)
    alone.close()

    sinks = [Writer.open(s3_place, shared=True) for _ in range(2)]
    with pytest.raises(DatasetInUse, match=r"sinks write this dataset, such as process \d+ on"):
        Writer.open(s3_place)
    for sink in sinks:
        sink.close()
    Writer.open(s3_place).close()


def test_the_lease_of_a_killed_process_is_passed_over_on_its_machine(s3_place: DatasetUrl) -> None:
    script = Path(__file__).with_name("sharing.py")
    command = [sys.executable, str(script), "compact", msgspec.json.encode(s3_place).decode()]
    environment = {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as sink:
        assert sink.stdin
        sink.stdin.write("\n")
        sink.stdin.flush()
        until(lambda: open_store(s3_place).names("writers") and read(s3_place, "dataset.json"))
        with pytest.raises(DatasetInUse, match=str(sink.pid)):
            Writer.open(s3_place)
        sink.kill()

    Writer.open(s3_place).close()


def test_who_could_not_renew_its_lease_writes_no_more(s3_place: DatasetUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer.open(s3_place)
    monkeypatch.setattr(dataset_lease, "LEASE_S", 0.0)

    with pytest.raises(OSError, match="right to write could not be renewed"):
        writer.commit(batch([turn_row(ONE)]))

    assert rows_of(s3_place, "turns") == []


def test_a_dataset_deleted_under_the_writer_is_noticed(s3_place: DatasetUrl) -> None:
    writer = Writer.open(s3_place)
    open_store(s3_place).remove(["dataset.json"])

    with pytest.raises(DatasetLost):
        writer.commit(batch([turn_row(ONE)]))


def test_many_tables_are_committed_at_once_and_the_archive_last(s3_place: DatasetUrl) -> None:
    writer = Writer.open(s3_place, shared=True)
    origin = events_origin(1)
    writer.claim(origin)
    made = batch(position=1)
    made.drop("w1")
    for name, row in (("turns", turn_row(ONE)), ("sessions", session_row(ONE))):
        made.add(FACTS[name], row, origin, 1)
    made.reached(origin, 1)

    assert writer.commit(made) == 2

    tables = (
        DeltaTable(f"{s3_place.url}/{name}", storage_options=dict(s3_place.options)) for name in ("turns", "events")
    )
    turns, events = (table.history(1)[0]["timestamp"] for table in tables)
    assert turns <= events


@pytest.mark.slow
def test_a_server_that_is_away_is_said_in_words(s3_place: DatasetUrl) -> None:
    written(s3_place, batch([turn_row(ONE)]))
    gone = DatasetUrl(url=s3_place.url, options=(*s3_place.options, ("endpoint", "http://127.0.0.1:1")))

    with pytest.raises(OSError, match=f"{s3_place.url}: .*http://127.0.0.1:1"):
        Writer.open(gone)
    with pytest.raises(OSError, match=f"{s3_place.url}: "):
        Reader(gone).query("select 1")


def test_a_bucket_that_is_not_there_is_said_in_words(s3_place: DatasetUrl) -> None:
    with pytest.raises(OSError, match="s3://nobody-has-this/x: there is no such bucket"):
        Writer.open(DatasetUrl(url="s3://nobody-has-this/x", options=s3_place.options))


def test_an_option_that_does_not_exist_stops_the_program() -> None:
    with pytest.raises(ValueError, match=r"s3://bucket/x: .*colour"):
        PipelineSettings(dataset="s3://bucket/x", object_store={"colour": "red"})


def test_a_store_that_overwrites_what_is_there_is_refused() -> None:
    with careless_server() as endpoint:
        options = (("endpoint", endpoint), ("region", "x"), ("access_key_id", "a"), ("secret_access_key", "b"))
        place = DatasetUrl(url="s3://bucket/dataset", options=(*options, ("allow_http", "true")))

        with pytest.raises(ObjectStoreUnsafe, match="ignores If-None-Match"):
            Writer.open(place)


def test_what_is_read_again_is_fetched_once_and_memory_has_a_bound() -> None:
    file = bytes(range(256)) * (BLOCK_BYTES * 3 // 256) + b"tail"
    fetched: list[int] = []

    class Store:
        def read_range(self, name: str, start: int, length: int) -> bytes:
            fetched.append(start)
            return file[start : start + length]

        def size(self, name: str) -> int:
            return len(file)

    blocks = Blocks(Store(), bytes_max=2 * BLOCK_BYTES)

    assert blocks.read("f", len(file), BLOCK_BYTES - 3, BLOCK_BYTES + 3) == file[BLOCK_BYTES - 3 : BLOCK_BYTES + 3]
    assert blocks.read("f", len(file), 10, 20) == file[10:20]
    assert fetched == [0, BLOCK_BYTES]
    assert blocks.read("f", len(file), len(file) - 4, len(file)) == b"tail"
    assert blocks._bytes <= 2 * BLOCK_BYTES
    assert blocks.read("f", len(file), 0, len(file)) == file


def read(place: DatasetUrl, name: str) -> bytes | None:
    return open_store(place).read(name)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def running(settings: PipelineSettings) -> Iterator[None]:
    """A pipeline in a thread."""
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=runner.run, args=(settings, lambda _: ready.set(), stop))
    thread.start()
    try:
        assert ready.wait(WITHIN_S)
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def careless_server() -> Iterator[str]:
    """As much of S3 as it takes to say yes to everything."""
    kept: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200, b"")

        def do_GET(self) -> None:
            self._answer(200 if self.path in kept else 404, kept.get(self.path, b""))

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"1"')
            self.send_header("Last-Modified", "Mon, 23 Nov 2026 12:00:00 GMT")
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
