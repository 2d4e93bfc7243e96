"""Programs that run beside another one, as children of its process: started again when they die, ended with it."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import msgspec
import structlog

from ingest.kafka import KafkaSettings
from pipeline.place import DatasetPlace

log = structlog.get_logger("calltape")

RESTART_PAUSE_S = 1.0
STOPPED_WITHIN_S = 30.0
COMPANION = "CALLTAPE_COMPANION"
"""Set in the environment of a child: it is to end when its parent is killed."""


class Companion:
    """One child. It is a process of its own so that nothing it does can hold up its parent."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._name = command[0]
        self._command = [sys.executable, "-m", "calltape", *command]
        self._environment = os.environ | environment | {COMPANION: "1"}
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end, and wait; kill it where it doesn't."""
        self._stopping.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
        self._thread.join(STOPPED_WITHIN_S)
        if child is not None and child.poll() is None:
            log.warning("did not stop, killed", program=self._name)
            child.kill()

    def _run(self) -> None:
        while not self._stopping.is_set():
            # A group of its own: Ctrl-C reaches the parent alone, which then ends it in order.
            self._child = subprocess.Popen(  # noqa: S603 -- our own commands
                self._command, env=self._environment, start_new_session=True
            )
            if self._stopping.is_set():
                self._child.terminate()
            code = self._child.wait()
            if not self._stopping.wait(RESTART_PAUSE_S):
                log.warning("ended, starting it again", program=self._name, code=code)


@contextlib.contextmanager
def beside(*companions: tuple[Sequence[str], dict[str, str]]) -> Iterator[None]:
    """The commands run as children within the block."""
    running = [Companion(command, environment) for command, environment in companions]
    try:
        yield
    finally:
        for companion in running:
            companion.stop()


def kafka_flags(settings: KafkaSettings) -> list[str]:
    """The settings of the cluster as flags for another of our commands; the password is for `kafka_secrets`."""
    names = [name for name in KafkaSettings.model_fields if name != "kafka_password"]
    found = {name: getattr(settings, name) for name in names}
    return [f"--{name.replace('_', '-')}={value}" for name, value in found.items() if value not in {None, ""}]


def place_environment(settings: DatasetPlace) -> dict[str, str]:
    """Where the dataset lies, for another of our commands; the data directory goes by its flag."""
    if not settings.dataset:
        return {}
    options = msgspec.json.encode(settings.object_store).decode()
    return {"CALLTAPE_DATASET": settings.dataset, "CALLTAPE_OBJECT_STORE": options}


def kafka_secrets(settings: KafkaSettings) -> dict[str, str]:
    """What must not stand in a command line."""
    password = settings.kafka_password.get_secret_value()
    return {"CALLTAPE_KAFKA_PASSWORD": password} if password else {}
