"""Telephone calls that come in: the webhook that announces one, and the caller who speaks once it is accepted."""

import asyncio
import secrets
import time
from typing import Any, Literal

import msgspec
import numpy as np

from simulator.audio import Samples
from simulator.checking import Config, Rejected
from simulator.live_call import LiveCall
from simulator.microphone import recording
from simulator.signing import signed
from simulator.switchboard import Switchboard
from simulator.voice import RATE
from simulator.web import WebAnswer, post

CHUNK_MS = 20
RINGS_SECONDS = 60.0
"""After this long unanswered the caller gives up."""
ANSWER_SECONDS = 30.0


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that the caller does."""

    do: Literal["hear", "speak", "press", "wait"]
    what: str = ""
    """speak: a recording of simulator/speech; press: digits."""
    ms: int = 0


class IncomingCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `POST /simulator/ring` takes: a call to make, and where to announce it."""

    webhook_url: str
    webhook_secret: str
    to: str = "sip:+15550100@sip.example.com"
    caller: str = "sip:+15550199@sip.example.com"
    headers: dict[str, str] = {}
    """Further SIP headers."""
    steps: tuple[Step, ...] = ()
    rings_seconds: float = RINGS_SECONDS


class Bell:
    """Calls that ring, and those that were answered by telephone."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._ringing: dict[str, asyncio.Future[tuple[str, Config]]] = {}
        self._callers: set[asyncio.Task[None]] = set()

    def ringing(self, call_id: str) -> str | None:
        """The id itself where that call rings."""
        return call_id if call_id in self._ringing else None

    def decided(self, call_id: str, action: str, body: Config) -> None:
        """The call was accepted or rejected."""
        if action == "accept" and body.get("type", "realtime") != "realtime":
            raise Rejected("Invalid value for 'type'.", param="type")
        decision = self._ringing.pop(call_id)
        if action == "accept":
            # A session that the API would not take is refused before anybody picks up.
            self._switchboard.place(call_id, {key: value for key, value in body.items() if key != "type"})
        decision.set_result((action, body))

    async def ring(self, asked: Config) -> WebAnswer:
        """Announce a call. Answers with its id and what the webhook's receiver said."""
        try:
            incoming = msgspec.convert(asked, IncomingCall)
        except msgspec.ValidationError as fault:
            raise Rejected(str(fault)) from fault
        call_id = self._switchboard.new_call_id()
        self._ringing[call_id] = asyncio.get_running_loop().create_future()
        caller = asyncio.ensure_future(self._call(call_id, incoming))
        self._callers.add(caller)
        caller.add_done_callback(self._callers.discard)
        status = await _announce(call_id, incoming)
        body = msgspec.json.encode({"call_id": call_id, "webhook_status": status})
        return WebAnswer(status=200, headers={"Content-Type": "application/json"}, body=body)

    def stop(self) -> None:
        for caller in self._callers:
            caller.cancel()

    async def _call(self, call_id: str, incoming: IncomingCall) -> None:
        try:
            async with asyncio.timeout(incoming.rings_seconds):
                action, _ = await asyncio.shield(self._ringing[call_id])
        except TimeoutError:
            self._ringing.pop(call_id, None)
            return
        call = self._switchboard.placed(call_id)
        if action == "accept" and call is not None:
            await Caller(call).hold(incoming.steps)


class Caller:
    """Somebody on the telephone."""

    def __init__(self, call: LiveCall) -> None:
        self._call = call
        self._saying: Samples = np.zeros(0, dtype=np.int16)
        self._heard_until = 0.0
        self._agent_spoke = asyncio.Event()
        call.loudspeaker = self

    def play(self, samples: Samples) -> None:
        now = asyncio.get_running_loop().time()
        self._heard_until = max(self._heard_until, now) + len(samples) / RATE
        self._agent_spoke.set()

    def hush(self) -> None:
        self._heard_until = asyncio.get_running_loop().time()

    async def hold(self, steps: tuple[Step, ...]) -> None:
        """Do all steps, then hang up."""
        line = asyncio.ensure_future(self._open_line())
        try:
            for step in steps:
                await self._do(step)
        except TimeoutError:
            pass  # the agent didn't answer: the caller hangs up all the same
        finally:
            line.cancel()
            self._call.hang_up()

    async def _do(self, step: Step) -> None:
        match step.do:
            case "hear":
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._agent_spoke.wait()
                # Not a poll: what there is to hear may have become more meanwhile.
                while (left := self._heard_until - asyncio.get_running_loop().time()) > 0:  # noqa: ASYNC110
                    await asyncio.sleep(left)
            case "speak":
                self._agent_spoke.clear()
                self._saying = recording(step.what)
                await asyncio.sleep(len(self._saying) / RATE)
            case "press":
                for digit in step.what:
                    self._call.press(digit)
            case "wait":
                await asyncio.sleep(step.ms / 1000)

    async def _open_line(self) -> None:
        """The line carries sound all the time, also silence."""
        clock = asyncio.get_running_loop()
        due, size = clock.time(), RATE * CHUNK_MS // 1000
        while not self._call.over.is_set():
            chunk = np.zeros(size, dtype=np.int16)
            spoken, self._saying = self._saying[:size], self._saying[size:]
            chunk[: len(spoken)] = spoken
            self._call.hear(chunk)
            due += CHUNK_MS / 1000
            await asyncio.sleep(max(due - clock.time(), 0))


async def _announce(call_id: str, incoming: IncomingCall) -> int:
    body = msgspec.json.encode(announcement(call_id, incoming))
    headers = signed(incoming.webhook_secret, f"wh_{secrets.token_hex(16)}", int(time.time()), body)
    return await post(incoming.webhook_url, {**headers, "Content-Type": "application/json"}, body)


def announcement(call_id: str, incoming: IncomingCall) -> dict[str, Any]:
    """The body of the webhook."""
    named = {"From": incoming.caller, "To": incoming.to, "Call-ID": secrets.token_hex(8), **incoming.headers}
    return {
        "object": "event",
        "id": f"evt_{secrets.token_hex(12)}",
        "type": "realtime.call.incoming",
        "created_at": int(time.time()),
        "data": {
            "call_id": call_id,
            "sip_headers": [{"name": name, "value": value} for name, value in named.items()],
            "sip_media_security": "srtp",
        },
    }
