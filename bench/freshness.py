"""How fresh the rows are: from an event's hand-over to the recorder until SQL sees it, under the load of many calls.

    python bench/freshness.py --sessions 100 --seconds 20

Calls of real cadence (an append of 6.5 KB every 100 ms, answers in bursts) go through the real recorder into a real
journal; the real pipeline runs as a process of its own; a reader looks every 20 ms, as a page would. Then the journal
of that run is taken in again from its beginning, as fast as it goes, and the stages are timed one by one.
"""

import argparse
import base64
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import psutil

from ingest import envelope
from ingest.envelope import RecordedEvent, Source
from ingest.journal import Journal, JournalReader
from ingest.markers import SessionOpened
from ingest.recording import Recorder, SeenMessage, SessionRecording
from pipeline.archive import archived
from pipeline.dataset import Reader
from pipeline.dataset_schemas import EVENT_AUDIO, EVENTS, FACTS, table_of
from pipeline.dataset_writer import Batch, Writer
from pipeline.domain.fold import SessionState
from pipeline.runner import default_step
from pipeline.settings import PipelineSettings
from pipeline.status import read_status

WORKER = "bench"
APPEND_EVERY_S = 0.1
TURN_S = 6.0
PROGRAM = """
import signal, sys, threading
from pipeline import runner
from pipeline.settings import PipelineSettings
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
runner.run(PipelineSettings.model_validate_json(sys.argv[1]), lambda _: None, stop)
"""
_SOUND = base64.b64encode(os.urandom(4_800)).decode()


def message(kind: str, **members: object) -> SeenMessage:
    return SeenMessage(msgspec.json.encode({"type": kind, **members}), False)


APPEND = message("input_audio_buffer.append", audio=_SOUND)


class Call:
    """One call: a turn every few seconds, of which the user speaks half."""

    def __init__(self, recorder: Recorder, number: int, began: float, sessions: int) -> None:
        opened = SessionOpened(mode="relay", path="/v1/realtime?model=gpt-realtime", model="gpt-realtime")
        self.recording: SessionRecording = recorder.open(opened)
        self.seq = 1
        self.handed_over: dict[int, float] = {}
        self._shift = number / sessions
        self._began = began
        self._turn = -1

    def tick(self, now: float) -> None:
        """What happens in a tenth of a second."""
        self._see(Source.CLIENT, [APPEND])
        turn, within = divmod(now - self._began + self._shift * TURN_S, TURN_S)
        if turn != self._turn and within > TURN_S / 2:
            self._turn = int(turn)
            self._answer(self._turn)

    def close(self) -> None:
        self.recording.close("client", 1000, "")

    def _answer(self, turn: int) -> None:
        user, answer = f"user_{turn}", f"resp_{turn}"
        self._see(Source.SERVER, [message("input_audio_buffer.speech_started", audio_start_ms=turn, item_id=user)])
        self._see(Source.SERVER, [message("input_audio_buffer.speech_stopped", audio_end_ms=turn + 1, item_id=user)])
        self._see(Source.SERVER, [message("input_audio_buffer.committed", item_id=user)])
        self._see(Source.SERVER, [message("response.created", response={"id": answer, "status": "in_progress"})])
        delta = message("response.output_audio.delta", response_id=answer, item_id=f"agent_{turn}", delta=_SOUND)
        for _ in range(8):
            self._see(Source.SERVER, [delta] * 4)
        self._see(Source.SERVER, [message("response.done", response={"id": answer, "status": "completed"})])

    def _see(self, source: Source, messages: list[SeenMessage]) -> None:
        at = time.time()
        for _ in messages:
            self.handed_over[self.seq] = at
            self.seq += 1
        self.recording.see(source, messages)


