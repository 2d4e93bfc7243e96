"""What a folding worker counts; /metrics shows it."""


class FoldingCounts:
    """What was folded and mended since the process began; they only grow, but for the last three."""

    def __init__(self) -> None:
        self.signals = 0
        self.events = 0
        self.redelivered = 0
        self.holes = 0
        """Times that a session's events did not follow on each other."""
        self.repairs = 0
        """Sessions folded from the archive until they had caught up."""
        self.set_aside = 0
        """Sessions that the fold could not take: a mistake in it."""
        self.states_unreadable = 0
        """Saved states of another version, made anew from the archive."""
        self.unreadable = 0
        """Records that were no signals, passed over."""
        self.sessions = 0
        self.ailing = 0
        self.state_bytes = 0
        """Of the running sessions, as saved last."""
