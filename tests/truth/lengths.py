"""Lengths of audio, by its bytes."""

from tests.truth.world import NS_PER_MS


class Length:
    """Of audio whose bytes come piece by piece: rounded down once, not with each piece."""

    def __init__(self) -> None:
        self._size = self._bytes_per_ms = 0

    def add(self, size: int, bytes_per_ms: int) -> int:
        """Nanoseconds by which it has grown."""
        if bytes_per_ms != self._bytes_per_ms:
            self._size, self._bytes_per_ms = 0, bytes_per_ms
        before = self._size * NS_PER_MS // bytes_per_ms
        self._size += size
        return self._size * NS_PER_MS // bytes_per_ms - before
