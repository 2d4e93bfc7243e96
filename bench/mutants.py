"""Do the tests notice when the fold is wrong? A seeded sample of mutants of `pipeline/domain`, each run against them.

    uv run --with mutmut python bench/mutants.py [--sample 600] [--seed 1] [--minutes 30]

The mutants are mutmut's, all that its operators find; the runs are our own, because mutmut can't see mutants of code
that runs at import (the readers of `protocol`), and knows nothing of the generated truth. For each mutant a process is
forked that has pytest loaded and ours not: it runs the module's own tests, then 32 sessions of known truth, then all of
tests/pipeline/domain but the laws, with the page of the tables, and stops at the first that fails. Survivors are
printed with what was changed. The sample is drawn evenly over all files in proportion to their mutants. Where the
minutes are over first, what was run until then is still a random sample, since the order is drawn as well.

A busy machine kills no mutant: the limit is on the time that the process computes, the properties have no deadline, and
what ran into the limit is printed and counted apart. The properties take the same examples in each run. The tests are
read anew for each mutant, so leave the tree alone while it runs.
"""

import argparse
import contextlib
import difflib
import importlib.machinery
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import pytest
from mutmut.mutation.file_mutation import create_mutations, deep_replace

ROOT = Path(__file__).parent.parent
DOMAIN = ROOT / "pipeline" / "domain"
TESTS = ROOT / "tests" / "pipeline" / "domain"
PAGES = str(TESTS.parent / "test_pages.py")
PATIENCE = 5
"""A mutant that computes this many times as long as the fold unchanged runs for ever."""
MEMORY_MAX = 4 << 30
# Loaded before the fork, modules can't be rewritten any more; that is what pytest would warn of, and stop at.
LOADED = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
QUIETLY = ("-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-o", "timeout=0", *LOADED)
# The first is asked of any log and takes long; the second starts a process that would not know the mutant.
LEFT_OUT = ("--deselect=tests/pipeline/domain/test_laws.py", "-k", "not loads_nothing_that_does_io")


class Verdict(IntEnum):
    """What became of a mutant; the exit code of its process."""

    SURVIVED = 0
    OWN_TESTS = 11
    KNOWN_TRUTH = 12
    ALL_TESTS = 13
    RAN_ON = 14
    """It computed longer than it may, and nobody can say whether anything would have noticed."""


KILLED = (Verdict.OWN_TESTS, Verdict.KNOWN_TRUTH, Verdict.ALL_TESTS)


class Mutant(NamedTuple):
    path: Path
    number: int
    module: Any
    mutation: Any

    def source(self) -> str:
        return str(deep_replace(self.module, self.mutation.original_node, self.mutation.mutated_node).code)


class Run(NamedTuple):
    verdict: Verdict
    computed_s: float


def mutants(path: Path) -> Sequence[Mutant]:
    """Those of a file, as mutmut makes them."""
    module, mutations, *_ = create_mutations(str(path), path.read_text(encoding="utf-8"))
    return [Mutant(path, number, module, mutation) for number, mutation in enumerate(mutations)]


