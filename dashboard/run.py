"""Serves the pages: Streamlit's own server behind our address, port and rules. Blocks until it is told to stop."""

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import uvicorn
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from streamlit import config
from streamlit.starlette import App

from dashboard import palette, shell
from dashboard.calls import Calls
from dashboard.desk import Desk
from dashboard.recordings import Recordings
from dashboard.settings import VARIABLE, DashboardSettings
from dashboard.sign_in import Guard
from dashboard.sign_in_cookie import claims_of, streamlit_secrets
from dashboard.sign_in_return import Returning
from pipeline.dataset import Reader
from pipeline.price_lists import rules_of

SCRIPT: Final = Path(__file__).parent / "app.py"
STOP_WITHIN_S: Final = 2
"""Open pages hold a WebSocket each; they are cut off after so long."""


class CannotServe(Exception):
    """Something else listens where the dashboard should; the message says where, and what to do."""


def _say(url: str) -> None:
    print(f"dashboard: {url}", flush=True)


def run(settings: DashboardSettings, ready: Callable[[str], None] = _say) -> None:
    """Serve the pages until SIGINT or SIGTERM. `ready` is told the address once pages can be opened.

    Raises CannotServe, PriceListUnreadable and SecretUnreadable. One dashboard to a process: Streamlit's
    configuration is the process's.
    """
    rules_of(settings.by_rules)  # pages read the price lists when they are asked; a wrong one is said now
    with listening(settings.host, settings.port) as bound:
        port = int(bound.getsockname()[1])
        configure(settings, port)
        secrets = streamlit_secrets(settings)
        os.environ[VARIABLE] = settings.model_dump_json()
        with _calls(settings) as calls:
            routes = [Route("/healthz", _health(settings)), *shell.routes(), *calls.routes()]
            server = _Server(
                uvicorn.Config(
                    App(SCRIPT, routes=routes, secrets=secrets, middleware=guards(settings)),
                    ws="websockets-sansio",
                    log_level="warning",
                    access_log=False,
                    timeout_graceful_shutdown=STOP_WITHIN_S,
                    lifespan="on",
                ),
                lambda: ready(address(settings.host, port)),
            )
            # Uvicorn stops on Ctrl-C in good order, and then raises it once more for its caller.
            with contextlib.suppress(KeyboardInterrupt):
                server.run(sockets=[bound])


@contextlib.contextmanager
def _calls(settings: DashboardSettings) -> Iterator[Calls]:
    """What is fetched beside the pages. It reads by itself, so that no download takes memory from a page."""
    reader = Reader(settings.place, memory_limit="512MB", threads=2)
    desk = Desk(reader)
    recordings = Recordings(desk, bytes_max=settings.audio_cache_mib << 20)
    try:
        yield Calls(reader, recordings, desk)
    finally:
        recordings.close()
        reader.close()


class _Server(uvicorn.Server):
    """Uvicorn that says when it is ready."""

    def __init__(self, settings: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(settings)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.should_exit:
            self._ready()


def guards(settings: DashboardSettings) -> list[Middleware]:
    """What stands before every route; nothing where there is no sign-in."""
    if not settings.signs_in:
        return []
    return [Middleware(Guard, settings=settings, claims=claims_of, clock=time.time), Middleware(Returning)]


def listening(host: str, port: int) -> socket.socket:
    """A socket that is bound there. Raises CannotServe."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}:
            raise
        raise CannotServe(
            f"can't serve the dashboard on {host}:{port} ({os.strerror(error.errno).lower()}): "
            "stop what listens there, or choose another port"
        ) from error


def address(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # read here, not bound
    name = everywhere.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def configure(settings: DashboardSettings, port: int) -> None:
    """Set Streamlit up, whatever its own configuration files on this machine say."""
    for name, value in {**_RULES, **_THEME}.items():
        config.set_option(name, value)
    config.set_option("server.address", settings.host)
    config.set_option("server.port", port)
    config.set_option("browser.serverAddress", settings.public_host or settings.host)
    if settings.signs_in or not settings.allow_public or settings.allowed_hosts:
        # A page elsewhere can't make a browser read calls from here under a name of its own (DNS rebinding).
        hosts = ["localhost", "127.0.0.1", "[::1]", settings.host, *settings.allowed_hosts]
        hosts += [settings.public_host] if settings.public_host else []
        config.set_option("server.allowedHosts", hosts)


_RULES: Final[dict[str, object]] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    # A link sets a filter that has a default, which is no mistake.
    "global.disableWidgetStateDuplicationWarning": True,
    "logger.level": "warning",
    "runner.magicEnabled": False,
    "secrets.files": [],
    "server.enableStaticServing": False,
    "server.enableXsrfProtection": True,
    "server.enableCORS": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": 1,
    "server.runOnSave": False,
    "server.showEmailPrompt": False,
}

_THEME: Final[dict[str, object]] = {
    "theme.baseRadius": "0.4rem",
    "theme.baseFontSize": 15,
    "theme.light.primaryColor": palette.BLUE,
    "theme.dark.primaryColor": palette.SKY,
    # Badges and marks in the colours of the charts; the darker ones on light, the lighter ones on dark.
    "theme.light.blueColor": palette.BLUE,
    "theme.dark.blueColor": palette.SKY,
    "theme.light.orangeColor": palette.VERMILION,
    "theme.dark.orangeColor": palette.ORANGE,
    "theme.light.blueTextColor": palette.BLUE,
    "theme.dark.blueTextColor": palette.SKY,
    "theme.light.orangeTextColor": palette.VERMILION_DARK,
    "theme.dark.orangeTextColor": palette.ORANGE,
    "theme.light.greenColor": palette.GREEN,
    "theme.dark.greenColor": palette.GREEN,
    "theme.light.linkColor": palette.BLUE,
    "theme.dark.linkColor": palette.SKY,
    "theme.metricValueFontSize": "1.4rem",
    "theme.headingFontSizes": ["1.6rem", "1.3rem", "1.15rem", "1.05rem", "1rem", "0.9rem"],
    "theme.headingFontWeights": [600, 600, 600, 600, 600, 600],
}


def _health(settings: DashboardSettings) -> Callable[[Request], JSONResponse]:
    """Whether the dataset can be asked: 200 with the pipeline's state, 503 where it can't."""
    reader: list[Reader] = []

    def healthz(_request: Request) -> JSONResponse:
        try:
            if not reader:
                reader.append(Reader(settings.place, memory_limit="256MB", threads=1))
            status = reader[0].status()
            reader[0].cursor().close()
        except Exception as error:  # noqa: BLE001  # whatever it is, the one who asks must hear it
            return JSONResponse({"status": "unhealthy", "error": type(error).__name__}, status_code=503)
        return JSONResponse({"status": "ok", "pipeline": status.state if status else "never ran"})

    return healthz
