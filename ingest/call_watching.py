"""Reads along an HTTP exchange around calls: follows the calls it begins, notes what it decides about them.

Nothing of the bodies is kept but a model's name; an ephemeral key is known by a digest only. Nothing in here raises.
"""

import h11
import msgspec
import structlog

from ingest import call_bodies, calls, cors
from ingest.counts import Counts
from ingest.heads import Admission, Asked, Rules
from ingest.markers import CallSteered, SessionOpened
from ingest.minted import Mint, Minted
from ingest.sideband import Call
from ingest.sidebands import Sidebands
from ingest.warden import Guarded

ATTACH_SECONDS = 15.0
"""How long the API may not know a call that it has just made."""

log = structlog.get_logger("calltape.ingest")


class Watching(msgspec.Struct, frozen=True, kw_only=True):
    """What all exchanges share."""

    sidebands: Sidebands | None
    """None where WebRTC calls are not followed."""
    minted: Minted
    counts: Counts
    attach_key: str
    """With which sidebands attach. Empty: with what the call was made with."""


class Watch:
    """One exchange."""

    def __init__(
        self,
        asked: Asked,
        admission: Admission,
        request: h11.Request,
        rules: Rules,
        watching: Watching,
        *,
        place: Guarded | None,
    ) -> None:
        self._admission = admission
        self._place = place
        self._asked = asked
        self._relay_key = admission.relay_key
        self._request = request
        self._rules = rules
        self._watching = watching
        self._body = call_bodies.Kept()
        self._answer = call_bodies.Kept()
        self._steered = calls.steered(asked)
        self._mints = asked.method == b"POST" and asked.path.rstrip("/").endswith(("/client_secrets", "/sessions"))
        self._succeeded = False

    def asked(self, data: bytes) -> None:
        """Keep what is read later: an offer, whose session names the model; and what is decided about a call."""
        if self._steered is not None or "multipart" in self._asked.headers.get("content-type", ""):
            self._body.add(data)

    def answered(self, answer: h11.Response) -> h11.Response:
        """Follow the call that this answer begins."""
        self._succeeded = answer.status_code < 300  # noqa: PLR2004  # all of 2xx
        try:
            self._note(answer)
        except Exception as error:  # noqa: BLE001  # the call comes first: whatever it is must not reach it
            self._report(error)
        return cors.granted(answer, self._asked, self._rules.cors_origins)

    def answer_body(self, data: bytes) -> None:
        """Remember by its digest the key that was minted, before the client has it."""
        if not self._mints or not self._succeeded:
            return
        self._answer.add(data)
        if not data.rstrip().endswith(b"}"):
            return
        try:
            key = call_bodies.key_of_answer(self._answer.whole())
            if key is not None:
                self._watching.minted.remember(key.value, Mint(relay_key=self._relay_key, model=key.model))
        except Exception as error:  # noqa: BLE001  # as above
            self._report(error)

    def _note(self, answer: h11.Response) -> None:
        sidebands = self._watching.sidebands
        if sidebands is None:
            return
        if self._steered is not None:
            detail = call_bodies.detail_of(self._body.whole())
            marker = CallSteered(action=self._steered.action, by="client", status=answer.status_code, detail=detail)
            sidebands.mark(self._steered.call_id, marker)
        created = calls.created(self._asked, answer)
        if created is not None:
            self._follow(created, sidebands)

    def _follow(self, created: calls.Created, sidebands: Sidebands) -> None:
        asked = self._asked
        offered = call_bodies.model_of_offer(asked.headers.get("content-type", ""), self._body.whole())
        begun = opened(asked, self._admission, self._rules, self._watching)
        begun = msgspec.structs.replace(begun, model=offered or begun.model, call_id=created.call_id)
        call = Call(
            call_id=created.call_id,
            place=created.place,
            credentials=calls.attach_credentials(self._request, self._rules, self._watching.attach_key),
            attach_seconds=ATTACH_SECONDS,
        )
        sidebands.follow(call, begun, guarded=self._place)

    def _report(self, error: Exception) -> None:
        # Only the kind of error: its text could hold a piece of a message.
        self._watching.counts.observer_failures += 1
        log.error("reading along failed, the exchange goes on", error=type(error).__name__)


def opened(asked: Asked, admission: Admission, rules: Rules, watching: Watching) -> SessionOpened:
    """How a WebRTC call's session begins, as far as the request tells."""
    mint = watching.minted.find(asked.key)
    return SessionOpened(
        mode="sideband",
        path=asked.target,
        model=asked.model or mint.model,
        headers=asked.headers,
        upstream_host=rules.upstream.authority,
        relay_key=admission.relay_key or mint.relay_key,
        transport="webrtc",
    )
