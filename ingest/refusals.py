"""What a client is told that one session would be too many. Pure."""

from ingest.heads import Refusal
from ingest.limits import words
from ingest.markers import LimitReached

_TOO_MANY = 429


def refused_by(reached: LimitReached) -> Refusal:
    """Before a WebSocket or a call begins: HTTP, which clients understand as final or try again a few times."""
    return Refusal(status=_TOO_MANY, code="session_limit_reached", message=words(reached))
