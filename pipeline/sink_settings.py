"""Settings of the sinks."""

from pydantic import Field

from ingest.kafka import ClusterSettings
from pipeline.place import DatasetPlace
from pipeline.writing_settings import WritingSettings


class SinkSettings(DatasetPlace, WritingSettings, ClusterSettings):
    """Write events and facts of a Kafka cluster into the dataset. As many of these share the work as you start."""

    group: str = Field(default="calltape-sink", description="Name of the group of sinks that share the work.")
    batch_max_records: int = Field(
        default=5_000, ge=1, le=1_000_000, description="Commit sooner once this many records are waiting."
    )
    batch_max_mib: int = Field(default=64, ge=1, le=4096, description="Commit sooner once so much is waiting, MiB.")
    metrics_host: str = Field(default="127.0.0.1", description="Address for GET /metrics.")
    metrics_port: int = Field(
        default=8906, ge=-1, le=65535, description="Port for GET /metrics; 0: any free one; -1: none."
    )
