"""One call that goes on elsewhere, followed by a sideband from its beginning to its end, and recorded.

A sideband is told everything but the sound, nothing of what was before it attached, and not that a browser left
(PROTOCOL section 4.15). What to do about each of these is decided here. Whatever fails in here, the call goes on.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from ingest.attaching import Attached, Detached, Door, NotAttached
from ingest.envelope import Source
from ingest.frames import CloseFrame
from ingest.heads import RawHeaders
from ingest.markers import ConfigurationAsked, UpstreamConnected
from ingest.messages import SeenMessage
from ingest.recordings import Recording, Recordings
from ingest.splice import Ending

RETRY_SECONDS = 0.1
RETRY_SECONDS_MAX = 2.0
RETRY_GROWTH = 1.5
SIDEBAND_LOST = "sideband_lost"
ASKED = '{"type":"session.update","session":{"type":"realtime"}}'
"""Asks for the configuration: an update that changes nothing is answered by `session.updated`."""
NOT_FOUND = b'"call_id_not_found"'
_GOING_AWAY = 1001
_OURS_TO_RETRY = frozenset({1005, 1006, 1011, 1012, 1013, 1014, 1015})
GONE = "the call is over: the upstream knows it no more (it does not say when a caller leaves)"

log = structlog.get_logger("calltape.ingest")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call to follow."""

    call_id: str
    place: str
    """The path at which sidebands attach."""
    credentials: RawHeaders
    """What the upstream knows us by. Never stored, never logged."""
    attach_seconds: float
    """How long the upstream may say that it does not know the call."""


class Manners(msgspec.Struct, frozen=True, kw_only=True):
    """How calls are followed."""

    quiet_seconds: float
    """After this long without an event the upstream is asked whether it still knows the call."""
    ask_configuration: bool


class Follower:
    """Follows one call."""

    def __init__(self, call: Call, recording: Recording, recordings: Recordings, door: Door, manners: Manners) -> None:
        self.call = call
        self.recording = recording
        self.events_seen = 0
        self._recordings = recordings
        self._door = door
        self._manners = manners
        self._limited = False
        self._told: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    def will_end(self) -> None:
        """`end` follows, whatever happens until then."""
        self._limited = True

    def end(self, ending: Ending) -> None:
        """Stop following, for a reason of our own; the call itself is not touched."""
        if not self._told.done():
            self._told.set_result(ending)

    async def follow(self) -> Ending:
        """Until the call is over, can't be attached to, or `end` is called."""
        following = asyncio.ensure_future(self._follow())
        try:
            await asyncio.wait([following, self._told], return_when=asyncio.FIRST_COMPLETED)
            if self._limited:
                # We hung up ourselves: that the upstream then closes the sideband is not how it ended.
                return await self._told
            return self._told.result() if self._told.done() else await following
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(self) -> Ending:
        deadline, again = time.monotonic() + self.call.attach_seconds, False
        while True:
            try:
                attached = await self._attach(deadline, again=again)
                ending = await self._listen(attached)
            except NotAttached as refusal:
                log.warning("call not attached to", session=self.recording.session_id, fault=str(refusal))
                if again and refusal.not_found:
                    return _left()
                return Ending(closed_by=Source.SERVER, code=None, reason=str(refusal))
            except Detached as detached:
                closed = detached.closed
                if not may_return(closed):
                    return Ending(closed_by=Source.SERVER, code=closed.code, reason=closed.reason)
                self._lost(closed)
                deadline, again = time.monotonic() + self.call.attach_seconds, True
            else:
                if ending is not None:
                    return ending
                if time.monotonic() > deadline:
                    reason = f"call_id_not_found for {self.call.attach_seconds:g} s"
                    return Ending(closed_by=Source.SERVER, code=None, reason=reason)

    async def _attach(self, deadline: float, *, again: bool) -> Attached:
        """Attach, as often as it takes within the time there is for it. Raises NotAttached."""
        began, attempts, wait = time.monotonic(), 0, RETRY_SECONDS
        while True:
            attempts += 1
            try:
                attached = await Attached.to(self._door, self.call.place, self.call.call_id, self.call.credentials)
            except NotAttached as refusal:
                late = time.monotonic() + wait > deadline
                if refusal.for_good or late or (again and refusal.not_found):
                    text = f"{refusal} ({attempts} attempt{'s' if attempts > 1 else ''})"
                    raise NotAttached(text, not_found=refusal.not_found) from refusal
                await asyncio.sleep(wait)
                wait = min(wait * RETRY_GROWTH, RETRY_SECONDS_MAX)
            else:
                dial_ms = round((time.monotonic() - began) * 1000, 3)
                marker = UpstreamConnected(dial_ms=dial_ms, headers=attached.headers, attempts=attempts)
                self._recordings.connected(self.recording, marker)
                return attached

    async def _listen(self, attached: Attached) -> Ending | None:
        """Record what comes, to the call's end; None where the call isn't there yet. Raises Detached."""
        try:
            if self._manners.ask_configuration:
                self._recordings.mark(self.recording, ConfigurationAsked())
                await attached.send(ASKED)
            while True:
                message = await _within(self._manners.quiet_seconds, attached.next)
                if message is not None and not self.events_seen and NOT_FOUND in message.data:
                    # Said in an event behind a 101, as the API says most other things (PROTOCOL section 3.2).
                    await asyncio.sleep(RETRY_SECONDS_MAX)
                    return None
                if message is not None:
                    self.events_seen += 1
                    self._recordings.see(self.recording, Source.SERVER, message)
                elif await self._is_gone():
                    return _left()
        finally:
            with contextlib.suppress(Exception):
                await attached.leave()

    async def _is_gone(self) -> bool:
        """Ask by attaching once more: that changes nothing in the call, and a call that is over is not found."""
        try:
            asked = await Attached.to(self._door, self.call.place, self.call.call_id, self.call.credentials)
        except NotAttached as refusal:
            return refusal.not_found
        await asked.leave()
        return False

    def _lost(self, closed: CloseFrame) -> None:
        """The sideband broke off and the call goes on: what it says meanwhile is missing, and that is a gap."""
        log.warning("sideband lost, attaching again", session=self.recording.session_id, code=closed.code)
        self._recordings.lose(self.recording, 1, SIDEBAND_LOST, Source.SERVER)


def may_return(closed: CloseFrame) -> bool:
    """Whether the call may go on although its sideband was closed so. The reason says more than the code."""
    if closed.code == _GOING_AWAY:
        return "maximum duration" not in closed.reason
    return closed.code in _OURS_TO_RETRY and "insufficient_quota" not in closed.reason


def _left() -> Ending:
    return Ending(closed_by=Source.CLIENT, code=None, reason=GONE)


async def _within(seconds: float, wait: Callable[[], Awaitable[SeenMessage]]) -> SeenMessage | None:
    try:
        async with asyncio.timeout(seconds):
            return await wait()
    except TimeoutError:
        return None
