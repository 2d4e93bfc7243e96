"""Whether a webhook is the API's own, new and unheard of: Standard Webhooks (PROTOCOL section 2). Pure but for memory.

The signature is checked on the bytes as they came, before anything reads them.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

import msgspec

from ingest.heads import Refusal

PREFIX = "whsec_"
WINDOW_SECONDS = 300
SEEN_MAX = 100_000
"""Only who has the secret gets this far. Of more the oldest are forgotten, and could be played again."""
_VERSION = "v1,"
_TIMESTAMP_LENGTH_MAX = 12
_ID_LENGTH_MAX = 256
SIGNATURES_MAX = 16


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that the API has sent."""

    id: str
    again: bool
    """It was delivered before, and this is another attempt of the API's: there is nothing more to do about it."""


def key_of(secret: str) -> bytes:
    """The key in a secret, as the API shows it. Raises ValueError where it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("is no webhook secret: whsec_ and base64 are expected") from error
    if not key:
        raise ValueError("is empty")
    return key


class Receiver:
    """Takes each webhook once. Several keys are for the time in which a secret is replaced."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = keys
        self._seen: dict[str, int] = {}
        """By id: the newest timestamp."""

    def take(self, headers: Mapping[str, str], body: bytes, now: float) -> Delivered | Refusal:
        """What this webhook is; `now` in unix seconds. A refused one changes nothing."""
        webhook_id = headers.get("webhook-id", "")
        stamped = headers.get("webhook-timestamp", "")
        signatures = headers.get("webhook-signature", "")
        if not webhook_id or not stamped or not signatures or len(webhook_id) > _ID_LENGTH_MAX:
            return _refusal(
                400, "webhook_headers_missing", "webhook-id, webhook-timestamp, webhook-signature are needed"
            )
        if not stamped.isascii() or not stamped.isdigit() or len(stamped) > _TIMESTAMP_LENGTH_MAX:
            return _refusal(400, "webhook_timestamp_unreadable", "webhook-timestamp must be unix seconds")
        if not self._signed(webhook_id, stamped, signatures, body):
            return _refusal(401, "webhook_signature_wrong", "no signature of this webhook fits any configured secret")
        timestamp = int(stamped)
        if abs(now - timestamp) > WINDOW_SECONDS:
            return _refusal(401, "webhook_stale", f"signed more than {WINDOW_SECONDS} seconds ago, or ahead of time")
        return self._noted(webhook_id, timestamp)

    def _signed(self, webhook_id: str, stamped: str, signatures: str, body: bytes) -> bool:
        signed = f"{webhook_id}.{stamped}.".encode(errors="replace") + body
        expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in self._keys]
        offered = [each for each in signatures.split(" ")[:SIGNATURES_MAX] if each.startswith(_VERSION)]
        fits = [
            hmac.compare_digest(each.removeprefix(_VERSION).encode(errors="replace"), wanted)
            for each in offered
            for wanted in expected
        ]
        return any(fits)

    def _noted(self, webhook_id: str, timestamp: int) -> Delivered | Refusal:
        before = self._seen.pop(webhook_id, None)
        self._seen[webhook_id] = max(timestamp, before or 0)
        while len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]
        if before is not None and timestamp <= before:
            # The API signs each attempt anew. The very same one again is somebody's copy.
            return _refusal(409, "webhook_replayed", "this very webhook was delivered before")
        return Delivered(id=webhook_id, again=before is not None)


def _refusal(status: int, code: str, message: str) -> Refusal:
    return Refusal(status=status, code=code, message=message)
