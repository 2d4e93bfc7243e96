"""The relays that are compared, each as a process of its own: `python -m bench.relay_programs KIND UPSTREAM PORT DIR`."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import uvloop
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve

from bench.ports import free_port
from ingest.markers import SessionOpened
from ingest.recording import Recorder
from ingest.recordings import Unrecorded
from ingest.settings import IngestSettings
from ingest.worker import running

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{upstream};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }}
    }}
}}
"""
LOAD_KEY = "sk-bench"
LITELLM = """
model_list:
  - model_name: gpt-realtime
    litellm_params: {{model: openai/gpt-realtime, api_base: "http://{upstream}/v1", api_key: sk-bench}}
"""


@contextlib.contextmanager
def started(kind: str, upstream: str, folder: Path, litellm: Path | None) -> Iterator[tuple[str, psutil.Process]]:
    """The relay of that kind in front of `host:port`, at the address that is given, until the block is left."""
    port = free_port()
    process = subprocess.Popen(
        _command(kind, upstream, port, folder, litellm),
        stdout=subprocess.DEVNULL,
        stderr=(folder / "said").open("wb"),
        # LiteLLM doesn't start without a key for its clients; the load's is this one.
        env=os.environ | {"LITELLM_MASTER_KEY": LOAD_KEY},
    )
    try:
        _until_it_listens(port, process, folder)
        yield f"127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _command(kind: str, upstream: str, port: int, folder: Path, litellm: Path | None) -> list[str]:
    if kind == "nginx":
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
        return [nginx(), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    if kind == "litellm":
        assert litellm is not None, "its environment is not given"
        (folder / "litellm.yaml").write_text(LITELLM.format(upstream=upstream))
        arguments = ["--config", str(folder / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(port)]
        return [str(litellm / "bin/litellm"), *arguments]
    return [sys.executable, "-m", "bench.relay_programs", kind, upstream, str(port), str(folder)]


def nginx() -> str:
    """Where nginx is. Leaves with what to install where it isn't."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    return found or sys.exit("nginx is not installed: `apt-get install nginx-light` (it needs no root to run here)")


def _until_it_listens(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    said = (folder / "said").read_text(errors="replace")[-2000:]
    raise RuntimeError(f"the relay did not come up: {said}")


async def splice(upstream: str, port: int, folder: Path, *, recorded: bool) -> None:
    """Our relay as the worker runs it; without recording, frames are walked and then forgotten."""
    chosen = {"upstream": f"ws://{upstream}", "port": port, "metrics_port": -1, "data_dir": folder, "worker": "bench"}
    chosen |= {"journal_keep_gib": 0}
    if not recorded:
        Recorder.open = _unrecorded  # type: ignore[method-assign,assignment]  # the worker has no such setting, on purpose
    async with running(IngestSettings.model_validate(chosen)):
        await asyncio.Event().wait()


def _unrecorded(_: Recorder, __: SessionOpened) -> Unrecorded:
    return Unrecorded()


async def by_websockets(upstream: str, port: int) -> None:
    """The relay that one writes first: a connection in, a connection out, messages between them."""

    async def relay(client: ServerConnection) -> None:
        assert client.request is not None
        async with (
            connect(f"ws://{upstream}{client.request.path}", compression=None, max_size=None, proxy=None) as out,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(_pass_on(client, out))
            tasks.create_task(_pass_on(out, client))

    async with serve(relay, "127.0.0.1", port, compression=None, max_size=None):
        await asyncio.Event().wait()


async def _pass_on(source: Connection, target: Connection) -> None:
    while True:
        await target.send(await source.recv(decode=False), text=True)


def _main(kind: str, upstream: str, port: str, folder: str) -> None:
    if kind == "websockets":
        uvloop.run(by_websockets(upstream, int(port)))
    else:
        uvloop.run(splice(upstream, int(port), Path(folder), recorded=kind == "recording"))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        _main(*sys.argv[1:])
