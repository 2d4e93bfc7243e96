"""What the publisher has done, as plain numbers for whoever shows them."""


class PublisherCounts:
    """Counts since the process began; they only grow, but for `behind_bytes`."""

    def __init__(self) -> None:
        self.events = 0
        self.bytes = 0
        self.signals = 0
        self.damaged_lines = 0
        self.journal_holes = 0
        """Times that a journal had gone on without us; what it held before is not in Kafka."""
        self.cluster_away = 0
        """Times that we had to begin again from what was acknowledged."""
        self.behind_bytes = 0
        """Of the journals, not read yet."""
