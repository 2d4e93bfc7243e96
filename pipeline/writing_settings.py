"""Settings of whoever writes the dataset: the pipeline of one machine, and each of many sinks."""

from pydantic import BaseModel, Field


class WritingSettings(BaseModel):
    """How often to commit, and how to look after the files."""

    batch_interval_ms: int = Field(
        default=250, ge=10, le=60_000, description="Milliseconds between two commits: new rows show up about that late."
    )
    compact_every_seconds: float = Field(
        default=60.0, gt=0, le=86_400, description="Seconds between two rounds of merging small files of the dataset."
    )
    compact_files_max: int = Field(
        default=32, ge=2, le=10_000, description="Merge a table's small files sooner once there are this many of them."
    )
    retain_superseded_minutes: int = Field(
        default=15,
        ge=1,
        le=525_600,
        description="Minutes to keep files after a merge replaced them; longer than any query runs.",
    )
    retry_seconds: float = Field(
        default=1.0, gt=0, le=3600, description="Seconds to wait before trying again when the dataset can't be written."
    )
