"""What a relay costs: CPU per frame and added latency of ours, of nginx and of others, in one interleaved run.

`python -m bench.relay --quick`. Read the ratios; absolute numbers are this machine's.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
from pathlib import Path

import msgspec
import psutil
import uvloop

from bench.relay_load import Measured, Tally, Upstream, hold_calls
from bench.relay_programs import nginx, started

KINDS = ["direct", "nginx", "walking", "recording", "websockets"]
MEANING = {
    "direct": "no relay: the load's own floor",
    "nginx": "nginx, proxied as WebSocket",
    "walking": "Calltape, frames walked, nothing recorded",
    "recording": "Calltape, recording",
    "websockets": "websockets connections in and out, nothing recorded",
    "litellm": "LiteLLM proxy",
}
PATH = "/v1/realtime?model=gpt-realtime"
WARM_UP_SECONDS = 2.0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What one relay showed once."""

    kind: str
    frames: int
    cpu_us: float
    """Of the relay's processes, for each frame."""
    p50_us: float
    p99_us: float
    memory_kb: float
    """Resident, for each session, beyond what the relay took before the first."""


class Meter(Measured):
    """CPU of a process and its children over the measured stretch."""

    def __init__(self, process: psutil.Process | None) -> None:
        self._processes = [process, *process.children(recursive=True)] if process else []
        self._before = self._resident()
        self.cpu_seconds = 0.0
        self.grown_bytes = 0

    def begin(self) -> None:
        self.cpu_seconds = -self._cpu()

    def end(self) -> None:
        self.cpu_seconds += self._cpu()
        self.grown_bytes = self._resident() - self._before

    def _cpu(self) -> float:
        return sum(map(cpu_seconds, self._processes))

    def _resident(self) -> int:
        return sum(process.memory_info().rss for process in self._processes)


def cpu_seconds(process: psutil.Process) -> float:
    """CPU that the process has used. To the nanosecond where Linux tells: its ticks miss work as short as a frame's."""
    tasks = Path(f"/proc/{process.pid}/task")
    try:
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9
    except (OSError, IndexError):
        return sum(process.cpu_times()[:2])


async def measure(kind: str, sessions: int, seconds: float, litellm: Path | None) -> Run:
    """Hold calls through a relay of that kind."""
    loop, tally, chosen = asyncio.get_running_loop(), Tally(), random.Random(1)
    server = await loop.create_server(lambda: Upstream(tally, chosen), "127.0.0.1", 0, backlog=1024)
    upstream = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        if kind == "direct":
            return await _held(kind, upstream, tally, Meter(None), sessions=sessions, seconds=seconds)
        with (
            tempfile.TemporaryDirectory(prefix="relay-bench-") as folder,
            started(kind, upstream, Path(folder), litellm) as (address, process),
        ):
            return await _held(kind, address, tally, Meter(process), sessions=sessions, seconds=seconds)
    finally:
        server.close()


async def _held(kind: str, address: str, tally: Tally, meter: Meter, *, sessions: int, seconds: float) -> Run:
    taken = await hold_calls(
        address, PATH, tally, sessions=sessions, warm_up=WARM_UP_SECONDS, seconds=seconds, measured=meter
    )
    return Run(
        kind=kind,
        frames=taken.frames,
        cpu_us=meter.cpu_seconds * 1e6 / taken.frames,
        p50_us=taken.p50_us,
        p99_us=taken.p99_us,
        memory_kb=meter.grown_bytes / sessions / 1024,
    )


def report(runs: list[Run], kinds: list[str]) -> None:
    """Medians for each relay, and what they are of nginx's."""
    medians = {kind: _medians([run for run in runs if run.kind == kind]) for kind in kinds}
    floor, limit = medians["direct"], medians["nginx"]
    titles = ("CPU us/frame", "of nginx", "p50 us", "added", "of nginx", "p99 us", "KiB/session")
    print("\n" + f"{'relay':<12}" + "".join(f"{title:>13}" for title in titles))
    for kind, run in medians.items():
        added, limit_added = run.p50_us - floor.p50_us, limit.p50_us - floor.p50_us
        ratios = ("-", "-") if kind == "direct" else (f"{run.cpu_us / limit.cpu_us:.2f}", f"{added / limit_added:.2f}")
        numbers = (
            *(f"{run.cpu_us:.1f}", ratios[0]),
            *(f"{run.p50_us:.0f}", f"{added:.0f}", ratios[1], f"{run.p99_us:.0f}"),
            f"{run.memory_kb:.0f}",
        )
        print(f"{kind:<12}" + "".join(f"{number:>13}" for number in numbers) + f"   {MEANING[kind]}")


def _medians(runs: list[Run]) -> Run:
    numbers = ("frames", "cpu_us", "p50_us", "p99_us", "memory_kb")
    return Run(kind=runs[0].kind, **{name: statistics.median(getattr(run, name) for run in runs) for name in numbers})


def main() -> None:
    """The command."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--sessions", type=int, default=100)
    asked.add_argument("--seconds", type=float, default=10, help="measured stretch of each run")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--quick", action="store_true", help="one round of 4 seconds")
    asked.add_argument("--litellm", type=Path, help="environment into which litellm[proxy] was installed")
    asked.add_argument("--only", nargs="*", default=[], help="relays besides direct and nginx: " + ", ".join(KINDS[2:]))
    chosen = asked.parse_args()
    nginx()
    kinds = [kind for kind in KINDS if not chosen.only or kind in {"direct", "nginx", *chosen.only}]
    kinds += ["litellm"] if chosen.litellm else []
    rounds, seconds = (1, 4.0) if chosen.quick else (chosen.rounds, chosen.seconds)
    print(f"{chosen.sessions} sessions, {rounds} interleaved rounds of {seconds:g} s for each of {', '.join(kinds)}")
    runs = []
    for number in range(rounds):
        for kind in kinds:
            run = uvloop.run(measure(kind, chosen.sessions, seconds, chosen.litellm))
            runs.append(run)
            print(
                f"  round {number + 1} {kind}: {run.cpu_us:.1f} us/frame, p50 {run.p50_us:.0f} us, {run.frames} frames"
            )
    report(runs, kinds)


if __name__ == "__main__":
    main()
