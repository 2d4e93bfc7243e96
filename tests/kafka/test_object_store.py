"""The same way with the dataset on an object store: sinks write it there, workers mend from there."""

import json
from pathlib import Path

from pipeline.dataset import Reader
from pipeline.dataset_schemas import EVENTS
from tests.kafka.programs import Programs
from tests.pipeline.builders import folded, journal, session_id, story
from tests.pipeline.object_server import new_place, object_server


def test_two_sinks_and_a_worker_fill_a_dataset_on_an_object_store(bootstrap: str, tmp_path: Path) -> None:
    events = [event for number in range(6) for event in story(session_id(number + 1))]
    with object_server() as options:
        place = new_place(options)
        kept = {"CALLTAPE_DATASET": place.url, "CALLTAPE_OBJECT_STORE": json.dumps(options)}
        with Programs(bootstrap, tmp_path / "data", environment=kept) as programs:
            journal(programs.data_dir, events)
            programs.start("publisher", "publish")
            programs.worker("worker")
            for name in ("sink-1", "sink-2"):
                programs.start(name, "sink", "--batch-interval-ms", "1000")
            reader = Reader(place)
            programs.wait(
                lambda: reader.query("select count(*) from events").column(0)[0].as_py() == len(events), "events"
            )
            expected = {name: len(rows) for name, rows in folded(events).items()} | {EVENTS.name: len(events)}
            programs.wait(
                lambda: reader.query("select session_id from sessions where complete").num_rows == 6, "sessions"
            )
            # Either sink writes the tables of its own partitions, when it may: no table says that another is whole.
            programs.wait(
                lambda: {name: reader.query(f"select * from {name}").num_rows for name in expected} == expected,
                f"rows: {expected}",
            )
            reader.close()
            assert [programs.stop(name) for name in ("publisher", "worker", "sink-1", "sink-2")] == [0, 0, 0, 0]

    assert not (tmp_path / "data" / "dataset").exists()
