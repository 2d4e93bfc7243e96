"""Telling what comes again from what is news, against an archive on disk."""

from pathlib import Path

import pytest

from ingest.envelope import RecordedEvent
from pipeline import known_events
from pipeline.dataset import Reader
from pipeline.known_events import KnownEvents
from tests.pipeline import builders
from tests.pipeline.builders import session_id, story


def known(tmp_path: Path, archived: list[RecordedEvent]) -> KnownEvents:
    builders.written(tmp_path / "dataset", builders.batch((), archived))
    return KnownEvents(Reader(tmp_path / "dataset"))


def news(asked: KnownEvents, session: str, seqs: list[int]) -> list[int]:
    asked.prepare([session])
    return [seq for seq in seqs if asked.is_news(session, seq)]


def test_what_the_archive_has_is_known_and_what_follows_is_news_once(tmp_path: Path) -> None:
    session = session_id(1)
    asked = known(tmp_path, story(session)[:10])

    assert news(asked, session, [7, 8, 9, 10, 11, 10, 11, 12]) == [10, 11, 12]


def test_a_session_of_which_the_archive_has_nothing_is_news_from_its_beginning(tmp_path: Path) -> None:
    asked = known(tmp_path, story(session_id(1)))

    assert news(asked, session_id(2), [0, 1, 2, 0, 1, 2, 3]) == [0, 1, 2, 3]


def test_what_was_missing_and_comes_late_is_news(tmp_path: Path) -> None:
    session = session_id(1)
    asked = known(tmp_path, [event for event in story(session)[:10] if event.seq not in {3, 4}])

    assert news(asked, session, [2, 3, 3, 4, 5, 9, 10, 10, 12, 11, 12]) == [3, 4, 10, 12, 11]


def test_a_hole_that_opens_now_is_remembered_too(tmp_path: Path) -> None:
    asked = known(tmp_path, story(session_id(1)))

    assert news(asked, session_id(2), [0, 1, 5, 6, 1, 5, 2, 3, 4, 3, 7]) == [0, 1, 5, 6, 2, 3, 4, 7]


def test_after_forgetting_the_archive_is_asked_again(tmp_path: Path) -> None:
    session = session_id(1)
    asked = known(tmp_path, story(session)[:5])
    assert news(asked, session, [5, 6]) == [5, 6]

    asked.forget()

    assert news(asked, session, [4, 5, 6]) == [5, 6]


def test_how_many_sessions_are_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_events, "SESSIONS_MAX", 2)
    asked = known(tmp_path, story(session_id(1)))
    for number in range(5):
        asked.prepare([session_id(number)])

    assert len(asked._sessions) <= 2
    assert news(asked, session_id(1), [0, 1]) == []
