"""A call's sound ready to be played: cut in pieces that fit a browser, made once and kept."""

from collections.abc import Sequence
from typing import Final

import msgspec
import streamlit as st

from dashboard.audio import Chunk, Peak, Stereo, audio_format, outline, stereo, wav
from dashboard.desk import Desk
from dashboard.queries import session as queries
from pipeline.domain import facts

PIECE_MS: Final = 15 * 60_000.0
"""A longer call is played in pieces: 15 minutes of stereo at 24 kHz are 86 MB."""
OUTLINE_POINTS: Final = 900
"""About as many as the waterfall has pixels to show."""


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """WAV files of one piece of a call."""

    both: bytes
    user: bytes
    agent: bytes


class Outlines(msgspec.Struct, frozen=True, kw_only=True):
    """Both waves of a whole call, coarsely."""

    user: Sequence[Peak] = ()
    agent: Sequence[Peak] = ()


def pieces(session: facts.Session) -> list[tuple[float, float]]:
    """From when to when each piece of the call goes, in milliseconds."""
    count = max(1, int(-(-session.duration_ms // PIECE_MS)))
    return [(place * PIECE_MS, min((place + 1) * PIECE_MS, session.duration_ms)) for place in range(count)]


def sound(desk: Desk, session: facts.Session, piece: int) -> Sound | None:
    """A piece of a call to play; None where no audio was recorded."""
    return _sound(desk, session.session_id, session.version, piece)


def outlines(desk: Desk, session: facts.Session) -> Outlines:
    """Both waves of the call, to draw."""
    return _outlines(desk, session.session_id, session.version)


# Kept as long as the call's row stands (its version is in the key), and not copied for each reader: they are large.
@st.cache_resource(max_entries=8, show_spinner="Putting the audio together")
def _sound(_desk: Desk, session_id: str, version: int, piece: int) -> Sound | None:  # noqa: ARG001  # a key
    session, chunks = _recorded(_desk, session_id)
    if session is None or not chunks:
        return None
    made = _stereo(_desk, session, chunks, piece)
    return Sound(
        both=wav(made.user, made.agent, rate=made.rate),
        user=wav(made.user, rate=made.rate),
        agent=wav(made.agent, rate=made.rate),
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _outlines(_desk: Desk, session_id: str, version: int) -> Outlines:  # noqa: ARG001  # a key
    session, chunks = _recorded(_desk, session_id)
    if session is None or not chunks:
        return Outlines()
    count = len(pieces(session))
    user: list[Peak] = []
    agent: list[Peak] = []
    for piece in range(count):
        made = _stereo(_desk, session, chunks, piece)
        user += outline(made.user, rate=made.rate, from_ms=made.from_ms, points=OUTLINE_POINTS // count)
        agent += outline(made.agent, rate=made.rate, from_ms=made.from_ms, points=OUTLINE_POINTS // count)
    return Outlines(user=user, agent=agent)


def _recorded(desk: Desk, session_id: str) -> tuple[facts.Session | None, list[Chunk]]:
    chunks = [
        Chunk(source=found.source, elapsed_ms=found.elapsed_ns / 1e6, response_id=found.response_id, audio=found.audio)
        for found in desk.dataset.session_audio(session_id)
    ]
    return desk.ask(queries.session, session_id), chunks


def _stereo(desk: Desk, session: facts.Session, chunks: Sequence[Chunk], piece: int) -> Stereo:
    from_ms, until_ms = pieces(session)[piece]
    heard = {
        response.response_id: response.heard_ms
        for response in desk.ask(queries.responses, session.session_id)
        if response.heard_basis is not None and response.unheard_ms > 0
    }
    return stereo(
        chunks,
        heard,
        user_format=audio_format(session.input_format),
        agent_format=audio_format(session.output_format),
        from_ms=from_ms,
        until_ms=until_ms,
    )
