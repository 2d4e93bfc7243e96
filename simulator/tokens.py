"""How many tokens a text or a piece of audio is, and in which pieces text is streamed (PROTOCOL 5.3)."""

import re

PIECE = re.compile(r"\s*[\w']+|\s*[^\w\s]+|\s+$")
"""A word or a mark, with the space before it: the shape of the API's deltas."""


def pieces(text: str) -> list[str]:
    """The text cut as it is streamed; joined again it is the text."""
    return PIECE.findall(text)


def text_tokens(text: str) -> int:
    """About what the API counts: a piece is a token, a long word is two or more."""
    return sum(1 + (len(piece.strip()) - 1) // 8 for piece in pieces(text))


def user_audio_tokens(length_ms: float) -> int:
    """One for each 100 ms that is complete."""
    return int(length_ms // 100)


def agent_audio_tokens(length_ms: float) -> int:
    """One for each 50 ms begun."""
    return -int(-length_ms // 50)
