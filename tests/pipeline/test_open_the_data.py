"""Each example of docs/open-the-data.md runs as it stands there, and gives one row per key."""

import re
import wave
from pathlib import Path

import duckdb
import pytest

from ingest.envelope import Source
from pipeline.dataset_compaction import Compactor
from pipeline.dataset_writer import Writer
from tests.pipeline.builders import append, batch, delta, event, session_id, session_row, turn_row

PAGE = (Path(__file__).parents[2] / "docs" / "open-the-data.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ONE = session_id(1)

# DuckDB 2.0's `df()` calls pandas in a way that pandas 3.1 is about to drop; not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two turns in several versions, some merged and settled and some not, and two replaced files still there."""
    writer = Writer.open(tmp_path / "calltape-data" / "dataset")
    events = [event(ONE, 0, append(b"\1\2" * 50)), event(ONE, 1, delta(b"\3\4" * 70), Source.SERVER)]
    writer.commit(batch([turn_row(ONE, 0, 1), session_row(ONE, 1, status="closed")], events, position=1))
    writer.commit(batch([turn_row(ONE, 0, 2)], position=2))
    Compactor(writer).compact()
    writer.commit(batch([turn_row(ONE, 0, 5), turn_row(ONE, 1, 4)], position=3))
    writer.commit(batch([turn_row(ONE, 1, 6, interrupted=True)], position=4))
    writer.close()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("example", [example for example in EXAMPLES if "turns = " in example])
def test_an_example_gives_one_row_per_key(example: str) -> None:
    found: dict[str, object] = {}

    exec(compile(example, "docs/open-the-data.md", "exec"), found)

    turns = found["turns"]  # noqa: F841 -- DuckDB reads the variable
    seen = duckdb.connect().sql("select turn_index, version, interrupted from turns order by all")
    assert seen.fetchall() == [(0, 5, False), (1, 6, True)]


def test_the_example_of_sound_writes_both_sides(tmp_path: Path) -> None:
    [example] = [example for example in EXAMPLES if "session_audio" in example]
    found: dict[str, object] = {}

    exec(compile(example, "docs/open-the-data.md", "exec"), found)

    assert found["first"] == event(ONE, 0, append(b"\1\2" * 50)).data
    with wave.open(str(tmp_path / "client.wav")) as client:
        assert client.readframes(1000) == b"\1\2" * 50


def test_the_example_with_the_extension_works_where_there_is_one() -> None:
    [example] = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    install, load, ask = (statement for statement in example.split(";") if statement.strip())
    connection = duckdb.connect()
    try:
        connection.execute(load)
    except duckdb.Error:
        pytest.skip("this DuckDB has no delta extension")
    assert "install delta" in install
    assert len(connection.sql(ask).fetchall()) == 2
