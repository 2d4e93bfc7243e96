"""What the way through Kafka costs, program by program, and how fresh its rows are.

    python -m bench.kafka --sessions 100 --seconds 40

Calls of real cadence (an append of 6.5 KB every 100 ms, answers in bursts) are recorded, published, folded by a Faust
worker and written by a sink, each a real process around a real broker; the CPU of each is read beside it, and the age
of the rows as a reader sees them. Then the journal of that run is published and sunk again, as fast as it goes.
Ratios are what to read: absolute figures are those of a machine that also runs the broker and the load.
"""

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import psutil

from bench.freshness import Call, Watch, hold, keep_watching, percentile_ms
from ingest.journal import Journal
from ingest.recording import Recorder
from tests.kafka.broker import Broker
from tests.kafka.programs import Programs

PROGRAMS = ("publisher", "worker", "sink")
AIM_SESSIONS = 1_000
RAW_AUDIO_SESSIONS = 130
"""What a Faust worker would do if each audio event were a record of its own (as was once measured)."""


class Used(msgspec.Struct, frozen=True):
    """CPU seconds of a program, and its memory."""

    cpu_s: float
    memory: int


def used(programs: Programs, names: Iterable[str] = PROGRAMS) -> dict[str, Used]:
    """What each program has used so far."""
    found = {}
    for name in names:
        process = psutil.Process(programs.pid(name))
        times = process.cpu_times()
        found[name] = Used(times.user + times.system, process.memory_info().rss)
    return found


def live(programs: Programs, sessions: int, seconds: float) -> int:
    """Hold calls, print what each program used and how old rows were; gives the events."""
    programs.start("publisher", "publish")
    programs.start("worker", "worker", "--name", "worker")
    programs.start("sink", "sink", "--compact-every-seconds", "20")
    journal = Journal.open(programs.data_dir / "journal", "bench", keep_bytes=1 << 50)
    recorder = Recorder(journal)
    # One call first: everything is in its place once its row is there.
    first = Call(recorder, 0, time.monotonic(), 1)
    first.close()
    programs.until("select count(*) from sessions where complete", 1)
    before, began = used(programs), time.monotonic()
    made = [Call(recorder, number, began, sessions) for number in range(sessions)]
    watch = Watch(programs.data_dir / "dataset", {call.recording.session_id: call for call in made})
    over = threading.Event()
    watching = threading.Thread(target=keep_watching, args=(watch, over))
    watching.start()
    hold(made, began, seconds)
    after, took = used(programs), time.monotonic() - began
    events = sum(call.seq for call in made)
    for call in made:
        call.close()
    programs.until("select count(*) from sessions where complete", sessions + 1)
    over.set()
    watching.join()
    recorder.close()
    print(f"{sessions} calls, {events / took:,.0f} events/s, {took:.0f} s")
    for name in PROGRAMS:
        cpu = (after[name].cpu_s - before[name].cpu_s) / took
        print(
            f"  {name:<10} {cpu * 100:5.0f} % of a core: {sessions / cpu:7,.0f} calls a core,"
            f" {after[name].memory >> 20:4} MiB"
        )
    worker_cpu = (after["worker"].cpu_s - before["worker"].cpu_s) / took
    print(
        f"  Faust path: {sessions / worker_cpu:,.0f} calls a core, {sessions / worker_cpu / AIM_SESSIONS:.2f} of the aim"
        f" of {AIM_SESSIONS:,}, {sessions / worker_cpu / RAW_AUDIO_SESSIONS:.1f} x raw audio"
    )
    for table, ages in watch.ages.items():
        print(
            f"  {table:<8} wire to row: p50 {percentile_ms(ages, 50)}  p95 {percentile_ms(ages, 95)} ms (n={len(ages):,})"
        )
    return recorder.journal.counters.events_written


def backlog(programs: Programs, again: Programs, events: int) -> None:
    """Publish the same journal into fresh topics, and sink it, as fast as it goes."""
    shutil.copytree(programs.data_dir / "journal", again.data_dir / "journal")
    for released in (again.data_dir / "journal").rglob("released.*"):
        released.unlink()
    began = time.monotonic()
    again.done("publish", "--once")
    took = time.monotonic() - began
    print(f"publisher, as fast as it goes: {events / took:,.0f} events/s (its start included)")
    again.start("sink", "sink", "--batch-max-records", "5000")
    again.wait(lambda: again.asked("select count(*) from events")[0][0] > 0, "the first events")
    began, first = time.monotonic(), again.asked("select count(*) from events")[0][0]
    cpu = used(again, ["sink"])["sink"].cpu_s
    again.wait(lambda: again.asked("select count(*) from events")[0][0] >= events, "all events")
    took = time.monotonic() - began
    cpu = used(again, ["sink"])["sink"].cpu_s - cpu
    count = max(1, events - first)
    print(f"sink, as fast as it goes: {count / took:,.0f} events/s, {count / cpu:,.0f} a CPU second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=40.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-kafka-") as temporary:
        folder = Path(temporary)
        with Broker(folder / "broker") as broker:
            with Programs(broker.bootstrap, folder / "live") as programs:
                events = live(programs, chosen.sessions, chosen.seconds)
            with Programs(broker.bootstrap, folder / "again") as again:
                backlog(programs, again, events)


if __name__ == "__main__":
    main()
