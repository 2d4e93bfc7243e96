"""What may be asked of the dataset, and what is refused with which words."""

import pytest

from pipeline.dataset import TABLES
from pipeline.sql_guard import SqlRefused, check


@pytest.mark.parametrize(
    "statement",
    [
        "select count(*) from sessions",
        "from turns",
        "table turns",
        "values (1), (2)",
        "describe sessions",
        "summarize turns",
        "show tables",
        "with slow as (select * from turns where wire_latency_ms > 1000) select * from slow join range(3) on true",
        "with recursive n as (select 1 as a union all select a + 1 from n where a < 5) select * from n",
        "select * from main.turns, unnest([1, 2])",
        "select * from information_schema.columns",
        "explain analyze select * from turns",
        "explain (format json) select 1",
        "select 1;",
    ],
)
def test_a_question_about_the_tables_may_be_asked(statement: str) -> None:
    check(statement, TABLES)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("copy sessions to 'x.csv'", "COPY reads or writes a file"),
        ("copy (select 1) to '/tmp/x.parquet'", "COPY reads or writes a file"),
        ("explain analyze copy (select 1) to 'x.csv'", "COPY reads or writes a file"),
        ("attach 'x.db'", "ATTACH opens another database"),
        ("install httpfs", "INSTALL and LOAD bring code"),
        ("load httpfs", "INSTALL and LOAD bring code"),
        ("set threads = 1", "SET changes"),
        ("set variable sessions_hot_files = ['x']", "SET changes"),
        ("pragma threads = 1", "SET changes"),
        ("export database 'x'", "EXPORT writes files"),
        ("call pragma_version()", "CALL runs a procedure"),
        ("create table x as select 1", "create is no question"),
        ("drop view sessions", "drop is no question"),
        ("delete from turns", "delete is no question"),
        ("insert into turns values (1)", "insert is no question"),
        ("with a as (insert into turns values (1) returning *) select * from a", "insert is no question"),
        ("select * from 'x.parquet'", "files can't be read here, and there is no table 'x.parquet'"),
        ("select * from 'https://example.com/x.csv'", "files can't be read here"),
        ("describe '/etc/passwd'", "files can't be read here"),
        ("select * from turns where 1 in (from 'y.csv')", "files can't be read here"),
        ("select * from read_csv('x')", r"read_csv\(\) can't stand in place of a table"),
        ("select * from read_text('/etc/passwd')", r"read_text\(\) can't"),
        ("select * from glob('*')", r"glob\(\) can't"),
        ("select * from query('select 1')", r"query\(\) can't"),
        ("select * from duckdb_settings()", r"duckdb_settings\(\) can't"),
        ("select getvariable('sessions_hot_files')", r"getvariable\(\) is about the server"),
        ("select sleep_ms(10)", r"sleep_ms\(\) is about the server"),
        ('with "x.csv" as (select 1) select * from "x.csv"', "a WITH can't be called 'x.csv'"),
        ("select * from nothing", "there is no table 'nothing'"),
        ("select 1; select 2", "one statement at a time, these are 2"),
        ("", "nothing was asked"),
        ("selec 1", "syntax error"),
    ],
)
def test_anything_else_is_refused_with_the_reason(statement: str, why: str) -> None:
    with pytest.raises(SqlRefused, match=why):
        check(statement, TABLES)


def test_a_plan_is_no_question_where_only_questions_are_taken() -> None:
    with pytest.raises(SqlRefused, match="explain is no question"):
        check("explain select 1", TABLES, explaining=False)


def test_a_statement_nested_deeper_than_python_calls_is_answered_all_the_same() -> None:
    check(f"select {'(' * 300}1{')' * 300}", TABLES)
