"""Which pages may call the worker from a browser (the Fetch standard's CORS protocol). Pure."""

from collections.abc import Collection

import h11

from ingest.heads import Asked, RawHeaders

MAX_AGE_SECONDS = 600
_ASKS = "access-control-request-method"
EVERYWHERE = "*"


def is_preflight(asked: Asked) -> bool:
    """Whether a browser asks if it may ask."""
    return asked.method == b"OPTIONS" and "origin" in asked.headers and _ASKS in asked.headers


def allows(asked: Asked, origins: Collection[str]) -> bool:
    """Whether the page that asks is one of these; what does not come from a page is not our business."""
    origin = asked.headers.get("origin")
    return origin is None or EVERYWHERE in origins or origin in origins


def preflight_answer(asked: Asked, origins: Collection[str]) -> h11.Response:
    """The answer to a browser that asks first: 204, or 403 where its page is none of the configured ones."""
    if not allows(asked, origins):
        return h11.Response(status_code=403, headers=[("Content-Length", "0"), ("Connection", "close")])
    wanted = asked.headers.get("access-control-request-headers", "")
    headers = [
        *grant(asked, origins),
        (b"Access-Control-Allow-Methods", b"POST, GET, OPTIONS"),
        (b"Access-Control-Allow-Headers", wanted.encode("latin-1") or b"Authorization, Content-Type"),
        (b"Access-Control-Max-Age", str(MAX_AGE_SECONDS).encode()),
        (b"Content-Length", b"0"),
        (b"Connection", b"close"),
    ]
    return h11.Response(status_code=204, headers=headers)


def grant(asked: Asked, origins: Collection[str]) -> RawHeaders:
    """The headers that let the page read an answer, the call's id in `Location` too; none for other pages."""
    origin = asked.headers.get("origin")
    if not origins or origin is None or not allows(asked, origins):
        return []
    return [
        (b"Access-Control-Allow-Origin", origin.encode("latin-1")),
        (b"Access-Control-Expose-Headers", b"Location, x-request-id"),
        (b"Vary", b"Origin"),
    ]


def granted(answer: h11.Response, asked: Asked, origins: Collection[str]) -> h11.Response:
    """The upstream's answer as the page gets it: where origins are configured they hold, and not the upstream's own."""
    if not origins:
        return answer
    kept = [pair for pair in answer.headers.raw_items() if not pair[0].lower().startswith(b"access-control-")]
    headers = [*kept, *grant(asked, origins)]
    return h11.Response(status_code=answer.status_code, reason=answer.reason, headers=headers)
