"""A dashboard in a process of its own, on a free port."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

START = """
import sys
from dashboard.run import run
from dashboard.settings import DashboardSettings
run(DashboardSettings.model_validate_json(sys.argv[1]))
"""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard that can be opened."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def said(self) -> str:
        """All that it wrote on its error stream."""
        return self.log.read_text()


@contextlib.contextmanager
def serving(data_dir: Path, **settings: Any) -> Iterator[Served]:
    """A dashboard that shows this data directory, on any free port unless told otherwise; up within the block."""
    data_dir.mkdir(parents=True, exist_ok=True)
    told = json.dumps({"port": 0, "data_dir": str(data_dir)} | settings)
    log = data_dir / "dashboard.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", START, told], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout is not None
        # The one line it prints comes when it is ready; none at all when it could not start.
        first = process.stdout.readline()
        assert first.startswith("dashboard: http"), log.read_text()
        yield Served(url=first.split()[1], process=process, log=log)
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()
