"""`calltape run`: scenarios driven, recorded, folded and judged, for a person at a terminal or for cron."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from importlib.resources import as_file, files
from pathlib import Path

import msgspec

from calltape.settings import RunSettings
from ingest import journal
from ingest.driver import Driver, Outcome
from ingest.driver_line import Target
from ingest.journal import Journal, JournalReader, JournalTaken
from ingest.recording import Recorder
from ingest.scenario import Scenario, ScenarioUnreadable, load
from ingest.upstream import Upstream, UpstreamUnusable
from pipeline.domain.fold import SessionState, step
from pipeline.price_lists import default_rules
from pipeline.verdicts import SessionRows, Verdict, judge, judge_latencies

Say = Callable[[str], None]

RUNS_MAX = 64
"""Runs that may write one data directory at the same moment: each needs a folder of its own in the journal."""


class NotPossible(Exception):
    """The scenarios can't be run; the message says why and what to do."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one scenario. With `--format json` one object a line."""

    scenario: str
    passed: bool
    sessions: int
    turns: int
    billed_usd: float
    seconds: float
    """Of the longest session."""
    verdicts: list[Verdict]
    problems: list[str]
    session_ids: list[str]


def built_in() -> dict[str, Path]:
    """The scenarios that come with Calltape, by name."""
    folder = Path(str(files("ingest") / "scenarios"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def chosen(settings: RunSettings) -> list[Scenario]:
    """The scenarios that were asked for. Raises NotPossible."""
    known = built_in()
    wanted = list(known) if settings.all else settings.scenarios
    if not wanted:
        raise NotPossible(f"which scenario? A file, or one of: {', '.join(known)}; --all runs all of these")
    found = []
    for name in wanted:
        path = known.get(name, Path(name))
        if not path.exists():
            raise NotPossible(f"there is no scenario {name!r}: it is no file, and none of {', '.join(known)}")
        try:
            found.append(_overridden(load(path), settings))
        except ScenarioUnreadable as fault:
            raise NotPossible(str(fault)) from fault
    return found


def _overridden(scenario: Scenario, settings: RunSettings) -> Scenario:
    changes: dict[str, object] = {}
    if settings.parallel:
        changes["parallel"] = settings.parallel
    if settings.ramp_seconds is not None:
        changes["ramp_s"] = settings.ramp_seconds
    if settings.model and scenario.kind == "realtime":
        changes["model"] = settings.model
    return msgspec.structs.replace(scenario, **changes)


def run(settings: RunSettings, say: Say) -> int:
    """Run the scenarios one after another; 0 where all of them brought what was expected. Raises NotPossible."""
    scenarios = chosen(settings)
    return asyncio.run(_run(scenarios, settings, say))


async def _run(scenarios: Sequence[Scenario], settings: RunSettings, say: Say) -> int:
    tell: Say = (lambda _: None) if settings.format == "json" else say
    reports = []
    async with _target(settings) as target:
        for scenario in scenarios:
            tell(f"{scenario.name}: {scenario.about or scenario.kind}")
            report = await _one(scenario, target, settings.data_dir, tell)
            say(msgspec.json.encode(report).decode()) if settings.format == "json" else _show(report, say)
            reports.append(report)
    passed = sum(report.passed for report in reports)
    tell(f"{passed} of {len(reports)} scenarios passed")
    return 0 if passed == len(reports) else 1


async def _one(scenario: Scenario, target: Target, data_dir: Path, tell: Say) -> Report:
    log = _journal(data_dir / "journal")
    begin = journal.end(log.folder)
    recorder = Recorder(log)
    try:
        with as_file(files("simulator") / "speech") as speech:
            outcomes = await Driver(scenario, target, recorder, [speech]).drive(_progress(scenario, tell))
    finally:
        await asyncio.to_thread(recorder.close)
    rows = await asyncio.to_thread(_rows, log.folder, begin, [outcome.session_id for outcome in outcomes])
    return _report(scenario, outcomes, rows)


def _journal(directory: Path) -> Journal:
    """A folder of its own, for a run beside others. What is unread is kept, and until the run is judged, all of it."""
    for number in range(1, RUNS_MAX + 1):
        with contextlib.suppress(JournalTaken):
            return Journal.open(directory, f"driver-{number}", keep_bytes=1 << 40)
    raise NotPossible(
        f"{RUNS_MAX} runs are writing {directory} already: wait for one, or choose another data directory"
    )


@contextlib.asynccontextmanager
async def _target(settings: RunSettings) -> AsyncIterator[Target]:
    """The API that was asked for, or a simulator that lives as long as the run."""
    if settings.simulate:
        from simulator import server
        from simulator.settings import SimulatorSettings

        async with server.serve(SimulatorSettings(port=0, beta=False)) as simulator:
            yield Target(url=simulator.base_url, headers={"Authorization": "Bearer sk-simulated"})
        return
    key = settings.api_key.get_secret_value() or os.environ.get("OPENAI_API_KEY", "")
    if not key:
        raise NotPossible("there is no key: set OPENAI_API_KEY, or --simulate to run against the built-in simulator")
    try:
        Upstream.of(settings.url)
    except UpstreamUnusable as fault:
        raise NotPossible(str(fault)) from fault
    header = {"api-key": key} if settings.api_key_header == "api-key" else {"Authorization": f"Bearer {key}"}
    yield Target(url=settings.url, headers=header)


def _progress(scenario: Scenario, tell: Say) -> Callable[[int, str], None]:
    """All lines of a session by itself; of many, only what goes wrong would be readable, and that is in the report."""
    if scenario.parallel > 1:
        return lambda _number, _text: None
    return lambda _number, text: tell(f"    {text}")


def _rows(folder: Path, begin: int, session_ids: Iterable[str]) -> dict[str, SessionRows]:
    """What the fold makes of the sessions, read back from the log: nothing is judged that isn't recorded."""
    rules = default_rules()
    rows = {session_id: SessionRows() for session_id in session_ids}
    states: dict[str, SessionState] = {}
    reader = JournalReader(folder, begin)
    try:
        for found in reader.events():
            session_id = found.event.session_id
            if session_id in rows:
                states[session_id], new = step(states.get(session_id, SessionState()), found.event, rules)
                for row in new:
                    rows[session_id].add(row)
    finally:
        reader.close()
    return rows


def _report(scenario: Scenario, outcomes: Sequence[Outcome], rows: dict[str, SessionRows]) -> Report:
    verdicts = list(_verdicts(scenario, outcomes, rows))
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    sessions = [each.session for each in rows.values() if each.session is not None]
    return Report(
        scenario=scenario.name,
        passed=not problems and all(verdict.held for verdict in verdicts),
        sessions=len(outcomes),
        turns=sum(session.turns for session in sessions),
        billed_usd=sum(session.billed_usd_nanos for session in sessions) / 1e9,
        seconds=max((outcome.seconds for outcome in outcomes), default=0.0),
        verdicts=verdicts,
        problems=problems,
        session_ids=[outcome.session_id for outcome in outcomes],
    )


def _verdicts(scenario: Scenario, outcomes: Sequence[Outcome], rows: dict[str, SessionRows]) -> Iterator[Verdict]:
    """Of one session every verdict; of many those that failed, each with its session, and how many held all."""
    if len(outcomes) == 1:
        yield from judge(scenario.expect, rows[outcomes[0].session_id])
    else:
        good = 0
        for outcome in outcomes:
            failed = [each for each in judge(scenario.expect, rows[outcome.session_id]) if not each.held]
            good += not failed and not outcome.problems
            for each in failed:
                yield msgspec.structs.replace(each, found=f"{each.found} (session {outcome.session_id})")
        found = f"{good} of {len(outcomes)}"
        yield Verdict(expected="all sessions went well", held=good == len(outcomes), found=found)
    yield from judge_latencies(scenario.expect, rows.values())


def _show(report: Report, say: Say) -> None:
    for problem in dict.fromkeys(report.problems):
        say(f"  FAIL  {problem}")
    for verdict in report.verdicts:
        say(f"  {'ok  ' if verdict.held else 'FAIL'}  {verdict.expected}: {verdict.found}")
    say(
        f"{'PASS' if report.passed else 'FAIL'}  {report.scenario}: {_many(report.sessions, 'session')},"
        f" {_many(report.turns, 'turn')},"
        f" {report.seconds:.1f} s, billed ${report.billed_usd:.4f}"
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