def sample(of: dict[Path, Sequence[Mutant]], size: int, chance: random.Random) -> list[Mutant]:
    whole = sum(map(len, of.values()))
    drawn = [one for mine in of.values() for one in chance.sample(mine, min(len(mine), -(-size * len(mine) // whole)))]
    chance.shuffle(drawn)
    return drawn


# --- one of them


def run(path: Path, source: str, limit_s: int) -> Run:
    """The fold with this in place of that file, held against the tests in a process of its own."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
        os._exit(_verdict(path, source))
    _, status, used = os.wait4(child, 0)
    code, computed_s = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
    if code in {-signal.SIGXCPU, -signal.SIGKILL}:
        return Run(Verdict.RAN_ON, computed_s)
    return Run(Verdict(code), computed_s)


def _verdict(path: Path, source: str) -> Verdict:
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    _put_in_place(path, source)
    own = [str(one) for one in TESTS.glob(f"test_{path.stem.split('_')[0]}*.py")]
    if own and _fails(own):
        return Verdict.OWN_TESTS
    if _disagrees():
        return Verdict.KNOWN_TRUTH
    others = [*(f"--ignore={one}" for one in own), str(TESTS), PAGES]
    return Verdict.ALL_TESTS if _fails(others) else Verdict.SURVIVED


def _put_in_place(path: Path, source: str) -> None:
    read = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: Any, fullname: str) -> Any:
        if Path(self.path) == path:
            return compile(source, str(path), "exec", dont_inherit=True)
        return read(self, fullname)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]


def _fails(arguments: Sequence[str]) -> bool:
    """Nothing to run is no failure."""
    return pytest.main([*QUIETLY, *LEFT_OUT, *arguments]) not in {
        pytest.ExitCode.OK,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    }


def _disagrees() -> bool:
    try:
        from pipeline.price_lists import default_rules  # noqa: PLC0415  # only now may ours be loaded
        from tests.truth.judge import Tally, compare  # noqa: PLC0415
        from tests.truth.plans import plans  # noqa: PLC0415
        from tests.truth.session import generate  # noqa: PLC0415

        tally, rules = Tally(), default_rules()
        for plan in plans(1, 32):
            compare(generate(plan), rules, tally)
            if tally.disagreements:
                return True
    except Exception:  # noqa: BLE001  # whatever it is, it was noticed
        return True
    return False


# --- all of them


def changed(mutant: Mutant, source: str) -> str:
    """Where and what: `turns.py:12 -old +new`."""
    before = mutant.path.read_text(encoding="utf-8").splitlines()
    lines = list(difflib.unified_diff(before, source.splitlines(), lineterm="", n=0))[2:]
    at = lines[0].split()[1].lstrip("-").partition(",")[0] if lines else "?"
    return f"{mutant.path.name}:{at} " + " ".join(line for line in lines if line[:1] in "+-")


def load_theirs() -> None:
    """All that the tests load of others is loaded once, before the forks; of ours nothing stays."""
    ours = {path.stem for path in ROOT.iterdir()}
    with Path(os.devnull).open("w", encoding="utf-8") as silent, contextlib.redirect_stdout(silent):
        pytest.main([*QUIETLY, "--collect-only", str(TESTS), PAGES])
    for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
        del sys.modules[name]


def unhurried() -> None:
    """Properties whose outcome is no matter of chance or of how busy the machine is. What fails is not made smaller."""
    hypothesis.settings.register_profile(
        "mutants",
        derandomize=True,
        deadline=None,
        database=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutants")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sample", type=int, default=600, help="how many mutants")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--minutes", type=float, default=30, help="begin no other after this")
    given = arguments.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    unhurried()
    load_theirs()
    of = {path: mutants(path) for path in sorted(DOMAIN.rglob("*.py"))}
    drawn = sample(of, given.sample, random.Random(given.seed))
    print(f"{sum(map(len, of.values()))} mutants in {len(of)} files, {len(drawn)} drawn", flush=True)
    control = run(drawn[0].path, drawn[0].path.read_text(encoding="utf-8"), 3600)
    if control.verdict != Verdict.SURVIVED:
        sys.exit("the tests fail without any mutant: nothing can be told by them")
    limit_s = max(60, round(PATIENCE * control.computed_s))
    print(f"unchanged, the fold takes {control.computed_s:.0f} s; a mutant may take {limit_s} s", flush=True)
    until, found = time.monotonic() + 60 * given.minutes, Counter[tuple[str, Verdict]]()
    for mutant in drawn:
        if time.monotonic() > until:
            break
        source = mutant.source()
        verdict = run(mutant.path, source, limit_s).verdict
        found[mutant.path.name, verdict] += 1
        if verdict not in KILLED:
            print(f"{verdict.name.lower()}: {changed(mutant, source)}", flush=True)
        if found.total() % 20 == 0:
            print(f"{found.total()} run, {_count(found, Verdict.SURVIVED)} survived", flush=True)
    summarise(found)


def _count(found: Counter[tuple[str, Verdict]], *verdicts: Verdict, name: str | None = None) -> int:
    return sum(count for (of, verdict), count in found.items() if verdict in verdicts and name in {None, of})


def summarise(found: Counter[tuple[str, Verdict]]) -> None:
    for name in sorted({name for name, _ in found}):
        print(f"{name:28}{_count(found, *Verdict, name=name):5} run{_count(found, *KILLED, name=name):5} killed")
    for verdict in Verdict:
        print(f"{verdict.name.lower():28}{_count(found, verdict):5}")
    killed = _count(found, *KILLED)
    print(f"{found.total()} run, {killed} killed: {killed / max(found.total(), 1):.1%}")


if __name__ == "__main__":
    main()
