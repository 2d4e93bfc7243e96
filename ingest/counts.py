"""What the worker counts about itself. Plain numbers: a metric library's locks have no place on the path of a frame."""


class Counts:
    """Since the worker started, but for `sessions_open`."""

    __slots__ = (
        "calls_not_followed",
        "clients_refused",
        "dials_failed",
        "http_requests",
        "messages_lost",
        "observer_failures",
        "sessions_limited",
        "sessions_open",
        "sessions_opened",
        "sessions_refused",
        "webhooks_received",
        "webhooks_refused",
    )

    def __init__(self) -> None:
        self.sessions_open = 0
        self.sessions_opened = 0
        self.sessions_limited = 0
        """Refused or ended by a configured limit."""
        self.sessions_refused = 0
        """The upstream answered something else than 101."""
        self.calls_not_followed = 0
        """WebRTC and SIP calls that no sideband could be spared for."""
        self.clients_refused = 0
        """By the relay itself: unknown keys, paths, requests that can't be read."""
        self.dials_failed = 0
        self.http_requests = 0
        self.messages_lost = 0
        """Seen and forwarded but not recordable: too large, or the observer failed."""
        self.observer_failures = 0
        self.webhooks_received = 0
        self.webhooks_refused = 0
        """Not signed by the API, stale, replayed, or unreadable."""
