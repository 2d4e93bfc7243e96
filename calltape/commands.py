"""What each command is: its summary, its settings and what it does.

A program is imported only when it is asked for: `calltape sql` must not wait for Streamlit.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import BaseModel

from calltape.settings import DoctorSettings, RunSettings, SqlSettings, UpSettings

if TYPE_CHECKING:
    from dashboard.settings import DashboardSettings
    from ingest.settings import IngestSettings
    from pipeline.settings import PipelineSettings, RebuildSettings
    from simulator.settings import SimulatorSettings

MADE_UP_KEY = "sk-simulated"
"""What the try-out calls with where there is no key: the simulator takes any."""


class UserMistake(Exception):
    """Something that the user can mend; the message says how. Shown without a stack trace."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command, with its imports held back."""

    summary: str
    settings: Callable[[], type[BaseModel]]
    run: Callable[[Any], int | None]


def _say(text: str) -> None:
    print(text, flush=True)


def _ingest_settings() -> type[BaseModel]:
    from ingest.settings import IngestSettings

    return IngestSettings


def _ingest(settings: "IngestSettings") -> None:
    from ingest import worker
    from ingest.journal_writer import JournalUnusable
    from ingest.listening import PortTaken, PortUnusable

    try:
        worker.run(settings, lambda url: _say(f"relay: {url}  ->  {settings.upstream}"))
    except (JournalUnusable, PortTaken, PortUnusable) as fault:
        raise UserMistake(str(fault)) from fault


def _pipeline_settings() -> type[BaseModel]:
    from pipeline.settings import PipelineSettings

    return PipelineSettings


def _pipeline(settings: "PipelineSettings") -> None:
    from pipeline import runner
    from pipeline.dataset_writer import DatasetInUse

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        runner.run(settings, lambda dataset: _say(f"pipeline: {dataset}"), stop)
    except DatasetInUse as fault:
        raise UserMistake(str(fault)) from fault


def _rebuild_settings() -> type[BaseModel]:
    from pipeline.settings import RebuildSettings

    return RebuildSettings


def _rebuild(settings: "RebuildSettings") -> int:
    from rich.console import Console
    from rich.progress import Progress as Bar

    from pipeline import rebuild, runner
    from pipeline.dataset_writer import DatasetInUse

    if not (settings.data_dir / "dataset").is_dir():
        raise UserMistake(f"{settings.data_dir / 'dataset'}: there is no dataset; --data-dir says where to look")
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("sessions", total=None)
        try:
            done = rebuild.rebuild(
                settings.data_dir,
                runner.default_step(),
                lambda now: bar.update(task, completed=now.sessions, total=now.sessions_total),
            )
        except DatasetInUse as fault:
            raise UserMistake(str(fault)) from fault
    _say(f"rebuilt from {done.events:,} events of {done.sessions:,} sessions, {done.failed:,} failed")
    return 1 if done.failed else 0


def _dashboard_settings() -> type[BaseModel]:
    from dashboard.settings import DashboardSettings

    return DashboardSettings


def _dashboard(settings: "DashboardSettings") -> None:
    from dashboard.run import CannotServe, run

    try:
        run(settings)
    except CannotServe as fault:
        raise UserMistake(str(fault)) from fault


def _simulator_settings() -> type[BaseModel]:
    from simulator.settings import SimulatorSettings

    return SimulatorSettings


def _simulate(settings: "SimulatorSettings") -> None:
    try:
        from simulator import server
        from simulator.scenario import ScenarioUnreadable
    except ImportError as missing:
        raise UserMistake(f"{missing.name} is missing: pip install 'calltape[tryout]'") from missing
    try:
        server.run(settings)
    except (ScenarioUnreadable, OSError) as fault:
        raise UserMistake(str(fault)) from fault


def _run(settings: RunSettings) -> int:
    from calltape import tryout

    key = settings.api_key.get_secret_value() or os.environ.get("OPENAI_API_KEY", MADE_UP_KEY)
    try:
        calls = tryout.load_calls(settings.calls)
        outcomes = asyncio.run(tryout.hold(settings.url, key, calls, _say))
    except tryout.NotPossible as fault:
        raise UserMistake(str(fault)) from fault
    return tryout.report(outcomes, _say)


def _sql(settings: SqlSettings) -> int:
    from pipeline import sql

    dataset = settings.data_dir / "dataset"
    try:
        if settings.statement:
            sql.ask(dataset, settings.statement, settings.format, sys.stdout)
        else:
            sql.prompt(dataset)
    except sql.SqlRefused as fault:
        raise UserMistake(str(fault)) from fault
    return 0


def _doctor(settings: DoctorSettings) -> int:
    from calltape import doctor

    return doctor.run(settings)


def _up(settings: UpSettings) -> int:
    from calltape import together

    return together.run(settings, _say)


COMMANDS: dict[str, Command] = {
    "up": Command(
        summary="recorder, pipeline and dashboard on this machine; --tryout shows them at work",
        settings=lambda: UpSettings,
        run=_up,
    ),
    "ingest": Command(summary="the recorder: relay and journal", settings=_ingest_settings, run=_ingest),
    "pipeline": Command(summary="fold the journal into the dataset", settings=_pipeline_settings, run=_pipeline),
    "dashboard": Command(summary="the pages", settings=_dashboard_settings, run=_dashboard),
    "simulate": Command(summary="a stand-in for the Realtime API", settings=_simulator_settings, run=_simulate),
    "run": Command(summary="hold calls with the openai SDK as client", settings=lambda: RunSettings, run=_run),
    "sql": Command(summary="ask the dataset", settings=lambda: SqlSettings, run=_sql),
    "rebuild": Command(
        summary="compute all tables anew from the archived events", settings=_rebuild_settings, run=_rebuild
    ),
    "doctor": Command(summary="what would keep this from working here", settings=lambda: DoctorSettings, run=_doctor),
}
