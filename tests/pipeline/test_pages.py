"""The pages that describe the data say what is so."""

from pipeline.dataset_schemas import TABLES
from pipeline.tables_page import PAGE, page


def test_the_page_of_the_tables_is_current() -> None:
    """If not: `python -m pipeline.tables_page`."""
    assert PAGE.read_text() == page()


def test_every_table_and_column_is_on_it() -> None:
    text = page()

    for table in TABLES.values():
        section = text.split(f"### {table.name}\n")[1].split("\n### ")[0]
        assert [name for name in table.columns.names if f"| `{name}` |" not in section] == []
