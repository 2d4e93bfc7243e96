"""Settings of the pipeline. Defaults run on a laptop."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class PipelineSettings(BaseModel):
    """Fold the journal into the dataset while it grows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(default=Path("calltape-data"), description="Folder that holds the journal and the dataset.")
    batch_interval_ms: int = Field(
        default=250, ge=10, le=60_000, description="Milliseconds between two commits: new rows show up about that late."
    )
    batch_max_events: int = Field(
        default=5_000, ge=1, le=1_000_000, description="Commit sooner once this many events are waiting."
    )
    poll_interval_ms: int = Field(
        default=25, ge=1, le=10_000, description="Milliseconds between two looks at a journal that had nothing new."
    )
    checkpoint_every_seconds: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="Seconds between two saves of the running sessions' states; a restart folds what came after again.",
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


class RebuildSettings(BaseModel):
    """Compute every table anew from the archived events. The pipeline must not run meanwhile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(default=Path("calltape-data"), description="Folder that holds the journal and the dataset.")
