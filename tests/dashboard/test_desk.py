"""The desk: what is asked at once is asked once, what is begun is there when it is asked for, a failure is told."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import desk as desks
from dashboard.desk import Desk
from pipeline.dataset import Reader
from pipeline.dataset_cursor import Cursor

WITHIN_S = 60


class Question:
    """A query that says who asks it, and answers when it may."""

    def __init__(self) -> None:
        self.asked_by: list[str] = []
        self.begun, self.may_answer = threading.Event(), threading.Event()
        self.failure: Exception | None = None

    def __call__(self, cursor: Cursor, number: int) -> int:
        self.asked_by.append(threading.current_thread().name)
        self.begun.set()
        assert self.may_answer.wait(WITHIN_S)
        if self.failure:
            raise self.failure
        [(answer,)] = cursor.sql("select $1 + 1", [number]).fetchall()
        return int(answer)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    reader = Reader(tmp_path)
    yield Desk(reader)
    reader.close()


def in_threads(desk: Desk, question: Question, many: int) -> tuple[list[threading.Thread], list[int | str]]:
    """So many who ask the same, and what they are told."""
    told: list[int | str] = []

    def ask() -> None:
        try:
            told.append(desk.ask(question, 1))
        except ValueError as error:
            told.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(many)]
    for thread in threads:
        thread.start()
    return threads, told


def test_what_many_ask_at_once_is_asked_once(desk: Desk) -> None:
    question = Question()
    threads, told = in_threads(desk, question, 8)

    assert question.begun.wait(WITHIN_S)
    question.may_answer.set()
    for thread in threads:
        thread.join(WITHIN_S)

    assert told == [2] * 8
    assert len(question.asked_by) == 1


def test_what_is_begun_is_found_beside_and_once(desk: Desk) -> None:
    question = Question()
    desk.begin(question, 1)
    desk.begin(question, 1)
    assert question.begun.wait(WITHIN_S)
    threads, told = in_threads(desk, question, 2)

    question.may_answer.set()
    for thread in threads:
        thread.join(WITHIN_S)
    desk.begin(question, 1)

    assert told == [2, 2]
    assert desk.ask(question, 1) == 2
    [name] = question.asked_by
    assert name.startswith("asking")


def test_those_who_wait_are_told_of_a_failure_and_the_next_asks_anew(desk: Desk) -> None:
    question = Question()
    question.failure = ValueError("no such thing")
    desk.begin(question, 1)
    assert question.begun.wait(WITHIN_S)
    threads, told = in_threads(desk, question, 2)

    question.may_answer.set()
    for thread in threads:
        thread.join(WITHIN_S)
    question.failure = None

    assert told == ["no such thing"] * 2
    assert desk.ask(question, 1) == 2


def test_when_enough_is_begun_the_rest_is_asked_when_it_is_asked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Question()
    question.may_answer.set()
    monkeypatch.setattr(desks, "BEGUN_MAX", 0)

    desk.begin(question, 1)

    assert question.asked_by == []
    assert desk.ask(question, 1) == 2
    assert question.asked_by == [threading.current_thread().name]
