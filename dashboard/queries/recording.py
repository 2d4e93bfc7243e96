"""What of a call can be heard: which events carry audio, the audio itself, and how much of each answer was heard."""

from collections.abc import Iterator

import msgspec
import pyarrow as pa

from dashboard.formats import Asked, InForce
from dashboard.queries.asking import ask_session, day_of
from pipeline.dataset_cursor import Cursor
from pipeline.domain import facts
from pipeline.domain.config import asked_input_format
from pipeline.domain.lenient import undecoded

AUDIO_ROWS_AT_A_TIME = 256
"""About 2.5 MB of audio."""


class AudioEvent(msgspec.Struct, frozen=True, kw_only=True):
    """That an event carries audio, and how much."""

    seq: int
    source: str
    """client, server."""
    elapsed_ms: float
    response_id: str | None
    size_bytes: int


CARRIED = """
select seq, source, elapsed_ns / 1e6 as elapsed_ms, response_id, octet_length(audio) as size_bytes
from event_audio where session_id = $session_id and date = $day order by seq
"""


def carried(cursor: Cursor, session_id: str) -> list[AudioEvent]:
    """The events of a call that carry audio, in the order in which they were seen."""
    return ask_session(cursor, AudioEvent, session_id, CARRIED)


AUDIO = """
select seq, audio from event_audio
where session_id = $session_id and date = $day and seq between $first and $last
"""


def audio(cursor: Cursor, session_id: str, first: int, last: int) -> Iterator[tuple[int, bytes]]:
    """`seq` and audio of the events from one to another, in no order, a few at a time: an hour of a call is 250 MB."""
    asked = {"session_id": session_id, "day": day_of(session_id), "first": first, "last": last}
    batches: pa.RecordBatchReader = cursor.sql(AUDIO, params=asked).to_arrow_reader(AUDIO_ROWS_AT_A_TIME)
    for batch in batches:
        yield from zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)


FORMATS = """
select seq, input_format, output_format from config_changes
where session_id = $session_id and date = $day order by seq
"""


def formats(cursor: Cursor, session_id: str) -> list[InForce]:
    """The formats of a call's audio, by the event that put them into force."""
    return ask_session(cursor, InForce, session_id, FORMATS)


def formats_of(session: facts.Session) -> list[InForce]:
    """Those of a call whose configuration has no timeline: the last, as its own row says."""
    return [InForce(seq=0, input_format=session.input_format, output_format=session.output_format)]


ASKED = """
select seq, data from events
where session_id = $session_id and date = $day and source = 'client' and type = 'session.update' order by seq
"""


class _Update(msgspec.Struct, frozen=True):
    seq: int
    data: str | None


def asked_formats(cursor: Cursor, session_id: str) -> list[Asked]:
    """The input formats that the client asked for."""
    found = []
    for update in ask_session(cursor, _Update, session_id, ASKED):
        message = undecoded((update.data or "").encode())
        form = asked_input_format(message.get("session") if isinstance(message, dict) else None)
        if form is not None:
            found.append(Asked(seq=update.seq, input_format=form.name))
    return found


class _Begun(msgspec.Struct, frozen=True):
    response_id: str
    seq: int


BEGUN = "select response_id, seq from responses where session_id = $session_id and date = $day"


def begun(cursor: Cursor, session_id: str) -> dict[str, int]:
    """At which `seq` each answer was created."""
    return {found.response_id: found.seq for found in ask_session(cursor, _Begun, session_id, BEGUN)}


class Heard(msgspec.Struct, frozen=True):
    response_id: str
    heard_ms: float


HEARD = """
select response_id, heard_ms from responses
where session_id = $session_id and date = $day and heard_basis is not null and unheard_ms > 0
"""


def heard(cursor: Cursor, session_id: str) -> dict[str, float]:
    """Of each answer that was cut off, how much was heard."""
    return {found.response_id: found.heard_ms for found in ask_session(cursor, Heard, session_id, HEARD)}
