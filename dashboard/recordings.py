"""Calls as sound files, kept on disk within a bound; each is filled where somebody listens (`sound`).

An hour of stereo is 345 MB: too much to hold in memory for each listener, and too much to send before the first
second is heard. So it lies in a file, from which a browser takes the ranges that it plays.
"""

import shutil
import tempfile
import threading
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Final

from dashboard.audio import WAV_HEADER_BYTES, Carried, Placed, placed
from dashboard.desk import Desk
from dashboard.formats import Formats
from dashboard.queries import recording as queries
from dashboard.queries import session as sessions
from dashboard.sound import FRAME_BYTES, Sound
from pipeline.dataset_cursor import Cursor
from pipeline.domain import facts

WAV_BYTES_MAX: Final = (1 << 32) - 1
"""A WAV file says its size in 32 bits: 12 hours of stereo at 24 kHz."""


class TooLong(Exception):
    """The call does not fit into a WAV file."""


class Recordings:
    """The sound files of calls. Safe to share between threads; a file is made by one, the others wait for it."""

    def __init__(self, desk: Desk, *, bytes_max: int) -> None:
        self._desk = desk
        self._bytes_max = bytes_max
        self._folder = Path(tempfile.mkdtemp(prefix="calltape-sound-"))
        # One call is put together at a time: two would only take the processors from the pages.
        self._making = threading.Lock()
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], Sound] = OrderedDict()

    def close(self) -> None:
        """Remove the files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def find(self, session_id: str) -> Sound | None:
        """The call's sound as far as it is recorded; None where there is no such call or no audio. Raises TooLong."""
        session = self._desk.ask(sessions.session, session_id)
        if session is None:
            return None
        key = (session_id, session.version)
        if (kept := self._found(key)) is not None:
            return kept
        with self._making:
            if (kept := self._found(key)) is not None:
                return kept
            made = self._made(session)
            if made is not None:
                with self._lock:
                    self._keep(key, made)
            return made

    def _found(self, key: tuple[str, int]) -> Sound | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: tuple[str, int], made: Sound) -> None:
        """Keep one more; drop earlier states of the same call, and the longest unused of all while there is no room."""
        for older in [kept for kept in self._kept if kept[0] == key[0]]:
            self._drop(older)
        self._kept[key] = made
        while len(self._kept) > 1 and sum(kept.size_bytes for kept in self._kept.values()) > self._bytes_max:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, int]) -> None:
        # Whoever streams from it has it open, and reads on.
        self._kept.pop(key).path.unlink(missing_ok=True)

    def _made(self, session: facts.Session) -> Sound | None:
        formats = self._formats(session)
        rate = formats.rate
        frames = int(session.duration_ms * rate / 1000)
        if WAV_HEADER_BYTES + frames * FRAME_BYTES > WAV_BYTES_MAX:
            raise TooLong(f"{session.session_id}: {session.duration_ms / 3.6e6:.1f} hours do not fit into a WAV file")
        places = self._places(session.session_id, formats)
        if not places or not frames:
            return None
        path = self._folder / f"{session.session_id}.{session.version}.wav"
        fetch = partial(self._audio, session.session_id)
        try:
            return Sound(path, frames=frames, rate=rate, places=places, fetch=fetch)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _audio(self, session_id: str, first: int, last: int) -> list[tuple[int, bytes]]:
        """A minute of a call is 4 MB."""

        def taken(cursor: Cursor) -> list[tuple[int, bytes]]:
            return list(queries.audio(cursor, session_id, first, last))

        return self._desk.fresh(taken)

    def _formats(self, session: facts.Session) -> Formats:
        in_force = self._desk.fresh(queries.formats, session.session_id) or queries.formats_of(session)
        asked = self._desk.fresh(queries.asked_formats, session.session_id)
        return Formats(in_force, asked, self._desk.fresh(queries.begun, session.session_id))

    def _places(self, session_id: str, formats: Formats) -> list[Placed]:
        """Where each event's audio stands; empty where none was recorded."""
        carried = [
            Carried(
                seq=one.seq,
                source=one.source,
                elapsed_ms=one.elapsed_ms,
                response_id=one.response_id,
                size_bytes=one.size_bytes,
                form=formats.of(one.source, one.seq, one.response_id),
            )
            for one in self._desk.fresh(queries.carried, session_id)
        ]
        return placed(carried, self._desk.fresh(queries.heard, session_id))
