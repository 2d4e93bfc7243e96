"""A JSON string as it is written and what it says, so that a place in the one is found in the other. Pure."""

import bisect
import re

import msgspec

_ESCAPE = re.compile(rb"\\u([0-9A-Fa-f]{4})|\\(.)", re.DOTALL)
_SHORT = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


class Spoken(msgspec.Struct, frozen=True):
    """What a written string says, as UTF-8."""

    text: bytes
    spoken_at: tuple[int, ...]
    """Where runs begin in what is said: stretches without an escape, and the escapes, in turn."""
    written_at: tuple[int, ...]
    """Where the same runs begin in what is written."""

    def written(self, place: int) -> int:
        """Where the character that begins at a place of the text is written."""
        run = bisect.bisect_right(self.spoken_at, place) - 1
        return self.written_at[run] + place - self.spoken_at[run]


def spoken(written: bytes) -> Spoken:
    """Read what stands between the quotes. Halves of surrogate pairs stay as they are: no secret is made of them."""
    texts: list[bytes] = []
    spoken_at, written_at = [0], [0]
    length = end = 0
    for escape in _ESCAPE.finditer(written):
        plain = written[end : escape.start()]
        said = _said(escape)
        texts += (plain, said)
        length += len(plain)
        end = escape.end()
        spoken_at += (length, length + len(said))
        written_at += (escape.start(), end)
        length += len(said)
    texts.append(written[end:])
    return Spoken(b"".join(texts), tuple(spoken_at), tuple(written_at))


def _said(escape: re.Match[bytes]) -> bytes:
    if escape[1] is not None:
        return chr(int(escape[1], 16)).encode(errors="surrogatepass")
    return _SHORT.get(escape[2], escape[2])
