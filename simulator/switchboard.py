"""All WebRTC and SIP calls of a simulator by their ids, and the ephemeral keys it has given out (PROTOCOL 2)."""

import secrets
import time
from collections.abc import Callable

import msgspec

from simulator.checking import Config, Rejected
from simulator.line import Chance, Send
from simulator.live_call import LiveCall
from simulator.media import MediaSession
from simulator.session import Opening, Session
from simulator.truth import TruthLog

EPHEMERAL = "ek_"
_KEY_SECONDS = 600
_KEYS_MAX = 1_000

OpenSession = Callable[[Opening], Session]


class Minted(msgspec.Struct, frozen=True, kw_only=True):
    """An ephemeral key and what it is for."""

    value: str
    expires_at: int
    session: Config


class Switchboard:
    """Calls under way. Of ephemeral keys beyond a thousand the oldest are forgotten."""

    def __init__(
        self, open_session: OpenSession, next_number: Callable[[], int], truth: TruthLog, *, findable_after_ms: float
    ) -> None:
        self._open_session = open_session
        self._next_number = next_number
        self._truth = truth
        self._findable_after_ns = int(findable_after_ms * 1_000_000)
        self._calls: dict[str, LiveCall] = {}
        self._keys: dict[str, Minted] = {}

    def new_call_id(self) -> str:
        return f"rtc_u0_{secrets.token_urlsafe(16)}"

    def place(self, call_id: str, asked: Config) -> LiveCall:
        """Begin a call with this session configuration. Rejected where the API would not take it."""
        model = str(asked.get("model") or "gpt-realtime")
        number = self._next_number()
        opening = Opening(
            kind="realtime",
            model=model,
            beta=False,
            number=number,
            now_ns=time.monotonic_ns(),
            unix_seconds=int(time.time()),
        )
        session = self._open_session(opening)
        _configure(session, asked, opening.now_ns)
        media = MediaSession(session, Chance(None, ~number), opening.now_ns)
        call = self._calls[call_id] = LiveCall(call_id, media, self._truth, self._forget)
        self._truth.write(session.id, "call_placed", {"call_id": call_id})
        call.open()
        return call

    def placed(self, call_id: str) -> LiveCall | None:
        """The call, however young."""
        return self._calls.get(call_id)

    def find(self, call_id: str) -> LiveCall | None:
        """The call. None where there is none, or not yet: the API takes a moment to know its own calls."""
        call = self._calls.get(call_id)
        young = call is not None and time.monotonic_ns() - call.began_ns < self._findable_after_ns
        return None if young else call

    def mint(self, session: Config, seconds: int | None) -> Minted:
        """A new ephemeral key."""
        expires_at = int(time.time()) + (seconds or _KEY_SECONDS)
        minted = Minted(value=f"{EPHEMERAL}{secrets.token_hex(16)}", expires_at=expires_at, session=session)
        self._keys[minted.value] = minted
        for value in list(self._keys)[:-_KEYS_MAX]:
            del self._keys[value]
        return minted

    def admits(self, key: str) -> bool:
        """Whether a key is one of ours that has not expired, or of another kind."""
        minted = self._keys.get(key)
        return not key.startswith(EPHEMERAL) or (minted is not None and minted.expires_at > time.time())

    def session_of(self, key: str) -> Config:
        """What was asked for when the ephemeral key was minted."""
        minted = self._keys.get(key)
        return {} if minted is None else minted.session

    def hang_up_all(self) -> None:
        for call in list(self._calls.values()):
            call.hang_up(1001, "the simulator stops")

    def _forget(self, call_id: str) -> None:
        self._calls.pop(call_id, None)


def _configure(session: Session, asked: Config, now_ns: int) -> None:
    """Apply what the call was created with: the caller sees it in `session.created`, and no `session.updated`."""
    created = session.take()
    wanted = {key: value for key, value in asked.items() if key != "model"}
    session.receive(
        msgspec.json.encode({"type": "session.update", "session": {"type": "realtime", **wanted}}).decode(), now_ns
    )
    [answer] = [action.event for action in session.take() if isinstance(action, Send)]
    if answer["type"] == "error":
        raise Rejected(answer["error"]["message"], code=answer["error"]["code"], param=answer["error"]["param"])
    for action in created:
        if isinstance(action, Send):
            action.event["session"] = answer["session"]
    session.give_back(created)
