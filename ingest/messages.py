"""How fragments, compressed or not, become one message. Pure; bounded in memory whatever the peer sends."""

import zlib

import msgspec


class SeenMessage(msgspec.Struct, frozen=True, gc=False):
    data: bytes
    binary: bool


_CONTINUATION, _TEXT, _BINARY = 0x0, 0x1, 0x2
_WHOLE = frozenset({0x81, 0x82})  # FIN with text or binary, uncompressed
_INFLATE_STEP_BYTES = 1 << 20
_SYNC_TAIL = b"\x00\x00\xff\xff"
"""What the sender leaves away at the end of each compressed message (RFC 7692, 7.2.1)."""

TOO_LARGE = SeenMessage(b"past the limit", False)
"""Stands, by identity, for a message past the limit: it was forwarded, but nobody kept its bytes."""


class MessageUnreadable(ValueError):
    """Fragments or compressed bytes that make no message; what follows in that direction can't be read either."""


class MessageAssembler:
    """Collects one message at a time of one direction."""

    __slots__ = ("_binary", "_compressed", "_dark", "_inflater", "_max_bytes", "_open", "_parts", "_too_large")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._inflater: zlib._Decompress | None = None
        self._dark = False
        self._open = False
        self._binary = False
        self._compressed = False
        self._too_large = False
        self._parts = bytearray()

    def takes_whole(self, first: int, size: int) -> bool:
        """Whether a frame with this first byte is a whole message by itself that needs nothing from here."""
        return first in _WHOLE and not self._open and size <= self._max_bytes

    def begin(self, opcode: int, *, compressed: bool, size: int) -> None:
        """A data frame of `size` bytes begins. Raises MessageUnreadable where it can't follow what came before."""
        if (opcode == _CONTINUATION) is not self._open:
            raise MessageUnreadable("fragments out of order")
        if not self._open:
            self._open, self._binary, self._compressed = True, opcode == _BINARY, compressed
            self._too_large = compressed and self._dark
        if not self._compressed and len(self._parts) + size > self._max_bytes:
            self._give_up()

    def add(self, payload: bytes) -> None:
        """The next bytes of the frame, unmasked."""
        if self._too_large:
            return
        if self._compressed:
            self._inflate(payload)
        else:
            self._parts += payload

    def finish(self) -> SeenMessage:
        """The message, now that its last frame ended; TOO_LARGE where it went past the limit."""
        if self._compressed and not self._too_large:
            self._inflate(_SYNC_TAIL)
        parts, self._parts = self._parts, bytearray()
        self._open = False
        return TOO_LARGE if self._too_large else SeenMessage(bytes(parts), self._binary)

    def _inflate(self, payload: bytes) -> None:
        try:
            while payload and not self._too_large:
                # The window goes on from message to message unless the sender starts anew, and then it does no harm.
                if self._inflater is None or self._inflater.eof:
                    self._inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
                self._parts += self._inflater.decompress(payload, _INFLATE_STEP_BYTES)
                payload = self._inflater.unconsumed_tail or self._inflater.unused_data
                if len(self._parts) > self._max_bytes:
                    self._give_up()
        except zlib.error as error:
            raise MessageUnreadable(f"can't be inflated: {error}") from error

    def _give_up(self) -> None:
        # Inflating the rest only to keep the window would let a peer burn our CPU a thousandfold: what is
        # compressed and comes later in this direction counts as lost too.
        self._dark = self._compressed
        self._too_large = True
        self._parts = bytearray()