class Watch:
    """Looks at the views as a page does, and notes how old what it sees for the first time is."""

    def __init__(self, dataset: Path, calls: dict[str, Call]) -> None:
        self._reader = Reader(dataset, threads=1)
        self._calls = calls
        self._seen: dict[tuple[str, str], int] = {}
        self.ages: dict[str, list[float]] = {"turns": [], "events": []}
        self.looks: list[float] = []

    def look(self) -> None:
        began = time.perf_counter()
        cursor = self._reader.cursor()
        day = time.strftime("%Y-%m-%d", time.gmtime())
        newest = cursor.sql(f"select session_id, max(seq) from events where date = '{day}' group by all").fetchall()
        at = time.time()
        turns = cursor.sql(f"select session_id, max(version) from turns where date = '{day}' group by all").fetchall()
        self.looks.append(time.perf_counter() - began)
        self._note("events", newest, at, every=True)
        self._note("turns", turns, time.time(), every=False)
        cursor.close()

    def _note(self, table: str, newest: list[tuple[str, int]], at: float, *, every: bool) -> None:
        for session_id, seq in newest:
            before = self._seen.get((table, session_id), 0)
            call = self._calls.get(session_id)
            if seq > before and call is not None:
                shown = range(before + 1, seq + 1) if every else (seq,)
                self.ages[table] += [at - call.handed_over[one] for one in shown if one in call.handed_over]
                self._seen[table, session_id] = seq


def measure(data_dir: Path, sessions: int, seconds: float) -> int:
    """Hold the calls and print how fresh their rows were; gives how many events there were."""
    settings = PipelineSettings(data_dir=data_dir, compact_every_seconds=5)
    pipeline = subprocess.Popen([sys.executable, "-c", PROGRAM, settings.model_dump_json()], stdout=subprocess.DEVNULL)
    journal = Journal.open(data_dir / "journal", WORKER)
    try:
        while read_status(data_dir / "dataset") is None:
            time.sleep(0.05)
        recorder, began = Recorder(journal), time.monotonic()
        made = [Call(recorder, number, began, sessions) for number in range(sessions)]
        calls = {call.recording.session_id: call for call in made}
        watch, over = Watch(data_dir / "dataset", calls), threading.Event()
        watching = threading.Thread(target=keep_watching, args=(watch, over))
        watching.start()
        used = psutil.Process(pipeline.pid).cpu_times()
        hold(made, began, seconds)
        after = psutil.Process(pipeline.pid)
        cpu = after.cpu_times().user + after.cpu_times().system - used.user - used.system
        events = sum(call.seq for call in made)
        for call in made:
            call.close()
        time.sleep(1.5)
        over.set()
        watching.join()
        _say(watch, events / seconds, cpu / seconds, after.memory_info().rss, data_dir)
        return events
    finally:
        pipeline.terminate()
        pipeline.wait(30)
        journal.close()


def hold(calls: list[Call], began: float, seconds: float) -> None:
    """Each call ticks ten times a second, spread evenly."""
    ticks = int(seconds / APPEND_EVERY_S)
    for tick in range(ticks):
        for number, call in enumerate(calls):
            due = began + (tick + number / len(calls)) * APPEND_EVERY_S
            if (wait := due - time.monotonic()) > 0.002:
                time.sleep(wait)
            call.tick(time.monotonic())


def keep_watching(watch: Watch, over: threading.Event) -> None:
    while not over.wait(0.02):
        watch.look()


def _say(watch: Watch, per_second: float, cpu: float, memory: int, data_dir: Path) -> None:
    status = read_status(data_dir / "dataset")
    assert status is not None
    print(f"{per_second:.0f} events/s, pipeline CPU {cpu * 100:.0f} % of a core, {memory >> 20} MiB")
    print(f"commits {status.commits}, one look of a reader: p50 {percentile_ms(watch.looks, 50)} ms")
    for table, ages in watch.ages.items():
        print(
            f"{table:<8} age when first seen: p50 {percentile_ms(ages, 50)}  p95 {percentile_ms(ages, 95)}  max {max(ages) * 1000:.0f} ms  (n={len(ages)})"
        )
    live = max(sum(1 for _ in (data_dir / "dataset" / name).rglob("*.parquet")) for name in FACTS)
    print(f"files of the fullest table on disk, replaced ones included: {live}")


