"""Two connections joined: what one sends, the other gets, byte for byte, while an observer reads along.

Neither side's frames are decoded to be forwarded. The only bytes of our own are close frames: where a side has
vanished without one (1011), and where the worker stops (1012). They go in where no frame is under way.
"""

import asyncio
import os

import msgspec

from ingest.envelope import Source
from ingest.frames import VANISHED, CloseFrame, close_frame
from ingest.observer import Observer
from ingest.wire import keeps_open

INTERNAL_ERROR = 1011
LINGER_SECONDS = 10.0
"""After one side said goodbye, or vanished, the other has this long to leave."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended: the first thing that ended it."""

    closed_by: Source
    code: int | None
    """None where the call was refused before there was a WebSocket."""
    reason: str = ""


class Splice:
    """A call in progress. It ends by itself when both connections are down."""

    __slots__ = ("_linger", "_loop", "client", "ending", "finished", "upstream")

    def __init__(self, client: "Leg", upstream: "Leg") -> None:
        self._loop = asyncio.get_running_loop()
        self.finished: asyncio.Future[None] = self._loop.create_future()
        """Done once both connections are down."""
        self.ending: Ending | None = None
        self._linger: asyncio.TimerHandle | None = None
        self.client = client
        self.upstream = upstream
        client.join(self, upstream)
        upstream.join(self, client)

    @property
    def events_seen(self) -> int:
        """Grows with each message of either side."""
        return self.client.observer.events_seen + self.upstream.observer.events_seen

    def close(self, code: int, reason: str) -> None:
        """Say goodbye to both sides, as soon as no frame to them is under way. A call that ends already just does."""
        if self.ending is None:
            self.ends(Ending(closed_by=Source.RECORDER, code=code, reason=reason))
            self.client.cut_off(CloseFrame(code=code, reason=reason))
            self.upstream.cut_off(CloseFrame(code=code, reason=reason))

    def abort(self) -> None:
        """End now, whatever is under way."""
        self.ends(Ending(closed_by=Source.RECORDER, code=VANISHED))
        self.client.transport.abort()
        self.upstream.transport.abort()

    def ends(self, ending: Ending) -> None:
        """Something that ends the call has happened; the first such thing is its ending."""
        self.ending = self.ending or ending
        if self._linger is None:
            self._linger = self._loop.call_later(LINGER_SECONDS, self.abort)

    def leg_lost(self) -> None:
        """A connection is down."""
        if self.client.lost and self.upstream.lost and not self.finished.done():
            if self._linger is not None:
                self._linger.cancel()
            self.finished.set_result(None)


class Leg(asyncio.Protocol):
    """One side of a call: what its connection receives goes to its peer's."""

    __slots__ = (
        "_farewell",
        "_forwards",
        "_peer",
        "_see",
        "_splice",
        "_write",
        "ended",
        "lost",
        "observer",
        "transport",
    )

    def __init__(self, transport: asyncio.Transport, observer: Observer) -> None:
        self.transport = transport
        self.observer = observer
        """Of what this side sends."""
        self.ended = False
        """This side sends no more."""
        self.lost = False
        """This side's connection is down."""
        self._forwards = True
        self._farewell: CloseFrame | None = None
        """Due to the peer when the frame under way is through."""

    def join(self, splice: Splice, peer: "Leg") -> None:
        """Forward to this peer from now on."""
        self._splice = splice
        self._peer = peer
        self._see = self.observer.see
        self._write = peer.transport.write

    def data_received(self, data: bytes) -> None:
        if not self._forwards:
            self._received_in_vain(data)
            return
        closed = self._see(data)
        self._write(data)
        if closed is not None:
            self._said_goodbye(closed)

    def eof_received(self) -> bool:
        self._end()
        return keeps_open(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's name; why doesn't matter
        self.lost = True
        self._end()
        self._peer.nobody_listens()
        self._splice.leg_lost()

    def pause_writing(self) -> None:
        """More waits to be sent to this side than it takes: the other side must wait too."""
        if not self._peer.transport.is_closing():
            self._peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._peer.transport.is_closing():
            self._peer.transport.resume_reading()

    def cut_off(self, farewell: CloseFrame) -> None:
        """Forward nothing more that this side sends, and say goodbye to its peer where no frame is under way."""
        self._forwards = False
        if self.observer.at_boundary:
            self._say(farewell)
        elif self.ended:
            # A frame that will never be whole: no goodbye can be understood behind it, only the end.
            self._peer.transport.close()
        else:
            self._farewell = farewell

    def nobody_listens(self) -> None:
        """The peer's connection is down; this side is heard only for its own goodbye."""
        self._forwards = False
        if not self.transport.is_closing() and not self.ended:
            self.transport.resume_reading()

    def nothing_follows(self) -> None:
        """No more is sent to this side."""
        if self.transport.is_closing():
            return
        if self.observer.closed is None and self.transport.can_write_eof():
            # It may still have its own goodbye to say.
            self.transport.write_eof()
        else:
            self.transport.close()

    def _received_in_vain(self, data: bytes) -> None:
        if self._farewell is not None:
            length = self.observer.bytes_to_boundary(data)
            closed = self.observer.see(data[:length])
            self._peer.send(data[:length])
            if closed is not None:
                self._farewell = None
            elif self.observer.at_boundary:
                self._say(self._farewell)
            data = data[length:]
        if self.observer.overhear(data) is not None:
            self.transport.close()

    def _say(self, farewell: CloseFrame) -> None:
        self._farewell = None
        # Frames towards a server are masked (RFC 6455, 5.3).
        mask = os.urandom(4) if self._peer.observer.source is Source.SERVER else b""
        self._peer.send(close_frame(farewell.code, farewell.reason, mask))

    def send(self, data: bytes) -> None:
        """Send to this side, if it is still there."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def _said_goodbye(self, closed: CloseFrame) -> None:
        self._splice.ends(Ending(closed_by=self.observer.source, code=closed.code, reason=closed.reason))

    def _end(self) -> None:
        if self.ended:
            return
        self.ended = True
        if self._farewell is not None:
            self._peer.transport.close()
        elif not self._forwards or self.observer.closed is not None:
            self._peer.nothing_follows()
        else:
            self._vanished()
        if self._peer.ended:
            self.transport.close()
            self._peer.transport.close()

    def _vanished(self) -> None:
        """This side ended without a close frame: the peer gets one from us, unless it has said goodbye itself."""
        side = self.observer.source
        self._splice.ends(Ending(closed_by=side, code=VANISHED))
        if self._peer.observer.closed is None:
            name = "upstream" if side is Source.SERVER else "client"
            self.cut_off(CloseFrame(code=INTERNAL_ERROR, reason=f"{name} connection lost"))
        else:
            self._peer.nothing_follows()
        # Half a WebSocket is of no use: a side that sends no more isn't sent to either.
        self._peer.nobody_listens()
        self.transport.close()
