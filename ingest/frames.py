"""Where WebSocket frames begin and end in a stream of bytes (RFC 6455), and which messages they complete.

Pure: bytes in, messages out. It reads a copy; what is forwarded is not in its hands. How fragments and compression
become one message is in `messages`.
"""

import struct

import msgspec
from websockets.speedups import apply_mask

from ingest.messages import TOO_LARGE, MessageAssembler, MessageUnreadable, SeenMessage

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _RSV1, _RSV2_3, _OPCODE, _CONTROL = 0x80, 0x40, 0x30, 0x0F, 0x08
_MASKED, _LENGTH, _LENGTH_16, _LENGTH_64 = 0x80, 0x7F, 126, 127
_LENGTH_BYTES = {_LENGTH_16: 2, _LENGTH_64: 8}
_HEAD_LENGTH = bytes(
    2 + _LENGTH_BYTES.get(second & _LENGTH, 0) + (4 if second & _MASKED else 0) for second in range(256)
)
"""How long a frame's head is, by its second byte."""
_HEAD_MAX = 14
CONTROL_PAYLOAD_MAX = 125
NO_STATUS = 1005
"""How a close frame without a code is named; never sent itself."""
VANISHED = 1006
"""How the end of a connection without a close frame is named; never sent itself."""

FramesUnreadable = MessageUnreadable
"""The bytes are not frames that we understand; what follows can't be read either."""


class CloseFrame(msgspec.Struct, frozen=True, kw_only=True):
    """What a close frame said; code 1005 where it said nothing."""

    code: int
    reason: str = ""


class FrameWalker:
    """Walks one direction of a connection. After FramesUnreadable it must not be fed again."""

    __slots__ = ("_control", "_first", "_head", "_left", "_mask", "_message", "any_too_large", "closed")

    def __init__(self, message_max_bytes: int) -> None:
        self.closed: CloseFrame | None = None
        """The first close frame of this direction, once it was seen whole."""
        self.any_too_large = False
        """Whether `TOO_LARGE` was ever among what was found, so that nobody has to look for it."""
        self._message = MessageAssembler(message_max_bytes)
        self._head = b""
        self._left = 0
        self._first = 0
        self._mask = b""
        self._control = b""

    @property
    def at_boundary(self) -> bool:
        """Whether a frame of our own may follow what has passed so far."""
        return not self._left and not self._head

    def bytes_to_boundary(self, data: bytes) -> int:
        """How many of the next bytes belong to the frame that is under way; changes nothing."""
        if self._left:
            return min(self._left, len(data))
        if not self._head:
            return 0
        head = (self._head + data)[:_HEAD_MAX]
        if len(head) < 2 or len(head) < _HEAD_LENGTH[head[1]]:  # noqa: PLR2004  # flags and short length
            return len(data)
        size = head[1] & _LENGTH
        whole = _HEAD_LENGTH[head[1]] + (size if size < _LENGTH_16 else _long_size(head, 0))
        return min(whole - len(self._head), len(data))

    def feed(self, data: bytes, found: list[SeenMessage]) -> None:
        """Append the messages that these bytes complete, in order; `TOO_LARGE` stands for one past the limit.

        Raises FramesUnreadable; what was found before the fault is in `found`.
        """
        if self._head:
            data, self._head = self._head + data, b""
        position = self._continue(data, found) if self._left else 0
        end = len(data)
        while position < end:
            position = self._frame(data, position, end, found)

    def _frame(self, data: bytes, start: int, end: int, found: list[SeenMessage]) -> int:
        """Walk the frame that begins at `start`, as far as it is there. The position behind that."""
        # Written out rather than split up: this runs for every frame of every call.
        if end - start < 2 or end - start < _HEAD_LENGTH[data[start + 1]]:  # noqa: PLR2004  # flags and short length
            self._head = data[start:]
            return end
        first, second = data[start], data[start + 1]
        at = start + _HEAD_LENGTH[second]
        size = second & _LENGTH
        if size >= _LENGTH_16:
            size = _long_size(data, start)
        mask = data[at - 4 : at] if second & _MASKED else b""
        stop = at + size
        if stop <= end and self._message.takes_whole(first, size):
            payload = data[at:stop]
            found.append(SeenMessage(apply_mask(payload, mask) if mask else payload, first & _OPCODE == BINARY))
            return stop
        self._begin(first, size, mask)
        return self._continue(data, found, at)

    def _begin(self, first: int, size: int, mask: bytes) -> None:
        opcode = first & _OPCODE
        if first & _RSV2_3 or opcode not in {CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG}:
            raise FramesUnreadable(f"frame begins with 0x{first:02x}")
        if opcode & _CONTROL:
            if size > CONTROL_PAYLOAD_MAX or not first & _FIN:
                raise FramesUnreadable(f"control frame of {size} bytes begins with 0x{first:02x}")
            self._control = b""
        else:
            self._message.begin(opcode, compressed=bool(first & _RSV1), size=size)
        self._first, self._left, self._mask = first, size, mask

    def _continue(self, data: bytes, found: list[SeenMessage], start: int = 0) -> int:
        """Take what there is of the frame under way, and end it where it ends."""
        stop = min(start + self._left, len(data))
        taken = stop - start
        if taken:
            piece = data[start:stop] if taken < len(data) else data
            self._take(apply_mask(piece, self._mask) if self._mask else piece)
            self._left -= taken
            turn = taken & 3
            self._mask = self._mask[turn:] + self._mask[:turn]
        if not self._left:
            self._end(found)
        return stop

    def _take(self, payload: bytes) -> None:
        if self._first & _CONTROL:
            self._control += payload
        else:
            self._message.add(payload)

    def _end(self, found: list[SeenMessage]) -> None:
        opcode = self._first & _OPCODE
        if opcode == CLOSE and self.closed is None:
            self.closed = _parse_close(self._control)
        elif not opcode & _CONTROL and self._first & _FIN:
            message = self._message.finish()
            self.any_too_large = self.any_too_large or message is TOO_LARGE
            found.append(message)


def _long_size(data: bytes, start: int) -> int:
    """The payload's size where it stands in two or eight bytes of its own."""
    stop = start + (4 if data[start + 1] & _LENGTH == _LENGTH_16 else 10)
    return int.from_bytes(data[start + 2 : stop], "big")


def _parse_close(payload: bytes) -> CloseFrame:
    if len(payload) < 2:  # noqa: PLR2004  # a code has two bytes
        return CloseFrame(code=NO_STATUS)
    return CloseFrame(code=int.from_bytes(payload[:2], "big"), reason=payload[2:].decode(errors="replace"))


def close_frame(code: int, reason: str, mask: bytes = b"") -> bytes:
    """A close frame of our own; towards a server it needs a mask of four random bytes."""
    payload = struct.pack("!H", code) + reason.encode()
    assert len(payload) <= CONTROL_PAYLOAD_MAX, f"close reason too long: {reason}"
    if not mask:
        return bytes((_FIN | CLOSE, len(payload))) + payload
    return bytes((_FIN | CLOSE, _MASKED | len(payload))) + mask + apply_mask(payload, mask)