def percentile_ms(values: list[float], percent: int) -> str:
    return f"{statistics.quantiles(values, n=100)[percent - 1] * 1000:.0f}"


def stages(data_dir: Path, limit: int) -> None:
    """Time the pipeline's stages over the journal, one after the other, in one process."""
    reader = JournalReader(data_dir / "journal" / WORKER)
    lines = [line for _ in range(1000) for line in reader.lines()][:limit]
    took: dict[str, float] = {}
    events = [
        (line.position, event)
        for line, event in zip(
            lines, _timed(took, "decode the envelope", envelope.decode, (line.line for line in lines)), strict=True
        )
    ]
    rows = list(_timed(took, "part audio from skeleton", lambda pair: archived(pair[1], pair[0]), events))
    step = default_step()
    states: dict[str, SessionState] = {}

    def fold(pair: tuple[int, RecordedEvent]) -> tuple[object, ...]:
        session = pair[1].session_id
        states[session], facts = step(states.get(session) or SessionState(), pair[1])
        return facts

    folded = list(_timed(took, "fold", fold, events))
    batches = list(
        _timed(
            took, "collect rows", partial(_batch, events=events, rows=rows, folded=folded), range(0, len(events), 500)
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        writer = Writer.open(Path(folder))
        list(_timed(took, "commit (500 events each)", writer.commit, batches))
        writer.close()
    total = sum(took.values())
    print(f"\nwhere the time goes, {len(lines)} events, {len(lines) / total:.0f} events/s in all:")
    for stage, seconds in took.items():
        print(f"  {stage:<26} {seconds / len(lines) * 1e6:7.1f} us/event  {seconds / total * 100:4.0f} %")


def _batch(first: int, *, events: list[tuple[int, RecordedEvent]], rows: list, folded: list) -> Batch:  # type: ignore[type-arg]
    made = Batch()
    for (position, _), row, facts in zip(
        events[first : first + 500], rows[first : first + 500], folded[first : first + 500], strict=True
    ):
        made.add(EVENTS, row.event, WORKER, position)
        if row.audio is not None:
            made.add(EVENT_AUDIO, row.audio, WORKER, position)
        for fact in facts:
            made.add(FACTS[table_of(fact)], fact, WORKER, position)
        made.reached(WORKER, position)
    return made


def _timed(took: dict[str, float], stage: str, work: Callable[..., object], items: object) -> Iterator:  # type: ignore[type-arg]
    given = list(items)  # type: ignore[call-overload]
    began = time.perf_counter()
    found = [work(item) for item in given]
    took[stage] = time.perf_counter() - began
    return iter(found)


def catch_up(data_dir: Path, events: int) -> None:
    """How fast a pipeline that starts late takes in what lies there."""
    late = data_dir / "late"
    late.mkdir()
    (late / "journal").symlink_to(data_dir / "journal")
    settings = PipelineSettings(data_dir=late)
    pipeline = subprocess.Popen([sys.executable, "-c", PROGRAM, settings.model_dump_json()], stdout=subprocess.DEVNULL)
    try:
        while (status := read_status(late / "dataset")) is None:
            time.sleep(0.01)
        began = time.perf_counter()
        while (
            (status := read_status(late / "dataset")) is None
            or status.workers == {}
            or status.workers[WORKER].behind_bytes
        ):
            time.sleep(0.01)
        print(f"\ncatching up: {events / (time.perf_counter() - began):.0f} events/s")
    finally:
        pipeline.terminate()
        pipeline.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description="How fresh the rows are, and where the time goes.")
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="freshness-") as folder:
        events = measure(Path(folder), chosen.sessions, chosen.seconds)
        stages(Path(folder), 20_000)
        catch_up(Path(folder), events)


if __name__ == "__main__":
    main()
