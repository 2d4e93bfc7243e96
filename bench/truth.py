"""Does the fold tell the truth? Sessions are generated whose truth is known by construction, and held against its rows.

    python bench/truth.py [--sessions 2000] [--seed 1] [--kind server_vad ...]

Prints what was compared, the confusion table of the interruption classes, the distribution of the errors of every
time, and each disagreement. Exit code 1 where there is one: a time that is a millisecond off, a class, a count, or a
nano-dollar. No sockets and no waiting: the sessions are played in virtual time (`tests/truth`).
"""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.price_lists import default_rules
from tests.truth.judge import NOTHING, TOLERANCE_MS, Tally, compare
from tests.truth.plans import KINDS, plans
from tests.truth.session import generate

SHOWN = 40
"""Disagreements that are printed."""


def campaign(seed: int, count: int, kinds: Iterable[str]) -> Tally:
    tally, rules, wanted = Tally(), default_rules(), set(kinds)
    begun = time.monotonic()
    for number, plan in enumerate(plans(seed, count), start=1):
        if plan.kind in wanted:
            compare(generate(plan), rules, tally)
        if number % 100 == 0:
            done = f"{number}/{count} sessions, {len(tally.disagreements)} disagreements"
            print(f"\r{done}, {time.monotonic() - begun:.0f} s ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return tally


def show(tally: Tally) -> None:
    sessions, values = sum(tally.sessions.values()), sum(tally.values.values())
    print(f"{sessions} sessions, {tally.events:,} events, {values:,} values in {len(tally.values)} columns\n")
    print("sessions  kind")
    for kind, count in sorted(tally.sessions.items()):
        print(f"{count:8}  {kind}")
    _show_classes(tally)
    _show_errors(tally)
    _show_disagreements(tally)


def _show_classes(tally: Tally) -> None:
    names = sorted({name for pair in tally.classes for name in pair})
    print(f"\ninterruptions: true class (down), told class (across); {NOTHING} is none\n")
    print(f"{'':20}" + "".join(f"{name:>20}" for name in names))
    for true in names:
        print(f"{true:20}" + "".join(f"{tally.classes[true, told] or '.':>20}" for told in names))


def _show_errors(tally: Tally) -> None:
    print(f"\ntimes: error in milliseconds, told less true ({TOLERANCE_MS} is a disagreement)\n")
    print(f"{'column':44}{'known':>9}{'exact':>9}{'p50 |e|':>10}{'p99 |e|':>10}{'max |e|':>10}")
    for name, errors in sorted(tally.errors_ms.items()):
        sizes = sorted(abs(error) for error in errors)
        exact = sum(size == 0 for size in sizes)
        print(f"{name:44}{len(sizes):9}{exact:9}{_at(sizes, 0.5):10.6f}{_at(sizes, 0.99):10.6f}{sizes[-1]:10.6f}")


def _at(sizes: Sequence[float], share: float) -> float:
    return sizes[min(int(len(sizes) * share), len(sizes) - 1)]


def _show_disagreements(tally: Tally) -> None:
    found = tally.disagreements
    print(f"\n{len(found)} disagreements in {len({one.seed for one in found})} sessions")
    for one in found[:SHOWN]:
        place = f"{one.kind} {one.seed}: {one.table} {one.key} {one.column}"
        print(f"  {place}: true {one.true!r}, told {one.told!r}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sessions", type=int, default=2000, help="how many, of all kinds in turn")
    arguments.add_argument("--seed", type=int, default=1, help="the same seed gives the same sessions")
    arguments.add_argument("--kind", action="append", choices=sorted(KINDS), help="only this kind; may be repeated")
    given = arguments.parse_args()
    tally = campaign(given.seed, given.sessions, given.kind or KINDS)
    show(tally)
    sys.exit(1 if tally.disagreements else 0)


if __name__ == "__main__":
    main()
