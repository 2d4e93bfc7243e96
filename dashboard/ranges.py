"""Answers to requests for a range of something that is made while it is read (RFC 9110, section 14)."""

import re
from collections.abc import Callable, Iterator, Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

Read = Callable[[int, int], Iterator[bytes]]
"""The bytes from one place to before another."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def ranged(request: Request, read: Read, size: int, *, media_type: str, headers: Mapping[str, str]) -> Response:
    """The range that is asked for (206), or all of it; 416 where it lies beyond the end."""
    told = {**headers, "Accept-Ranges": "bytes"}
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or asked.group() == "bytes=-":
        # No range, or one of a kind that we don't know, which we may leave aside.
        told["Content-Length"] = str(size)
        return StreamingResponse(read(0, size), media_type=media_type, headers=told)
    first, last = _between(asked[1], asked[2], size)
    if not first <= last < size:
        return Response(status_code=416, headers={**told, "Content-Range": f"bytes */{size}"})
    told |= {"Content-Range": f"bytes {first}-{last}/{size}", "Content-Length": str(last + 1 - first)}
    return StreamingResponse(read(first, last + 1), status_code=206, media_type=media_type, headers=told)


def _between(first: str, last: str, size: int) -> tuple[int, int]:
    """The first byte and the last."""
    if not first:
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1
