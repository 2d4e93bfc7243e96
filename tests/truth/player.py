"""What can be heard of the agent at the worker: a loudspeaker that plays piece after piece, and stops when told.

It keeps every piece with its beginning and end, so what was heard is looked up and not reckoned back.
"""

import msgspec

STREAM = "translation"
"""Response and item of what a translation session says, which has neither."""


class Piece(msgspec.Struct):
    """An audio delta in the loudspeaker."""

    response_id: str
    item_id: str
    length_ns: int
    minute: int
    """UTC, in which it was seen."""
    starts_ns: int | None = None
    """None: never plays, because its response was stopped before it came."""
    lane: str = ""
    """Audio of another lane plays at the same time: what is out-of-band is no part of the talk."""
    ends_ns: int = 0
    """Earlier than start and length would have it where it was stopped."""


class Player:
    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._stopped: set[str] = set()

    def feed(self, piece: Piece, now_ns: int) -> None:
        """Queue a piece behind what still plays."""
        if piece.response_id not in self._stopped:
            free_ns = max((other.ends_ns for other in self.pieces if other.lane == piece.lane), default=now_ns)
            piece.starts_ns = max(free_ns, now_ns)
            piece.ends_ns = piece.starts_ns + piece.length_ns
        self.pieces.append(piece)

    def stop(self, response_id: str, now_ns: int) -> None:
        """A response falls silent, for good."""
        self._stopped.add(response_id)
        for piece in self.pieces:
            if piece.response_id == response_id and piece.starts_ns is not None:
                piece.starts_ns = min(piece.starts_ns, now_ns)
                piece.ends_ns = min(piece.ends_ns, now_ns)

    def stop_all(self, now_ns: int) -> None:
        for response_id in {piece.response_id for piece in self.pieces} - self._stopped:
            self.stop(response_id, now_ns)

    def playing(self, now_ns: int) -> str | None:
        """The response that sounds now."""
        for piece in self.pieces:
            if piece.starts_ns is not None and piece.starts_ns <= now_ns < piece.ends_ns:
                return piece.response_id
        return None

    def ends_ns(self, response_id: str) -> int | None:
        """When the last of a response is or was heard. None where it never sounds."""
        ends = [
            piece.ends_ns for piece in self.pieces if piece.response_id == response_id and piece.starts_ns is not None
        ]
        return max(ends, default=None)

    def generated_ns(self, response_id: str) -> int:
        return sum(piece.length_ns for piece in self.pieces if piece.response_id == response_id)

    def played_ns(self, response_id: str, item_id: str, now_ns: int) -> int:
        """How much of an item has sounded by now."""
        return sum(
            max(min(piece.ends_ns, now_ns) - piece.starts_ns, 0)
            for piece in self.pieces
            if (piece.response_id, piece.item_id) == (response_id, item_id) and piece.starts_ns is not None
        )

    def items(self, response_id: str) -> list[str]:
        return list(dict.fromkeys(piece.item_id for piece in self.pieces if piece.response_id == response_id))

    def of_item(self, response_id: str, item_id: str) -> list[Piece]:
        return [piece for piece in self.pieces if (piece.response_id, piece.item_id) == (response_id, item_id)]
