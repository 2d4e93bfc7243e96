"""The worker as a process: its signals, its ports, its health."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bench.ports import free_port
from ingest import envelope, markers
from ingest.settings import IngestSettings
from tests.ingest.relay_world import PATH, bare_client, echo, relaying, upstream, within

PROGRAM = """
import sys
from ingest import worker
from ingest.settings import IngestSettings
worker.run(IngestSettings.model_validate_json(sys.argv[1]), lambda url: print(url, flush=True))
"""


class Worker(msgspec.Struct, frozen=True):
    process: asyncio.subprocess.Process
    url: str
    data_dir: Path

    def endings(self) -> list[markers.SessionClosed]:
        lines = [line for path in self.data_dir.glob("journal/*/*.jsonl") for line in path.read_bytes().splitlines()]
        found = [markers.decode(envelope.decode(line).data) for line in lines]
        return [each for each in found if isinstance(each, markers.SessionClosed)]

    async def port_closed(self) -> None:
        """Once nobody can connect any more."""
        with contextlib.suppress(OSError):
            while True:
                _, writer = await asyncio.open_connection("127.0.0.1", int(self.url.rpartition(":")[2]))
                writer.close()

    async def ended(self) -> tuple[int | None, str]:
        """Its exit code and all that it logged."""
        out, errors = await within(self.process.communicate())
        return self.process.returncode, (out + errors).decode()


@contextlib.asynccontextmanager
async def started(upstream_url: str, data_dir: Path, **chosen: Any) -> AsyncIterator[Worker]:
    settings = IngestSettings(
        **{"upstream": upstream_url, "data_dir": data_dir, "port": 0, "metrics_port": -1, **chosen}
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        settings.model_dump_json(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        url = ""
        while not url.startswith("ws"):
            line = await within(process.stdout.readline())
            assert line, "the worker ended before it was ready"
            url = line.decode().strip()
        yield Worker(process, url, data_dir)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_told_to_stop_closes_its_calls_with_1012_and_leaves_clean(tmp_path: Path, number: int) -> None:
    async with upstream(echo) as url, started(url, tmp_path, drain_seconds=0.1) as worker:
        async with connect(worker.url + PATH) as client:
            await client.send("hello")
            assert await within(client.recv()) == "hello"
            worker.process.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                await within(client.recv())
        code, said = await worker.ended()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "service restart")
    assert code == 0
    assert "Traceback" not in said
    assert [(each.closed_by, each.code) for each in worker.endings()] == [("recorder", 1012)]


async def test_a_second_signal_ends_the_drain_at_once_and_the_log_is_whole(tmp_path: Path) -> None:
    async with (
        upstream(echo) as url,
        started(url, tmp_path, drain_seconds=600) as worker,
        connect(worker.url + PATH) as client,
    ):
        worker.process.send_signal(signal.SIGTERM)
        # The drain has begun once the port is closed.
        await within(worker.port_closed())
        await client.send("still here")
        assert await within(client.recv()) == "still here"
        worker.process.send_signal(signal.SIGTERM)
        code, said = await worker.ended()

    assert code == 0
    assert "Traceback" not in said
    assert [each.closed_by for each in worker.endings()] == ["recorder"]


async def test_a_worker_without_calls_stops_without_delay(tmp_path: Path) -> None:
    async with started("ws://127.0.0.1:9", tmp_path, drain_seconds=600) as worker:
        worker.process.send_signal(signal.SIGTERM)
        assert (await worker.ended())[0] == 0


async def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    from ingest.listening import PortTaken

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port} is taken .* set port to a free port"):
            async with relaying("ws://127.0.0.1:9", tmp_path, port=port):
                pass
        with pytest.raises(PortTaken, match="set metrics_port to a free port"):
            async with relaying("ws://127.0.0.1:9", tmp_path, metrics_port=port):
                pass


async def test_an_address_that_is_not_ours_is_told(tmp_path: Path) -> None:
    from ingest.listening import PortUnusable

    with pytest.raises(PortUnusable, match=r"can't listen on 192\.0\.2\.1"):
        async with relaying("ws://127.0.0.1:9", tmp_path, host="192.0.2.1"):
            pass


async def asked(port: int, path: str) -> tuple[str, str]:
    async with bare_client(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) as client:
        return (await client.head()).partition("\r\n")[0], (await client.rest()).decode()


async def test_health_and_metrics_are_served_on_their_own_port(tmp_path: Path) -> None:
    port = free_port()
    async with upstream(echo) as url, relaying(url, tmp_path, metrics_port=port) as relay:
        async with connect(relay.url + PATH) as client:
            await client.send("hello")
            await within(client.recv())
            healthy, (_, numbers) = await asked(port, "/healthz"), await asked(port, "/metrics")
        other = await asked(port, "/v1/realtime")
        await within(relay.relay.drain(5))
        draining = await asked(port, "/healthz")

    assert healthy == ("HTTP/1.1 200 ", "ok\n")
    assert draining == ("HTTP/1.1 503 ", "draining\n")
    assert other[0] == "HTTP/1.1 404 "
    assert "calltape_ingest_sessions_open 1.0" in numbers
    assert "calltape_ingest_journal_events_written_total 4.0" in numbers


async def test_the_worker_lifts_its_limit_of_open_files(tmp_path: Path) -> None:
    async with started("ws://127.0.0.1:9", tmp_path) as worker:
        limits = Path(f"/proc/{worker.process.pid}/limits").read_text()  # noqa: ASYNC240  # a file of the kernel

    [line] = [line for line in limits.splitlines() if line.startswith("Max open files")]
    soft, hard = line.split()[3:5]
    assert soft == hard
