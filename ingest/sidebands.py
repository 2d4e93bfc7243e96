"""All calls that are followed by sidebands: each once, and all of them ended in order when the worker stops."""

import asyncio
from collections.abc import Sequence

import structlog

from ingest.attaching import Door
from ingest.counts import Counts
from ingest.envelope import Source
from ingest.frames import VANISHED
from ingest.limits import words
from ingest.markers import CallSteered, LimitReached, Marker, SessionOpened
from ingest.recordings import Recordings
from ingest.sideband import Call, Follower, Manners
from ingest.splice import Ending
from ingest.steering import Steering
from ingest.warden import Guarded, Warden

FOLLOWED_MAX = 5_000
"""Calls at once. Of more nobody is followed, which is counted: the calls go on."""

SUPERSEDED = Ending(closed_by=Source.RECORDER, code=None, reason="the client's own sideband records the call from here")

log = structlog.get_logger("calltape.ingest")


class Sidebands:
    """Follows calls. Never raises: what fails is logged and counted, and the call goes on."""

    def __init__(
        self,
        recordings: Recordings,
        counts: Counts,
        door: Door,
        manners: Manners,
        *,
        warden: Warden,
        steering: Steering,
    ) -> None:
        self._warden = warden
        self._steering = steering
        self._recordings = recordings
        self._counts = counts
        self._door = door
        self._manners = manners
        self._followers: dict[str, Follower] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._followers)

    def find(self, call_id: str) -> Follower | None:
        """Who follows this call."""
        return self._followers.get(call_id)

    def refuse(self, opened: SessionOpened, said: Sequence[Marker], reached: LimitReached) -> None:
        """Record a call that a limit did not let begin."""
        self._counts.sessions_limited += 1
        recording = self._recordings.open(opened)
        for marker in (*said, reached):
            self._recordings.mark(recording, marker)
        self._recordings.close(recording, Source.RECORDER, None, words(reached))

    def follow(
        self, call: Call, opened: SessionOpened, said: Sequence[Marker] = (), guarded: Guarded | None = None
    ) -> Follower | None:
        """Follow a call from now on, in a session of its own that begins with these markers, in a place that is taken.

        None where it is followed already, or can't be; the place is then the caller's to leave.
        """
        if call.call_id in self._followers:
            return None
        if self._closed or len(self._followers) >= FOLLOWED_MAX:
            self._counts.calls_not_followed += 1
            log.warning("call not followed", followed=len(self._followers), stopping=self._closed)
            return None
        recording = self._recordings.open(opened)
        for marker in said:
            self._recordings.mark(recording, marker)
        follower = Follower(call, recording, self._recordings, self._door, self._manners)
        self._followers[call.call_id] = follower
        guarded = guarded or self._warden.entered(opened.relay_key)
        ended: asyncio.Future[LimitReached] = asyncio.get_running_loop().create_future()
        guarded.runs(recording.session_id, lambda: follower.events_seen, ended.set_result)
        task = asyncio.get_running_loop().create_task(self._guarded(follower, guarded, ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return follower

    def mark(self, call_id: str, marker: Marker) -> None:
        """Record something about a call that is followed; nothing for others."""
        follower = self._followers.get(call_id)
        if follower is not None:
            self._recordings.mark(follower.recording, marker)

    def step_down(self, call_id: str | None) -> None:
        """The client attached a sideband of its own, which is recorded in a session of its own: one is enough."""
        follower = self._followers.get(call_id or "")
        if follower is not None:
            follower.end(SUPERSEDED)

    def take_no_more(self) -> None:
        """Follow no new calls."""
        self._closed = True

    def end(self, ending: Ending) -> None:
        """Follow none any more."""
        for follower in list(self._followers.values()):
            follower.end(ending)

    async def over(self, seconds: float) -> None:
        """Wait until none is followed, at most this long."""
        if self._tasks and seconds > 0:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def _hang_up(self, follower: Follower, ended: asyncio.Future[LimitReached]) -> None:
        """Where a limit is reached: the sideband's end would not be the call's."""
        reached = await ended
        follower.will_end()
        self._counts.sessions_limited += 1
        self._recordings.mark(follower.recording, reached)
        call = follower.call
        status = await self._steering.do("hangup", call.place, call.call_id, call.credentials)
        self._recordings.mark(follower.recording, CallSteered(action="hangup", by="limit", status=status))
        follower.end(Ending(closed_by=Source.RECORDER, code=None, reason=words(reached)))

    async def _guarded(self, follower: Follower, guarded: Guarded, ended: asyncio.Future[LimitReached]) -> None:
        session = follower.recording.session_id
        self._counts.sessions_opened += 1
        self._counts.sessions_open += 1
        log.info("session opened", session=session, mode="sideband")
        ending = Ending(closed_by=Source.RECORDER, code=VANISHED, reason="sideband failed")
        hanging_up = asyncio.ensure_future(self._hang_up(follower, ended))
        try:
            ending = await follower.follow()
        except Exception:
            log.exception("sideband failed, the call goes on", session=session)
        finally:
            hanging_up.cancel()
            self._warden.leave(guarded)
            self._followers.pop(follower.call.call_id, None)
            self._counts.sessions_open -= 1
            self._recordings.close(follower.recording, ending.closed_by, ending.code, ending.reason)
            log.info("session closed", session=session, by=str(ending.closed_by), code=ending.code)
