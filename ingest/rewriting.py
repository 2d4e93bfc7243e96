"""A call whose messages are rewritten on their way: two WebSockets, and between them whole messages.

It stands in for the splice where bytes can't pass as they are. Each message is recorded as its sender sent it, and
beside it what it became, before it goes on. Pings are answered here and passed on too, so that both sides stay awake;
close codes and reasons pass. A message of more than `message_max_bytes` closes its connection with 1009: what is to
be rewritten has to be held.
"""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec
import structlog
from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol, Side, State

from ingest.beta import Event, to_beta, to_ga
from ingest.counts import Counts
from ingest.envelope import Source
from ingest.frames import VANISHED
from ingest.http_end import HttpEnd
from ingest.markers import MessageRewritten
from ingest.messages import MessageAssembler, SeenMessage
from ingest.recordings import Recording, Recordings
from ingest.redaction import redact
from ingest.splice import INTERNAL_ERROR, LINGER_SECONDS, Ending

Rewrite = Callable[[Event], Event | None]

log = structlog.get_logger("calltape.ingest")


class _Side:
    """One connection, and what is under way on it."""

    def __init__(self, end: HttpEnd, source: Source, rewrite: Rewrite, message_max_bytes: int) -> None:
        self.source = source
        self.rewrite = rewrite
        self.wire = end.wire
        role: Side = SERVER if source is Source.CLIENT else CLIENT
        self.socket = Protocol(role, max_size=message_max_bytes)
        self.early = end.rest()
        """What came behind the handshake."""
        self._assembler = MessageAssembler(message_max_bytes)

    def message(self, frame: Frame) -> SeenMessage | None:
        """The message that a frame completes. The socket has let none past the limit."""
        self._assembler.begin(frame.opcode, compressed=False, size=len(frame.data))
        self._assembler.add(bytes(frame.data))
        return self._assembler.finish() if frame.fin else None

    def goodbye(self, code: int, reason: str) -> None:
        """Send a close frame, if none was sent."""
        if self.socket.state is State.OPEN:
            try:
                self.socket.send_close(code, reason)
            except ProtocolError:  # a code that may not stand in a frame (RFC 6455, 7.4), such as 1005
                self.socket.send_close()

    def flush_now(self) -> bool:
        """Hand all that is due to the connection; False where it is gone."""
        for data in self.socket.data_to_send():
            if self.wire.lost or self.wire.transport.is_closing():
                return False
            if data:
                self.wire.transport.write(data)
            elif self.wire.transport.can_write_eof():
                self.wire.transport.write_eof()
        return True

    async def flush(self) -> None:
        """The same, and wait while too much is on its way."""
        if self.flush_now():
            with contextlib.suppress(ConnectionError):
                await self.wire.drained()


