"""Whose ephemeral keys passed through here, so that their calls are his: keys are known by a digest, never kept."""

import hashlib
import hmac
import secrets

import msgspec

KEPT_MAX = 10_000
"""Keys live two hours at most. Of more the oldest are forgotten: their calls then have no relay key and no model."""


class Mint(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key."""

    relay_key: str | None = None
    """The name of the relay key it was minted with."""
    model: str | None = None


class Minted:
    """The keys that this worker saw being minted; another worker, or this one after a restart, knows none of them."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)
        self._mints: dict[bytes, Mint] = {}

    def remember(self, key: str, mint: Mint) -> None:
        """From now on."""
        self._mints[self._digest(key)] = mint
        while len(self._mints) > KEPT_MAX:
            del self._mints[next(iter(self._mints))]

    def find(self, key: str) -> Mint:
        """What is known of the key: nothing, where it came another way."""
        return self._mints.get(self._digest(key), Mint())

    def _digest(self, key: str) -> bytes:
        return hmac.digest(self._salt, key.encode(errors="replace"), hashlib.sha256)
