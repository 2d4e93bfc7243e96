"""All that concerns WebRTC and SIP calls, put together: switchboard, bell, peers, REST and sidebands."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

from simulator.handshake import Refused, refused_key
from simulator.live_call import LiveCall
from simulator.rest import NotPossible, Rest
from simulator.ringing import Bell
from simulator.session import Opening, Session
from simulator.settings import SimulatorSettings
from simulator.sideband import Sideband
from simulator.switchboard import Switchboard
from simulator.truth import TruthLog


class PeersLike(Protocol):
    """Who answers SDP offers."""

    async def answer(self, offer: str, call: LiveCall) -> str: ...

    async def close(self) -> None: ...


class NoPeers:
    """Stands in where aiortc isn't installed."""

    async def answer(self, offer: str, call: LiveCall) -> str:  # noqa: ARG002 - the peers' own
        raise NotPossible("aiortc is missing: pip install 'calltape[webrtc]'")

    async def close(self) -> None:
        pass


class Exchange:
    """The telephone exchange of one simulator."""

    def __init__(
        self,
        settings: SimulatorSettings,
        open_session: Callable[[Opening], Session],
        next_number: Callable[[], int],
        truth: TruthLog,
    ) -> None:
        self._switchboard = Switchboard(open_session, next_number, truth, findable_after_ms=settings.sideband_after_ms)
        self._bell = Bell(self._switchboard)
        self._peers = _peers()
        self.respond = Rest(self._switchboard, self._bell, self._peers.answer).respond

    def refusal(self, socket: ServerConnection, call_id: str) -> Response | None:
        """The answer to a sideband that can't attach; None where it can."""
        if self._switchboard.find(call_id) is not None:
            return None
        error = {"message": "No session found for the provided call_id", "type": "invalid_request_error"}
        body = msgspec.json.encode({"error": {**error, "code": "call_id_not_found", "param": None}}).decode()
        answer = socket.respond(HTTPStatus.NOT_FOUND, body)
        del answer.headers["Content-Type"]
        answer.headers["Content-Type"] = "application/json"
        return answer

    async def attach(self, socket: ServerConnection, call_id: str) -> None:
        """Let a sideband follow its call."""
        call = self._switchboard.find(call_id)
        if call is None:
            await socket.close(1011, "the call has just ended")
        else:
            await Sideband(socket).follow(call)

    def refused(self, key: str) -> Refused | None:
        """Why a sideband's key is refused."""
        refused = refused_key(key)
        if refused is None and not self._switchboard.admits(key):
            return refused_key("bad")
        return refused

    async def close(self) -> None:
        """End all calls."""
        self._bell.stop()
        self._switchboard.hang_up_all()
        await self._peers.close()


def _peers() -> PeersLike:
    try:
        from simulator.peer import Peers  # noqa: PLC0415 - an optional extra
    except ImportError:
        return NoPeers()
    return Peers()
