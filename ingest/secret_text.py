"""Where secrets stand in plain text: tokens by their look, and fragments of keys in what a server says. Pure.

Each pattern is tried only where a fixed string was found, so that the search is linear whatever a peer sends.
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]
"""Where something begins and where it has ended."""

_BODY = rb"(?:[A-Za-z0-9_*-]|\.(?=[A-Za-z0-9_*.-])|\xe2\x80\xa6)"
"""What keys are made of, and what stands in for the middle of one that was masked: asterisks, dots, an ellipsis."""

_AT: tuple[tuple[bytes, re.Pattern[bytes]], ...] = (
    # A key stands by itself: the `sk-` of `task-force` and the `ek_` of `week_2` are none.
    (b"sk-", re.compile(rb"(?<![a-z0-9])sk-" + _BODY + rb"{6,}", re.IGNORECASE)),
    (b"ek_", re.compile(rb"(?<![a-z0-9])ek_" + _BODY + rb"{6,}", re.IGNORECASE)),
    # These can be told even where they are glued to what stands before.
    (b"sk-", re.compile(rb"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_*-]{8,}", re.IGNORECASE)),
    (b"ek_", re.compile(rb"ek_[A-Za-z0-9]{24,}", re.IGNORECASE)),
    (b"openai-insecure-api-key.", re.compile(rb"openai-insecure-api-key\.([^\s,\"'\\]+)", re.IGNORECASE)),
    (b"bearer", re.compile(rb"bearer\s+([A-Za-z0-9._~+/=*-]{20,})", re.IGNORECASE)),
    (b"key provided", re.compile(rb"key provided:?\s+([^\s\"]*[^\s\".,;])", re.IGNORECASE)),
)
_ASTERISKS = re.compile(rb"\*{3,}")
_SPEAKS_OF_KEYS = re.compile(rb"api[ _-]?key", re.IGNORECASE)
_KEY_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*")
_FRAGMENT_MAX = 400

WORDS = (*dict.fromkeys(word for word, _ in _AT), b"***")
"""One of these, in lower case, stands in any text that holds a secret."""


def secrets_in_text(text: bytes) -> list[Span]:
    """The secrets of a text, in order, none overlapping."""
    lowered = text.lower()
    if not any(word in lowered for word in WORDS):
        return []
    return merged([*_tokens(text, lowered), *_masked_fragments(text)])


def merged(spans: list[Span]) -> list[Span]:
    """The same places, in order, with those that touch or overlap made one."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole


def _tokens(text: bytes, lowered: bytes) -> Iterator[Span]:
    for word, pattern in _AT:
        place = lowered.find(word)
        while place >= 0:
            found = pattern.match(text, place)
            if found:
                yield found.span(pattern.groups)
            place = lowered.find(word, found.end() if found else place + 1)


def _masked_fragments(text: bytes) -> Iterator[Span]:
    """What is left of a key in `Incorrect API key provided: abcd****wxyz`; asterisks elsewhere are just emphasis."""
    if b"***" not in text or not _SPEAKS_OF_KEYS.search(text):
        return
    end = 0
    for found in _ASTERISKS.finditer(text):
        if found.start() < end:
            continue
        earliest, start = max(end, found.start() - _FRAGMENT_MAX), found.start()
        while start > earliest and text[start - 1] in _KEY_BYTES:
            start -= 1
        end = found.end()
        while end < len(text) and text[end] in _KEY_BYTES:
            end += 1
        if end - start > found.end() - found.start():
            yield start, end
