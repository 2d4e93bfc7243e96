"""One end of an HTTP/1.1 connection: h11 on a wire."""

import h11
import msgspec

from ingest.heads import RawHeaders, Refusal
from ingest.wire import Wire

HEAD_MAX_BYTES = 1 << 16
"""Browsers' subprotocol lists and cookies are long; h11's own bound of 16 KiB is short for them."""

Happening = h11.Event | type[h11.PAUSED]


class HttpEnd:
    """Events in and out. Errors of the peer come as h11.RemoteProtocolError, its absence as ConnectionResetError."""

    def __init__(self, wire: Wire, role: type[h11.CLIENT | h11.SERVER]) -> None:
        self.wire = wire
        self._http = h11.Connection(role, max_incomplete_event_size=HEAD_MAX_BYTES)

    async def happening(self) -> Happening:
        """The next event. h11.PAUSED where what follows is no longer HTTP."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self.wire.read())
        assert event is not h11.NEED_DATA
        return event  # type: ignore[return-value]  # h11 types its sentinels as classes, which can't be told apart

    async def send(self, *events: h11.Event) -> None:
        """Send, and wait while too much is on its way."""
        for event in events:
            data = self._http.send(event)
            if data:
                await self.wire.write(data)

    def rest(self) -> bytes:
        """What the peer sent behind the HTTP part."""
        return self._http.trailing_data[0] + self.wire.take()

    async def answer(self, status: int) -> None:
        """Answer with a status and nothing else, and close."""
        headers = [("Content-Length", "0"), ("Connection", "close")]
        await self.send(h11.Response(status_code=status, headers=headers), h11.EndOfMessage())
        await self.wire.finish()

    async def refuse(self, refusal: Refusal, headers: RawHeaders | None = None) -> None:
        """Answer with the reason, in the shape in which the API reports errors, and close."""
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            error = {"type": "relay_error", "code": refusal.code, "message": refusal.message, "param": None}
            body = msgspec.json.encode({"error": error})
            sent = [
                *(headers or []),
                (b"Content-Type", b"application/json"),
                (b"Content-Length", str(len(body)).encode()),
                (b"Connection", b"close"),
            ]
            answer = h11.Response(status_code=refusal.status, headers=sent)
            await self.send(answer, h11.Data(data=body), h11.EndOfMessage())
        await self.wire.finish()
