"""The truth log: what the simulator did and when, so that what others measured can be checked against it."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import msgspec


class TruthLog:
    """JSON lines, written as things happen. Without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._file: IO[bytes] | None = path.open("ab", buffering=0) if path else None
        self._lock = threading.Lock()

    def write(self, session_id: str, what: str, fields: dict[str, Any]) -> None:
        """Add one line: `at_ns` is CLOCK_MONOTONIC (the same in every process of this machine), `at` is UTC."""
        if self._file is None:
            return
        line = {
            "at_ns": time.monotonic_ns(),
            "at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "session": session_id,
            "what": what,
            **fields,
        }
        with self._lock:
            self._file.write(msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
