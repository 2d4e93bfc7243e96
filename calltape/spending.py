"""What running sessions cost so far, for the recorder's limits: a process of its own folds the journal as it grows.

The recorder may not import the fold, and the fold may not take time from the calls: so this stands between them.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

RESTART_SECONDS = 1.0
STOP_SECONDS = 5.0
log = structlog.get_logger("calltape.ingest")


class SpendingKnown:
    """The latest word on each running session; nothing is kept of those that ended."""

    def __init__(self) -> None:
        self._usd_nanos: dict[str, int] = {}

    def usd_nanos(self, session_id: str) -> int:
        return self._usd_nanos.get(session_id, 0)

    def hear(self, line: str) -> None:
        """Take in `<session> <nanos>`, or `<session> -` of one that ended."""
        session_id, _, nanos = line.strip().partition(" ")
        if nanos == "-":
            self._usd_nanos.pop(session_id, None)
        elif nanos.isdecimal():
            self._usd_nanos[session_id] = int(nanos)


@contextlib.asynccontextmanager
async def metered(folder: Path, position: int) -> AsyncIterator[SpendingKnown]:
    """What is known of the sessions in this journal folder from the position on, while the block lasts.

    Where the process dies it is started again and folds anew; meanwhile the last word stands.
    """
    known = SpendingKnown()
    listening = asyncio.ensure_future(_listen(known, folder, position))
    try:
        yield known
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(known: SpendingKnown, folder: Path, position: int) -> None:
    while True:
        meter = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "calltape.spending_meter", str(folder), str(position), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert meter.stdout is not None, "asked for"
            async for line in meter.stdout:
                known.hear(line.decode())
        finally:
            with contextlib.suppress(ProcessLookupError):
                meter.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await meter.wait()
        log.error("spending not known, limits of spending wait", code=meter.returncode)
        await asyncio.sleep(RESTART_SECONDS)
