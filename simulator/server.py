"""The socket edge of the simulator: WebSockets in, sessions behind. Decides nothing."""

import asyncio
import itertools
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

import msgspec
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response as HttpResponse
from websockets.typing import Subprotocol

from simulator.exchange import Exchange
from simulator.front import Front
from simulator.handshake import SUBPROTOCOL, Refused, Request, admit, call_id_of, is_realtime, key_of
from simulator.line import Chance, Close, Note, Send
from simulator.scenario import Scenario, load
from simulator.session import Opening, Session
from simulator.settings import SimulatorSettings
from simulator.translating import Translation
from simulator.truth import TruthLog

LARGEST_MESSAGE = 24 * 1024 * 1024
"""15 MiB of audio in base64, and its event around it."""
NS = 1_000_000_000


class Simulator:
    """A running simulator."""

    def __init__(self, server: Server, host: str) -> None:
        self._server = server
        self.port: int = next(iter(server.sockets)).getsockname()[1]
        self.base_url = f"ws://{host}:{self.port}/v1"
        """What a client takes as `websocket_base_url`."""
        self.url = f"{self.base_url}/realtime"


class _Service:
    """What all sessions of one simulator share."""

    def __init__(self, settings: SimulatorSettings, scenario: Scenario, truth: TruthLog) -> None:
        self._settings = settings
        self._scenario = scenario
        self._truth = truth
        self._numbers: Iterator[int] = itertools.count()
        self.exchange = Exchange(settings, self._open, lambda: next(self._numbers), truth)

    async def talk(self, socket: ServerConnection) -> None:
        """Hold one session to its end."""
        request = _request_of(socket)
        call_id = call_id_of(request.path)
        refused = self.exchange.refused(key_of(request)) if call_id else None
        decision = refused or admit(request, beta_allowed=self._settings.beta)
        number = next(self._numbers)
        if call_id and refused is None:
            await self.exchange.attach(socket, call_id)
            return
        if isinstance(decision, Refused):
            await self._refuse(socket, decision, number)
            return
        opening = Opening(
            kind=decision.kind,
            model=decision.model,
            beta=decision.beta,
            number=number,
            now_ns=time.monotonic_ns(),
            unix_seconds=int(time.time()),
        )
        session = self._open_translation(opening) if decision.kind == "translation" else self._open(opening)
        try:
            await self._run(socket, session)
        except ConnectionClosed:
            pass
        finally:
            ended = {"code": socket.close_code, "reason": socket.close_reason, **session.totals()}
            self._truth.write(session.id, "session_closed", ended)

    def _open(self, opening: Opening) -> Session:
        told = self._settings
        minutes = told.session_minutes
        return Session(opening, self._scenario, seed=told.seed, session_minutes=minutes, speed=told.speed)

    def _open_translation(self, opening: Opening) -> Translation:
        told = self._settings
        minutes = told.session_minutes
        return Translation(opening, self._scenario, seed=told.seed, session_minutes=minutes, speed=told.speed)

    def answer_http(self, socket: ServerConnection, request: HttpRequest) -> HttpResponse | None:
        """The answer to what becomes no WebSocket; None for what does."""
        if not is_realtime(request.path):
            return socket.respond(HTTPStatus.NOT_FOUND, "there is nothing here to GET but the Realtime API\n")
        call_id = call_id_of(request.path)
        return self.exchange.refusal(socket, call_id) if call_id else None

    async def _run(self, socket: ServerConnection, session: Session | Translation) -> None:
        """Alternate between what arrives and what is due, until one side closes."""
        while await self._perform(socket, session):
            message = await _receive(socket, session.next_ns)
            if message is None:
                session.wake(time.monotonic_ns())
            else:
                session.receive(message, time.monotonic_ns())

    async def _perform(self, socket: ServerConnection, session: Session | Translation) -> bool:
        """Do what the session decided. False: it is over."""
        for action in session.take():
            match action:
                case Send(event):
                    await socket.send(msgspec.json.encode(event), text=True)
                case Note(what, fields):
                    self._truth.write(session.id, what, fields)
                case Close(code, reason):
                    await socket.close(code, reason)
                    return False
        return True

    async def _refuse(self, socket: ServerConnection, refused: Refused, number: int) -> None:
        error = {
            "type": refused.kind,
            "code": refused.code,
            "message": refused.message,
            "param": None,
            "event_id": None,
        }
        event_id = Chance(self._settings.seed, number).id("event")
        event = {"type": "error", "event_id": event_id, "error": error}
        try:
            await socket.send(msgspec.json.encode(event), text=True)
            await socket.close(refused.close_code, refused.close_reason)
        except ConnectionClosed:
            pass
        self._truth.write("", "refused", {"code": refused.code, "close_code": refused.close_code})


async def _receive(socket: ServerConnection, due_ns: int | None) -> str | bytes | None:
    """The next message, or None when something is due first."""
    if due_ns is None:
        return await socket.recv()
    # Even a wait of no time looks at what has arrived: a session that is busy sending still listens.
    wait = max((due_ns - time.monotonic_ns()) / NS, 0)
    try:
        async with asyncio.timeout(wait):
            return await socket.recv()
    except TimeoutError:
        return None


def _request_of(socket: ServerConnection) -> Request:
    assert socket.request is not None, "the handshake is over"
    headers = {name.lower(): value for name, value in socket.request.headers.raw_items()}
    offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",") if name.strip()]
    return Request(path=socket.request.path, headers=headers, subprotocols=offered)


def _choose_subprotocol(_socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None


@asynccontextmanager
async def serve(settings: SimulatorSettings | None = None) -> AsyncIterator[Simulator]:
    """A simulator that runs while the context lasts. Raises ScenarioUnreadable or OSError before it listens."""
    settings = settings or SimulatorSettings(port=0)
    service = _Service(settings, load(settings.scenario), truth := TruthLog(settings.truth))
    try:
        async with serve_websockets(
            service.talk,
            settings.host,
            settings.port,
            process_request=service.answer_http,
            select_subprotocol=_choose_subprotocol,
            compression="deflate" if settings.deflate else None,
            max_size=LARGEST_MESSAGE,
            ping_interval=settings.ping_seconds,
            ping_timeout=settings.ping_seconds,
            server_header=None,
            create_connection=partial(Front, respond=service.exchange.respond),  # type: ignore[arg-type] # any factory
        ) as server:
            yield Simulator(server, settings.host)
            await service.exchange.close()
    finally:
        truth.close()


async def serve_until_stopped(settings: SimulatorSettings, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` gets the base URL."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with serve(settings) as simulator:
        ready(simulator.base_url)
        await stopped.wait()


def run(settings: SimulatorSettings) -> None:
    """Serve, say where, and return when told to stop."""
    asyncio.run(serve_until_stopped(settings, lambda url: print(f"simulator: {url}", flush=True)))
