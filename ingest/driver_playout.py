"""The driver's loudspeaker: what has been heard of the agent by when. Pure; times are seconds on any one clock."""

import msgspec


class Playing(msgspec.Struct, frozen=True, kw_only=True):
    """What is being heard right now."""

    item_id: str
    heard_ms: int


class _Piece(msgspec.Struct, frozen=True):
    item_id: str
    start: float
    end: float


class Playout:
    """Audio comes faster than it is heard; it is played in order, without gaps where it is there in time."""

    def __init__(self) -> None:
        self.ends = 0.0
        """When the last piece will have been heard."""
        self._pieces: list[_Piece] = []
        self._silenced: set[str] = set()

    def add(self, item_id: str, length_ms: float, now: float) -> None:
        """Queue a piece; nothing more of an item that was stopped."""
        if item_id in self._silenced:
            return
        if self.ends <= now:
            self._pieces = [piece for piece in self._pieces if piece.item_id == item_id]
        start = max(self.ends, now)
        self.ends = start + length_ms / 1000
        self._pieces.append(_Piece(item_id, start, self.ends))

    def playing(self, now: float) -> Playing | None:
        """The item that is being heard and how much of it has been; None in silence."""
        current = next((piece for piece in self._pieces if piece.start <= now < piece.end), None)
        if current is None:
            return None
        heard = sum(
            min(piece.end, now) - piece.start
            for piece in self._pieces
            if piece.item_id == current.item_id and piece.start <= now
        )
        return Playing(item_id=current.item_id, heard_ms=int(heard * 1000))

    def stop(self, now: float) -> None:
        """Be silent at once, and for the rest of what is queued."""
        self._silenced.update(piece.item_id for piece in self._pieces if piece.end > now)
        self._pieces.clear()
        self.ends = now