class Rewriting:
    """A call in progress, from now on. What a splice is to a call whose bytes pass as they are."""

    def __init__(
        self,
        client: HttpEnd,
        upstream: HttpEnd,
        recording: Recording,
        *,
        recordings: Recordings,
        counts: Counts,
        message_max_bytes: int,
    ) -> None:
        self.ending: Ending | None = None
        self.events_seen = 0
        """Grows with each message of either side."""
        self._client = _Side(client, Source.CLIENT, to_ga, message_max_bytes)
        self._upstream = _Side(upstream, Source.SERVER, to_beta, message_max_bytes)
        self._recording = recording
        self._recordings = recordings
        self._counts = counts
        self.finished = asyncio.ensure_future(self._run())
        """Done once both connections are down; cancelled, it takes them down."""

    async def _run(self) -> None:
        """Pass messages until both sides are gone, or one lingers too long behind the other."""
        pumps = [
            asyncio.ensure_future(self._pump(self._client, self._upstream)),
            asyncio.ensure_future(self._pump(self._upstream, self._client)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(pumps, timeout=LINGER_SECONDS)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._client.wire.transport.close()
            self._upstream.wire.transport.close()
        for pump in pumps:
            if not pump.cancelled():
                pump.result()  # raises what a mistake of ours has raised
        self._ends(Ending(closed_by=Source.RECORDER, code=VANISHED))

    def close(self, code: int, reason: str) -> None:
        """Say goodbye to both sides. A call that ends already just does."""
        if self.ending is None:
            self.ending = Ending(closed_by=Source.RECORDER, code=code, reason=reason)
            for side in (self._client, self._upstream):
                side.goodbye(code, reason)
                side.flush_now()

    def abort(self) -> None:
        """End now, whatever is under way."""
        self.ending = self.ending or Ending(closed_by=Source.RECORDER, code=VANISHED)
        self._client.wire.transport.abort()
        self._upstream.wire.transport.abort()

    async def _pump(self, side: _Side, peer: _Side) -> None:
        """All that one side sends, to its end; then the peer hears that nothing follows."""
        data = side.early or await side.wire.read()
        while data:
            side.socket.receive_data(data)
            for frame in side.socket.events_received():
                assert isinstance(frame, Frame)
                self._take(frame, side, peer)
            if side.socket.parser_exc is not None:
                break
            await side.flush()
            await peer.flush()
            data = await side.wire.read()
        self._over(side, peer)
        await side.flush()
        await peer.flush()

    def _take(self, frame: Frame, side: _Side, peer: _Side) -> None:
        if frame.opcode is Opcode.CLOSE:
            said = side.socket.close_rcvd
            assert said is not None
            self._ends(Ending(closed_by=side.source, code=said.code, reason=said.reason))
            peer.goodbye(said.code, said.reason)
        elif frame.opcode is Opcode.PING and peer.socket.state is State.OPEN:
            peer.socket.send_ping(frame.data)
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            message = side.message(frame)
            if message is not None:
                self._pass(message, side, peer)

    def _over(self, side: _Side, peer: _Side) -> None:
        """A side sends no more: where it did not say goodbye, the peer learns why."""
        broken = side.socket.parser_exc is not None and side.socket.close_sent is not None
        code = side.socket.close_sent.code if broken and side.socket.close_sent else VANISHED
        self._ends(Ending(closed_by=side.source, code=code))
        name = "client" if side.source is Source.CLIENT else "upstream"
        peer.goodbye(INTERNAL_ERROR, f"{name} connection lost")

    def _ends(self, ending: Ending) -> None:
        self.ending = self.ending or ending

    def _pass(self, message: SeenMessage, side: _Side, peer: _Side) -> None:
        """Rewrite a message, record both, and send what it became. One that can't be rewritten goes as it is."""
        self.events_seen += 1
        became: bytes | None = message.data
        marker = None
        try:
            became, marker = _rewritten(message, side)
        except Exception as error:  # noqa: BLE001  # the call comes first: better the other shape than nothing
            self._not_rewritten(error)
        self._recordings.see(self._recording, side.source, message, marker)
        if became is not None and peer.socket.state is State.OPEN:
            (peer.socket.send_binary if message.binary else peer.socket.send_text)(became)

    def _not_rewritten(self, error: Exception) -> None:
        # Only the kind of error: its text could hold a piece of the message.
        self._counts.observer_failures += 1
        kind = type(error).__name__
        log.error("message not rewritten, it goes on as it is", session=self._recording.session_id, error=kind)


def _rewritten(message: SeenMessage, side: _Side) -> tuple[bytes | None, MessageRewritten | None]:
    """What goes on in a message's place, None for nothing; and what the log says of it, None where it is the same."""
    to = "upstream" if side.source is Source.CLIENT else "client"
    try:
        event = msgspec.json.decode(message.data)
    except (msgspec.DecodeError, RecursionError):
        return message.data, None
    if message.binary or not isinstance(event, dict):
        return message.data, None
    became = side.rewrite(event)
    if became is None:
        return None, MessageRewritten(to=to)
    if became == event:
        return message.data, None
    data = msgspec.json.encode(became)
    as_type = str(became["type"])
    if became == {**event, "type": as_type}:
        return data, MessageRewritten(to=to, as_type=as_type)
    return data, MessageRewritten(to=to, as_type=as_type, data=msgspec.json.decode(redact(data)))
