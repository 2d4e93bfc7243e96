"""Our programs as processes around one broker, as an operator would start them."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient

from pipeline.dataset import Reader
from tests.pipeline.builders import stored

WITHIN_S = 180.0


class Programs:
    """Topics, groups and a data directory of their own, and the processes that were started on them."""

    def __init__(
        self, bootstrap: str, data_dir: Path, partitions: int = 4, environment: Mapping[str, str] | None = None
    ) -> None:
        self.bootstrap = bootstrap
        self.data_dir = data_dir
        self.prefix = f"t{uuid.uuid4().hex[:12]}"
        self.partitions = partitions
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        ours = {
            "CALLTAPE_KAFKA": bootstrap,
            "CALLTAPE_KAFKA_TOPIC_PREFIX": self.prefix,
            "CALLTAPE_DATA_DIR": str(data_dir),
            "CALLTAPE_WORKER_GROUP": f"{self.prefix}-worker",
            "CALLTAPE_SINK_GROUP": f"{self.prefix}-sink",
            "PYTHONUNBUFFERED": "1",
        }
        silent = {f"CALLTAPE_{name}_METRICS_PORT": "-1" for name in ("INGEST", "PUBLISH", "WORKER", "SINK")}
        self.environment = {**os.environ, **ours, **silent, **(environment or {})}

    def __enter__(self) -> Self:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.done("topics", "create", "--partitions", str(self.partitions))
        return self

    def __exit__(self, *failure: object) -> None:
        for name in list(self._running):
            self.kill(name)

    def done(self, *command: str, code: int = 0) -> str:
        """Run a command to its end; gives what it said."""
        ended = subprocess.run(
            [sys.executable, "-m", "calltape", *command],
            env=self.environment, capture_output=True, text=True, check=False, timeout=WITHIN_S,
        )  # fmt: skip
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def start(self, name: str, *command: str, **environment: str) -> None:
        """Start a program under a name; its log is `<name>.log`."""
        with (self.data_dir / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "calltape", *command],
                env=self.environment | environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def worker(self, name: str) -> None:
        self.start(name, "worker", "--name", name, "--save-every-seconds", "0.5", "--repair-every-seconds", "0.2")

    def sink(self, name: str) -> None:
        self.start(name, "sink", "--batch-interval-ms", "100")

    def again(self, name: str) -> None:
        """Start a worker or a sink by its name."""
        (self.sink if name.startswith("sink") else self.worker)(name)

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def kill(self, name: str) -> None:
        """`kill -9`, and whatever it had started."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(WITHIN_S)

    def stop(self, name: str) -> int:
        """SIGTERM; gives the exit code."""
        process = self._running.pop(name)
        process.terminate()
        return process.wait(WITHIN_S)

    def running(self, name: str) -> bool:
        return name in self._running and self._running[name].poll() is None

    def log(self, name: str) -> str:
        return (self.data_dir / f"{name}.log").read_text(errors="replace")

    def asked(self, statement: str) -> list[tuple[Any, ...]]:
        """The dataset's answer."""
        reader = Reader(self.data_dir / "dataset")
        try:
            found: list[tuple[Any, ...]] = reader.cursor().sql(statement).fetchall()
            return found
        finally:
            reader.close()

    def until(self, statement: str, expected: Any, within_s: float = WITHIN_S) -> None:
        """Wait until the statement's first value is that. Fails with what the programs said."""
        self.wait(lambda: self.asked(statement)[0][0] == expected, f"{statement} = {expected}", within_s)

    def until_stored(self, expected: object) -> None:
        """Wait until the dataset holds these rows: no table says that another is whole, since several sinks write."""
        with contextlib.suppress(AssertionError):
            self.wait(lambda: stored(self.data_dir / "dataset") == expected, "the rows that were expected")
        assert stored(self.data_dir / "dataset") == expected

    def wait(self, over: Callable[[], bool], what: str, within_s: float = WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        while not over():
            if time.monotonic() > deadline:
                logs = "".join(f"\n--- {name}\n{self.log(name)[-3000:]}" for name in self._running)
                raise AssertionError(f"not within {within_s:.0f} s: {what}{logs}")
            time.sleep(0.1)

    def until_log(self, name: str, text: str) -> None:
        """Wait until a program said that."""
        self.wait(lambda: text in self.log(name), f"{text!r} in {name}.log")

    def delete_topic(self, name: str) -> None:
        """Delete a topic, and wait until it is gone."""
        asyncio.run(_deleted(self.bootstrap, name))


async def _deleted(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name])
        while name in await admin.list_topics():  # noqa: ASYNC110 -- Kafka tells nobody when it is gone
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
