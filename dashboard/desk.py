"""The desk at which pages ask: hands a query to the dataset, and keeps its answer for as long as the rows stand."""

import atexit
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import duckdb
import msgspec

from pipeline.dataset import CopySettings, DatasetUnreadable, Reader
from pipeline.dataset_cursor import Cursor
from pipeline.dataset_store import Where

P = ParamSpec("P")
T = TypeVar("T")

KEPT_MAX = 512
"""Answers kept at a time; when it is full the oldest is dropped, and asked for again."""
DEAR_S = 0.05
"""An answer that took longer is kept for a while also when rows have changed since."""
SHARE = 20
"""Kept for so many times as long as it took: however many pages look, a question takes a twentieth of a core."""

LATELY_S = 0.7
"""Less than the time after which a page of calls in progress is renewed."""


STEADY_S = 60.0
"""How long an answer is kept that changes once in a while: which models, voices and labels there are."""
BEGUN_AT_ONCE = 4
"""Questions that are answered beside the pages at one time."""
BEGUN_MAX = 64
"""Begun questions that have no answer yet; more are asked when they are asked for."""
COPY_EVERY_S = 2.0
"""How often it is looked for files to copy, once all are."""
COPIED_WITHIN_S = 5.0
"""How long the end of the process waits for a copy that is being made."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, on which rows, when and how long it took."""

    value: Any
    snapshot: int
    at_s: float
    took_s: float

    def holds(self, snapshot: int, now_s: float) -> bool:
        """Whether it may still be given: no row has changed, or it was dear and is not old."""
        dear = self.took_s >= DEAR_S and now_s - self.at_s < SHARE * self.took_s
        return self.snapshot == snapshot or dear

    def is_steady(self, snapshot: int, now_s: float) -> bool:
        """Whether it may still be given where a minute does not matter; that there is nothing may end at once."""
        return self.snapshot == snapshot or (bool(self.value) and now_s - self.at_s < STEADY_S)

    def is_recent(self, snapshot: int, now_s: float) -> bool:
        """Whether it may still be given where only what is recent is wanted: however many look, it is asked once."""
        return self.snapshot == snapshot or now_s - self.at_s < LATELY_S


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A cursor, and the rows that it sees. There are never more than questions are asked at one time."""

    cursor: Cursor
    snapshot: int


class Desk:
    """Answers to queries. Safe to share between threads; what it gives must not be changed."""

    def __init__(self, dataset: Reader, clock: Callable[[], float] = time.monotonic) -> None:
        self.dataset = dataset
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Answer] = {}
        self._idle: list[Opened] = []
        self._running: dict[Hashable, Future[Any]] = {}
        self._beside = ThreadPoolExecutor(BEGUN_AT_ONCE, thread_name_prefix="asking")

    def ask(self, query: Callable[Concatenate[Cursor, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """The answer to a query; a kept one while no row has changed since, and of a dear one a little longer."""
        return self._kept_or_fresh(Answer.holds, query, *arguments, **named)

    def lately(self, query: Callable[Concatenate[Cursor, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """The same, but never older than LATELY_S, however dear: for what is looked at while it happens."""
        return self._kept_or_fresh(Answer.is_recent, query, *arguments, **named)

    def steadily(self, query: Callable[Concatenate[Cursor, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """The same, but up to STEADY_S old, once there is something: for what hardly changes and each page needs."""
        return self._kept_or_fresh(Answer.is_steady, query, *arguments, **named)

    def begin(self, query: Callable[Concatenate[Cursor, P], T], *arguments: P.args, **named: P.kwargs) -> None:
        """Look for an answer that will be asked for: while a page draws what it has, the rest is found."""
        key = _key(query, *arguments, **named)
        if len(self._running) >= BEGUN_MAX or self._kept(Answer.holds, key) is not None:
            return
        answer, is_new = self._running_or_new(key)
        if is_new:
            self._beside.submit(lambda: self._find(answer, key, query, *arguments, **named))

    def _kept_or_fresh(
        self,
        good: Callable[[Answer, int, float], bool],
        query: Callable[Concatenate[Cursor, P], T],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        key = _key(query, *arguments, **named)
        if (kept := self._kept(good, key)) is not None:
            return kept.value  # type: ignore[no-any-return]  # the key holds the query, which gives a T
        # What somebody asks already is asked once.
        answer, is_new = self._running_or_new(key)
        if is_new:
            self._find(answer, key, query, *arguments, **named)
        return answer.result()  # type: ignore[no-any-return]  # as above

    def _kept(self, good: Callable[[Answer, int, float], bool], key: Hashable) -> Answer | None:
        snapshot, now_s = self.dataset.snapshot, self._clock()
        with self._lock:
            kept = self._answers.get(key)
        return kept if kept is not None and good(kept, snapshot, now_s) else None

    def _running_or_new(self, key: Hashable) -> tuple[Future[Any], bool]:
        """Where the answer to a question will be, and whether it is this caller's to find."""
        with self._lock:
            is_new = key not in self._running
            return self._running.setdefault(key, Future()), is_new

    def _find(
        self,
        answer: Future[Any],
        key: Hashable,
        query: Callable[Concatenate[Cursor, P], T],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> None:
        """Find the answer and keep it, or the failure for those who wait."""
        try:
            snapshot, begun_s = self.dataset.snapshot, self._clock()
            value = self.fresh(query, *arguments, **named)
            ended_s = self._clock()
        except BaseException as error:  # noqa: BLE001  # whoever asks for it gets it
            with self._lock:
                del self._running[key]
            answer.set_exception(error)
            return
        with self._lock:
            self._answers.pop(key, None)
            self._answers[key] = Answer(value=value, snapshot=snapshot, at_s=ended_s, took_s=ended_s - begun_s)
            if len(self._answers) > KEPT_MAX:
                del self._answers[next(iter(self._answers))]
            del self._running[key]
        answer.set_result(value)

    def fresh(self, query: Callable[Concatenate[Cursor, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """The answer without keeping it, for questions about the very moment."""
        try:
            return self._run(query, *arguments, **named)
        except duckdb.IOException:
            # A file was compacted away between looking it up and reading it; a new cursor knows its successor.
            return self._run(query, *arguments, **named)

    def _run(self, query: Callable[Concatenate[Cursor, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """Ask at a cursor that is at hand, if no row has changed since it was opened: opening one takes 7 ms."""
        snapshot = self.dataset.snapshot
        with self._lock:
            stale = [one for one in self._idle if one.snapshot != snapshot]
            self._idle = [one for one in self._idle if one.snapshot == snapshot]
            opened = self._idle.pop() if self._idle else None
        for one in stale:
            one.cursor.close()
        if opened is None:
            opened = Opened(cursor=self.dataset.cursor(), snapshot=snapshot)
        # A cursor at which something failed is not used again: it may look for files that are gone.
        try:
            value = query(opened.cursor, *arguments, **named)
        except BaseException:
            opened.cursor.close()
            raise
        with self._lock:
            self._idle.append(opened)
        return value


def _key(query: Callable[..., Any], *arguments: object, **named: object) -> Hashable:
    return (query, arguments, tuple(sorted(named.items())))


def open_desk(place: Where, copies_gib: float = 0) -> Desk:
    """A desk at a dataset, which need not exist yet; with so much disk for copies of its rows, made beside."""
    reader = Reader(place, copies=copy_settings(copies_gib))
    if copies_gib:
        ended = threading.Event()
        copying = threading.Thread(target=_copy, args=(reader, ended), name="copies", daemon=True)
        copying.start()
        # Python must not end in the midst of it.
        atexit.register(_end, copying, ended)
    return Desk(reader)


def copy_settings(copies_gib: float) -> CopySettings | None:
    """How much is copied into so much disk; None where nothing is."""
    return CopySettings(bytes_max=int(copies_gib * (1 << 30))) if copies_gib else None


def _copy(reader: Reader, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            more = reader.copy_one()
        except DatasetUnreadable:
            # Those who look are told.
            more = False
        if not more:
            ended.wait(COPY_EVERY_S)


def _end(copying: threading.Thread, ended: threading.Event) -> None:
    ended.set()
    copying.join(COPIED_WITHIN_S)
