"""The driver: holds the sessions of a scenario itself, against any upstream, and records them.

A way in beside the relay: for watching an API from cron, and for load. What a session brought is in the log; whether
that is what was expected, is for whoever reads it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ingest.driver_client import Client, Overdue
from ingest.driver_line import HungUp, Refused, Target, dialed
from ingest.driver_session import DrivenSession
from ingest.driver_sound import SoundMissing, Sounds, SoundUnreadable
from ingest.markers import SessionOpened
from ingest.recording import Recorder
from ingest.scenario import Scenario
from ingest.upstream import Upstream

Progress = Callable[[int, str], None]
"""Gets a session's number, from 1, and a line about what has just happened in it."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver itself knows of a session that is over."""

    session_id: str
    seconds: float
    problems: tuple[str, ...] = ()
    """Why it could not be held to its end, or what went wrong on the way."""


class Driver:
    """Holds the sessions of a scenario, all with one log."""

    def __init__(self, scenario: Scenario, target: Target, recorder: Recorder, speech: Sequence[Path]) -> None:
        """`speech`: folders with recordings, beside the scenario's own."""
        self._scenario = scenario
        self._target = target
        self._recorder = recorder
        self._sounds = Sounds([Path(scenario.folder), *speech])

    async def drive(self, progress: Progress) -> list[Outcome]:
        """Hold all sessions, side by side. Cancelled, it hangs up all of them."""
        async with asyncio.TaskGroup() as group:
            numbers = range(1, self._scenario.parallel + 1)
            held = [group.create_task(self._hold(number, progress)) for number in numbers]
        return [task.result() for task in held]

    async def _hold(self, number: int, progress: Progress) -> Outcome:
        await asyncio.sleep(self._scenario.ramp_s * (number - 1) / self._scenario.parallel)
        began, problems, session_id = time.monotonic(), [], ""
        try:
            async with dialed(self._target, path_of(self._scenario), self._recorder, self._opened()) as line:
                session_id = line.session_id
                client = Client(self._scenario, line, self._sounds, lambda text: progress(number, text))
                try:
                    await DrivenSession(self._scenario, client).hold()
                finally:
                    problems += client.problems
        except* Refused as refused:
            problems += _messages(refused)
            session_id = next(each.session_id for each in refused.exceptions if isinstance(each, Refused))
        except* (Overdue, HungUp, SoundMissing, SoundUnreadable) as failed:
            problems += _messages(failed)
        for problem in problems:
            progress(number, problem)
        return Outcome(session_id=session_id, seconds=round(time.monotonic() - began, 3), problems=tuple(problems))

    def _opened(self) -> SessionOpened:
        return SessionOpened(
            mode="driver",
            path=path_of(self._scenario),
            model=None if self._scenario.kind == "transcription" else self._scenario.model,
            upstream_host=Upstream.of(self._target.url).authority,
            scenario=self._scenario.name,
        )


def path_of(scenario: Scenario) -> str:
    """Where the API holds this kind of session (PROTOCOL 2)."""
    if scenario.kind == "transcription":
        return "/v1/realtime?intent=transcription"
    endpoint = "/v1/realtime/translations" if scenario.kind == "translation" else "/v1/realtime"
    return f"{endpoint}?model={scenario.model}"


def _messages(failed: BaseExceptionGroup[BaseException]) -> list[str]:
    messages: list[str] = []
    for error in failed.exceptions:
        messages += _messages(error) if isinstance(error, BaseExceptionGroup) else [str(error) or repr(error)]
    return messages
