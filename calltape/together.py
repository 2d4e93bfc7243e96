"""`calltape up`: the programs side by side on this machine, and with --tryout calls through them."""

import asyncio
import contextlib
import io
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from calltape import tryout
from calltape.commands import MADE_UP_KEY
from calltape.companions import kafka_flags, kafka_secrets, place_environment
from calltape.mistakes import UserMistake
from calltape.settings import UpSettings
from calltape.up import NotStarted, Program, free_port, port_open, running

if TYPE_CHECKING:
    from pipeline.dataset_store import Where
    from simulator.holding import CallOutcome

Say = Callable[[str], None]
OPENAI = "wss://api.openai.com"
ROWS_WITHIN_S = 30.0
"""How long the rows of the calls may take to be on the screen before we say that something is wrong."""


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is."""

    relay: str
    dashboard: str
    upstream: str
    simulated: bool


def run(settings: UpSettings, say: Say) -> int:
    """Serve until Ctrl-C or SIGTERM, or with `once` until the try-out is over. The exit code."""
    calls = tryout.load_calls(settings.calls) if settings.tryout else ()
    try:
        return asyncio.run(_run(settings, calls, say))
    except (NotStarted, tryout.NotPossible) as fault:
        raise UserMistake(str(fault)) from fault


async def _run(settings: UpSettings, calls: Sequence[object], say: Say) -> int:
    addresses, programs = _programs(settings)
    began = time.monotonic()
    async with _until_told() as (told, hurry), running(programs, hurry, say):
        say(_welcome(addresses, settings, time.monotonic() - began))
        code = 0
        if settings.tryout:
            trying = asyncio.ensure_future(_try(settings, addresses, calls, say))
            await asyncio.wait(_futures(trying, told), return_when=asyncio.FIRST_COMPLETED)
            code = trying.result() if trying.done() else await _given_up(trying)
        if not (settings.tryout and settings.once):
            await told
        say("stopping; calls in progress may go on for a while (Ctrl-C cuts them off)")
    return code


def _futures(*futures: "asyncio.Future[Any]") -> "list[asyncio.Future[Any]]":
    return list(futures)


async def _given_up(trying: "asyncio.Future[int]") -> int:
    trying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await trying
    return 0


@contextlib.asynccontextmanager
async def _until_told() -> AsyncIterator[tuple["asyncio.Future[None]", asyncio.Event]]:
    """A future that is done once somebody asks us to stop, and what is set when they ask again."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[None] = loop.create_future()
    hurry = asyncio.Event()

    def asked() -> None:
        if told.done():
            hurry.set()
        else:
            told.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    try:
        yield told, hurry
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _programs(settings: UpSettings) -> tuple[Addresses, list[Program]]:
    """The programs in the order of the flow, and where they will be."""
    host, data = settings.host, ["--data-dir", str(settings.data_dir)]
    kafka = kafka_flags(settings) if settings.kafka else []
    ingest, dashboard = free_port(settings.ingest_port, host), free_port(settings.dashboard_port, host)
    simulated = settings.tryout and not settings.upstream
    simulate = free_port(settings.simulate_port, "127.0.0.1") if simulated else 0
    upstream = f"ws://127.0.0.1:{simulate}" if simulated else settings.upstream
    relay_url = f"ws://{_reachable(host)}:{ingest}/v1"
    began = datetime.now(UTC)

    def program(name: str, arguments: Sequence[str], ready: Callable[[], bool]) -> Program:
        return Program(
            name=name,
            arguments=arguments,
            environment=kafka_secrets(settings) | place_environment(settings),
            log=settings.data_dir / "logs" / f"{name}.log",
            ready=ready,
        )

    programs = [
        program(
            "ingest",
            [*data, *kafka, "--host", host, "--port", str(ingest), *(["--upstream", upstream] if upstream else [])],
            lambda: port_open(_reachable(host), ingest),
        ),
        program("pipeline", [*data, *kafka], lambda: _is_written(settings.place, began)),
        program(
            "dashboard",
            [*data, "--host", host, "--port", str(dashboard), "--relay-url", relay_url],
            lambda: port_open(_reachable(host), dashboard),
        ),
    ]
    if simulated:
        arguments = ["--port", str(simulate), "--truth", str(settings.data_dir / "truth.jsonl")]
        programs.append(program("simulate", arguments, lambda: port_open("127.0.0.1", simulate)))
    return Addresses(
        relay=relay_url,
        dashboard=f"http://{_reachable(host)}:{dashboard}",
        upstream=upstream or OPENAI,
        simulated=simulated,
    ), programs


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 -- compared with, not bound


