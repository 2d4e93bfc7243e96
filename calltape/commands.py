"""What each command is: its summary, its settings and what it does.

A program is imported only when it is asked for: `calltape sql` must not wait for Streamlit.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import BaseModel

from calltape.mistakes import UserMistake
from calltape.settings import (
    CallSettings,
    DoctorSettings,
    ExplainSettings,
    ImportSettings,
    RunSettings,
    SqlSettings,
    TopicsSettings,
    UpSettings,
)

if TYPE_CHECKING:
    from dashboard.settings import DashboardSettings
    from ingest.settings import IngestSettings
    from pipeline.publish_settings import PublishPlace
    from pipeline.settings import PipelineSettings, RebuildSettings, RepriceSettings
    from pipeline.sink_settings import SinkSettings
    from pipeline.worker_settings import WorkerSettings
    from simulator.settings import SimulatorSettings

MADE_UP_KEY = "sk-simulated"
"""What the try-out calls with where there is no key: the simulator takes any."""


COULD_NOT_RUN = 2
"""How `run` ends where it judged nothing: a monitor must not take that for an API that failed."""


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
    from calltape import distributed, spending
    from ingest import worker
    from ingest.journal_writer import JournalUnusable
    from ingest.listening import PortTaken, PortUnusable

    try:
        with distributed.publishing(settings):
            worker.run(settings, lambda url: _say(f"relay: {url}  ->  {settings.upstream}"), spending.metered)
    except (JournalUnusable, PortTaken, PortUnusable) as fault:
        raise UserMistake(str(fault)) from fault


def _pipeline_settings() -> type[BaseModel]:
    from pipeline.settings import PipelineSettings

    return PipelineSettings


def _pipeline(settings: "PipelineSettings") -> None:
    from calltape import distributed
    from pipeline import runner
    from pipeline.dataset_writer import DatasetInUse
    from pipeline.price_lists import PriceListUnreadable

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if settings.kafka:
        distributed.fold_and_sink(settings, stop, _say)
        return
    try:
        runner.run(settings, lambda dataset: _say(f"pipeline: {dataset}"), stop)
    except (DatasetInUse, PriceListUnreadable) as fault:
        raise UserMistake(str(fault)) from fault


def _rebuild_settings() -> type[BaseModel]:
    from pipeline.settings import RebuildSettings

    return RebuildSettings


def _rebuild(settings: "RebuildSettings") -> int:
    from calltape import again

    return again.rebuild(settings)


def _reprice_settings() -> type[BaseModel]:
    from pipeline.settings import RepriceSettings

    return RepriceSettings


def _reprice(settings: "RepriceSettings") -> int:
    from calltape import again

    return again.reprice(settings)


def _dashboard_settings() -> type[BaseModel]:
    from dashboard.settings import DashboardSettings

    return DashboardSettings


def _dashboard(settings: "DashboardSettings") -> None:
    from dashboard.run import CannotServe, run
    from dashboard.sign_in_cookie import SecretUnreadable
    from pipeline.price_lists import PriceListUnreadable

    try:
        run(settings)
    except (CannotServe, PriceListUnreadable, SecretUnreadable) as fault:
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
    from calltape import driving
    from ingest.journal import JournalUnusable

    try:
        return driving.run(settings, _say)
    except (driving.NotPossible, JournalUnusable) as fault:
        raise UserMistake(str(fault), exit_code=COULD_NOT_RUN) from fault


def _call(settings: CallSettings) -> int:
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
    from pipeline.dataset import DatasetUnreadable

    if isinstance(settings.place, Path) and not settings.place.is_dir():
        print(
            f"note: {settings.place} is not there (yet), all tables are empty; --data-dir says where to look",
            file=sys.stderr,
        )
    try:
        if settings.statement:
            sql.ask(settings.place, settings.statement, settings.format, sys.stdout)
        else:
            sql.prompt(settings.place)
    except (sql.SqlRefused, DatasetUnreadable, OSError) as fault:
        raise UserMistake(str(fault)) from fault
    return 0


def _explain(settings: ExplainSettings) -> int:
    from calltape import again

    return again.explain(settings)


def _import(settings: ImportSettings) -> int:
    from calltape import importing

    return importing.run(settings)


def _doctor(settings: DoctorSettings) -> int:
    from calltape import doctor

    return doctor.run(settings)


def _topics(settings: TopicsSettings) -> int:
    from calltape import distributed

    return distributed.look_after_topics(settings, _say)


def _publish_settings() -> type[BaseModel]:
    from pipeline.publish_settings import PublishPlace

    return PublishPlace


def _publish(settings: "PublishPlace") -> int:
    from calltape import distributed

    return distributed.publish(settings, _say)


def _worker_settings() -> type[BaseModel]:
    from pipeline.worker_settings import WorkerSettings

    return WorkerSettings


def _worker(settings: "WorkerSettings") -> None:
    from calltape import distributed

    distributed.work(settings, _say)


def _sink_settings() -> type[BaseModel]:
    from pipeline.sink_settings import SinkSettings

    return SinkSettings


def _sink(settings: "SinkSettings") -> None:
    from calltape import distributed

    distributed.sink(settings, _say)


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
    "run": Command(summary="run sessions from scenario files and judge them", settings=lambda: RunSettings, run=_run),
    "call": Command(
        summary="call through the recorder with the openai SDK as client", settings=lambda: CallSettings, run=_call
    ),
    "import": Command(
        summary="sessions that were recorded elsewhere, or exported here", settings=lambda: ImportSettings, run=_import
    ),
    "sql": Command(summary="ask the dataset", settings=lambda: SqlSettings, run=_sql),
    "explain": Command(
        summary="how a turn's, an interruption's or a cost's numbers came about",
        settings=lambda: ExplainSettings,
        run=_explain,
    ),
    "rebuild": Command(
        summary="compute all tables anew from the archived events", settings=_rebuild_settings, run=_rebuild
    ),
    "reprice": Command(
        summary="compute costs, minutes and totals anew with other prices", settings=_reprice_settings, run=_reprice
    ),
    "topics": Command(summary="Kafka: make or check its topics", settings=lambda: TopicsSettings, run=_topics),
    "publish": Command(summary="Kafka: send what was recorded", settings=_publish_settings, run=_publish),
    "worker": Command(summary="Kafka: fold signals into facts (Faust)", settings=_worker_settings, run=_worker),
    "sink": Command(summary="Kafka: write events and facts into the dataset", settings=_sink_settings, run=_sink),
    "doctor": Command(summary="what would keep this from working here", settings=lambda: DoctorSettings, run=_doctor),
}
