"""What the browser fetches of one call beside its page: the timeline, the sound in ranges, the waves, and downloads."""

import io
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeVar

import msgspec
import pyarrow.csv
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dashboard.desk import Desk
from dashboard.queries import session as queries
from dashboard.queries import timeline
from dashboard.queries.asking import day_of
from dashboard.ranges import ranged
from dashboard.recordings import Recordings, TooLong
from ingest.envelope import encode
from pipeline.archive_reader import ArchiveReader
from pipeline.dataset import TABLES, Reader

T = TypeVar("T")

POINTS_MAX: Final = 8_000
"""More peaks than any screen is wide."""
LINES_AT_A_TIME: Final = 200
CSV_TABLES: Final = tuple(name for name in TABLES if name not in {"events", "event_audio", "damaged_lines"})

Endpoint = Callable[[Request], Awaitable[Response]]


class Calls:
    """The routes of one dataset's calls. Who may ask is decided before they are reached."""

    def __init__(self, reader: Reader, recordings: Recordings, desk: Desk) -> None:
        self._reader, self._recordings, self._desk = reader, recordings, desk

    def routes(self) -> list[Route]:
        """All below `/calls/{session_id}/`."""
        made: dict[str, Endpoint] = {
            "timeline.json": self._timeline,
            "audio.wav": self._audio,
            "waves": self._waves,
            "events.jsonl": self._events,
            "{table}.csv": self._csv,
        }
        return [Route(f"/calls/{{session_id}}/{name}", answer) for name, answer in made.items()]

    async def _timeline(self, request: Request) -> Response:
        session_id = _session_of(request)
        session = await run_in_threadpool(self._desk.ask, queries.session, session_id)
        if session is None:
            return _not_found(session_id)
        pieces = await run_in_threadpool(self._desk.ask, timeline.pieces, session_id)
        talk = await run_in_threadpool(self._desk.ask, timeline.talk, session_id)
        told = {
            "version": session.version,
            "duration_s": session.duration_ms / 1000,
            "running": session.status == "open",
            "audio": bool(session.audio_in_ms or session.generated_ms),
            "pieces": pieces,
            "talk": talk,
        }
        return Response(msgspec.json.encode(told), media_type="application/json", headers=_FRESH)

    async def _audio(self, request: Request) -> Response:
        session_id = _session_of(request)
        try:
            found = await run_in_threadpool(self._recordings.find, session_id)
        except TooLong as refusal:
            return JSONResponse({"error": str(refusal)}, status_code=413)
        if found is None:
            return _not_found(session_id)
        named = _saved_as(f"{session_id}.wav") if "download" in request.query_params else _FRESH
        return ranged(request, found.read, found.size_bytes, media_type="audio/wav", headers=named)

    async def _waves(self, request: Request) -> Response:
        """Two bytes a point, user and agent, between the moments asked for."""
        session_id = _session_of(request)
        try:
            from_ms, until_ms = float(request.query_params["from_ms"]), float(request.query_params["until_ms"])
            points = min(int(request.query_params["points"]), POINTS_MAX)
            if points < 1 or not from_ms < until_ms:
                raise ValueError("empty")
        except (KeyError, ValueError):
            return JSONResponse({"error": "waves need from_ms < until_ms and points > 0"}, status_code=400)
        try:
            found = await run_in_threadpool(self._recordings.find, session_id)
        except TooLong as refusal:
            return JSONResponse({"error": str(refusal)}, status_code=413)
        if found is None:
            return _not_found(session_id)
        peaks = await run_in_threadpool(found.outline, from_ms, until_ms, points)
        return Response(peaks.tobytes(), media_type="application/octet-stream", headers=_FRESH)

    async def _events(self, request: Request) -> Response:
        """All events of the call as the journal had them: one CloudEvents object a line, byte for byte."""
        session_id = _session_of(request)
        if await run_in_threadpool(self._desk.ask, queries.session, session_id) is None:
            return _not_found(session_id)
        return StreamingResponse(
            self._lines(session_id), media_type="application/x-ndjson", headers=_saved_as(f"{session_id}.jsonl")
        )

    def _lines(self, session_id: str) -> Iterator[bytes]:
        lines = bytearray()
        for count, found in enumerate(ArchiveReader(self._reader).events(session_id), 1):
            lines += encode(found.event)
            lines += b"\n"
            if count % LINES_AT_A_TIME == 0:
                yield bytes(lines)
                lines.clear()
        yield bytes(lines)

    async def _csv(self, request: Request) -> Response:
        session_id, table = _session_of(request), request.path_params["table"]
        if table not in CSV_TABLES:
            return JSONResponse({"error": f"no table {table!r}: {', '.join(CSV_TABLES)}"}, status_code=404)
        # The name is one of ours, by the line above.
        sql = f"select * from {table} where session_id = $session_id and date = $day order by all"  # noqa: S608
        asked = {"session_id": session_id, "day": day_of(session_id)}
        rows = await run_in_threadpool(self._reader.query, sql, asked)
        out = io.BytesIO()
        pyarrow.csv.write_csv(rows, out)
        return Response(out.getvalue(), media_type="text/csv", headers=_saved_as(f"{session_id}.{table}.csv"))


_FRESH: Final = {"Cache-Control": "private, no-cache"}
"""A call in progress has more to say the next time."""


def _session_of(request: Request) -> str:
    return str(request.path_params["session_id"])


def _saved_as(name: str) -> dict[str, str]:
    safe = "".join(mark if mark.isalnum() or mark in "-_." else "_" for mark in name)
    return _FRESH | {"Content-Disposition": f'attachment; filename="{safe}"'}


def _not_found(session_id: str) -> Response:
    return JSONResponse({"error": f"no such call, or no audio in it: {session_id[:64]}"}, status_code=404)