def _welcome(addresses: Addresses, settings: UpSettings, seconds: float) -> str:
    return f"""
Calltape is up ({seconds:.1f} s). Ctrl-C stops it.

  dashboard   {addresses.dashboard}
  relay       {addresses.relay}  ->  {addresses.upstream}{" (simulated)" if addresses.simulated else ""}
  recordings  {settings.data_dir}   (logs in {settings.data_dir / "logs"})

In your own client change one line, and nothing else:

  AsyncOpenAI(websocket_base_url="{addresses.relay}")
"""


async def _try(settings: UpSettings, addresses: Addresses, calls: Sequence[object], say: Say) -> int:
    key = settings.api_key.get_secret_value() or os.environ.get("OPENAI_API_KEY", "")
    if not key and not addresses.simulated:
        raise UserMistake(f"calls to {addresses.upstream} need a key: set OPENAI_API_KEY")
    before = await asyncio.to_thread(_closed_sessions, settings.place)
    say(f"Holding {len(calls)} calls with the openai SDK:")
    outcomes = await tryout.hold(addresses.relay, key or MADE_UP_KEY, calls, say)  # type: ignore[arg-type]
    say("\nWhat the callers saw:")
    code = tryout.report(outcomes, say)
    return max(code, await _rows(settings, outcomes, before, say))


async def _rows(settings: UpSettings, outcomes: "Sequence[CallOutcome]", before: int, say: Say) -> int:
    """Wait for the calls' rows and say what they hold."""
    deadline = time.monotonic() + ROWS_WITHIN_S
    while await asyncio.to_thread(_closed_sessions, settings.place) < before + len(outcomes):
        if time.monotonic() > deadline:
            say(f"The rows of the calls are not there after {ROWS_WITHIN_S:.0f} s; see {settings.data_dir / 'logs'}")
            return 1
        await asyncio.sleep(0.2)
    say("\nWhat the tape says (calltape sql, any time):")
    say(await asyncio.to_thread(_summary, settings.place))
    return 0


def _is_written(place: "Where", since: datetime) -> bool:
    from pipeline.status import read_status

    status = read_status(place)
    return status is not None and status.at >= since


def _closed_sessions(place: "Where") -> int:
    from pipeline.dataset import Reader

    reader = Reader(place)
    try:
        [(count,)] = reader.cursor().sql("select count(*) from sessions where status = 'closed'").fetchall()
    finally:
        reader.close()
    return int(count)


SUMMARY = """
select
    count(*) as sessions,
    count(*) filter (complete) as complete,
    sum(turns)::int as turns,
    sum(interruptions)::int as interruptions,
    sum(tool_calls)::int as tool_calls,
    round(sum(metered_usd_nanos) / 1e9, 4) as metered_usd,
    round(sum(billed_usd_nanos) / 1e9, 4) as billed_usd
from sessions
"""


def _summary(place: "Where") -> str:
    from pipeline import sql

    written = io.StringIO()
    sql.ask(place, SUMMARY, "table", written)
    return f"{written.getvalue().rstrip()}\n{_waits(place)}"


def _waits(place: "Where") -> str:
    """The medians that the overview shows of all calls: turns whose latencies mean different things are not mixed."""
    from dashboard import wording
    from dashboard.queries import latency
    from dashboard.queries.asking import Scope
    from pipeline.dataset import Reader

    reader = Reader(place)
    try:
        found = latency.cohorts(reader.cursor(), Scope(until=datetime.now(UTC)))
    finally:
        reader.close()
    if not found:
        return "No turn has a latency."
    of = found[0]
    return (
        f"Perceived latency p50 {wording.milliseconds(of.perceived_p50_ms)} (n {of.perceived}), "
        f"wire p50 {wording.milliseconds(of.wire_p50_ms)} (n {of.wire}): "
        f"turns of {wording.cohort(of.input_kind, of.speech_ended_by, of.latency_basis)}."
    )
