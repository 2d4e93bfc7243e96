"""All programs on one machine: started in the order of the flow, watched, and stopped in that order too.

Each runs as its own process by the same command that a user would type, so that `up` can do nothing they can't.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

READY_WITHIN_S = 60.0
STOPPED_WITHIN_S = 45.0
"""Longer than the relay's own drain, which is 30 s unless it is set otherwise."""
STOPPED_IN_A_HURRY_S = 10.0
RESTART_PAUSE_S = 1.0
SHORT_LIFE_S = 5.0
SHORT_LIVES_MAX = 5
"""A program that dies this often in a row soon after its start won't be started again."""
_PR_SET_PDEATHSIG = 1


class NotStarted(Exception):
    """A program didn't come up; the message names it and ends with what it said last."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One of the programs, and how to see that it is ready."""

    name: str
    arguments: Sequence[str]
    environment: dict[str, str] = {}
    log: Path
    ready: Callable[[], bool]

    @property
    def command(self) -> tuple[str, ...]:
        """What starts it."""
        return (sys.executable, "-m", "calltape", self.name, *self.arguments)


def port_open(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def free_port(wanted: int, host: str) -> int:
    """The port that was asked for, or any free one where it is 0."""
    if wanted:
        return wanted
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def running(programs: Sequence[Program], hurry: asyncio.Event, say: Callable[[str], None]) -> AsyncIterator[None]:
    """The programs up and watched within the block; a program that dies is started again and said.

    Raises NotStarted where one doesn't come up at first. Leaving the block stops them in the order given, each
    asked once, and a second time when `hurry` is set.
    """
    started: dict[str, asyncio.subprocess.Process] = {}
    watches: list[asyncio.Task[None]] = []
    try:
        for program in programs:
            started[program.name] = await _start(program)
            await _until_ready(program, started[program.name])
            watches.append(asyncio.create_task(_watch(program, started, say)))
        yield
    finally:
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        for program in programs:
            if program.name in started:
                await _stop(program.name, started[program.name], hurry, say)


async def _start(program: Program) -> asyncio.subprocess.Process:
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *program.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | program.environment,
            # A group of its own: Ctrl-C reaches `up` alone, which then stops the programs in order.
            start_new_session=True,
            preexec_fn=die_with_parent,
        )


def die_with_parent() -> None:
    """Ask the kernel (Linux) to end this process when `up` is killed, so that no port stays taken."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _until_ready(program: Program, process: asyncio.subprocess.Process) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while process.returncode is None and time.monotonic() < deadline:
        if await asyncio.to_thread(program.ready):
            return
        await asyncio.sleep(0.1)
    what = f"ended with {process.returncode}" if process.returncode is not None else "did not get ready"
    raise NotStarted(f"{program.name} {what}; it said ({program.log}):\n{_last_lines(program.log)}")


def _last_lines(log: Path, count: int = 8) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-count:])
    return ""


async def _watch(program: Program, started: dict[str, asyncio.subprocess.Process], say: Callable[[str], None]) -> None:
    short_lives = 0
    while True:
        began = time.monotonic()
        code = await started[program.name].wait()
        short_lives = short_lives + 1 if time.monotonic() - began < SHORT_LIFE_S else 0
        if short_lives >= SHORT_LIVES_MAX:
            say(f"{program.name} keeps ending ({code}); given up. Its log: {program.log}\n{_last_lines(program.log)}")
            return
        say(f"{program.name} ended ({code}); starting it again. Its log: {program.log}")
        await asyncio.sleep(RESTART_PAUSE_S)
        started[program.name] = await _start(program)


async def _stop(
    name: str, process: asyncio.subprocess.Process, hurry: asyncio.Event, say: Callable[[str], None]
) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    ended = asyncio.ensure_future(process.wait())
    hurried = asyncio.ensure_future(hurry.wait())
    await asyncio.wait((ended, hurried), timeout=STOPPED_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
    if hurried.done() and not ended.done():
        process.terminate()
        await asyncio.wait((ended,), timeout=STOPPED_IN_A_HURRY_S)
    hurried.cancel()
    if not ended.done():
        say(f"{name} didn't stop; killed")
        process.kill()
    await ended
