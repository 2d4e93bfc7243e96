"""Settings of the pipeline. Defaults run on a laptop."""

from pydantic import Field

from ingest.kafka import KafkaSettings
from pipeline.place import DatasetPlace
from pipeline.rule_settings import RuleSettings
from pipeline.writing_settings import WritingSettings


class PipelineSettings(DatasetPlace, WritingSettings, KafkaSettings, RuleSettings):
    """Fold the journal into the dataset while it grows. With --kafka: a worker and a sink on that cluster instead."""

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


class RebuildSettings(DatasetPlace, RuleSettings):
    """Compute every table anew from the archived events. The pipeline must not run meanwhile."""


class RepriceSettings(DatasetPlace, RuleSettings):
    """Compute costs, minutes and totals anew with other prices; all else stays. The pipeline must not run meanwhile."""
