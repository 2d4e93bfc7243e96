"""Settings of the publisher."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from ingest.kafka import ClusterSettings


class PublishSettings(ClusterSettings):
    """Send what the journals hold to Kafka, and go on as they grow.

    `calltape ingest` does it by itself where it is told of a cluster.
    """

    data_dir: Path = Field(default=Path("calltape-data"), description="Folder that holds the journal and the dataset.")
    worker: str = Field(default="", description="Only this worker's journal. Default: all that are there.")
    once: bool = Field(default=False, description="Stop when everything that is there now is acknowledged.")
    archive: bool = Field(
        default=False,
        description="Send the dataset's archived events instead of the journal's, then stop: to move up from one "
        "machine. Before anything else publishes the same sessions.",
    )
    compression: Literal["zstd", "lz4", "none"] = Field(
        default="zstd", description="Of what is sent. zstd takes a third off base64 audio, lz4 a twentieth."
    )
    signal_wait_ms: int = Field(
        default=250,
        ge=0,
        le=5000,
        description="How long a signal waits for more audio of its session; less is fresher and costs workers more.",
    )
    poll_interval_ms: int = Field(
        default=20, ge=1, le=10_000, description="Milliseconds between two looks at a journal that had nothing new."
    )
    retry_seconds: float = Field(
        default=1.0, gt=0, le=3600, description="Seconds to wait before trying again when the brokers are away."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address for GET /metrics.")
    metrics_port: int = Field(
        default=8904, ge=-1, le=65535, description="Port for GET /metrics; 0: any free one; -1: none."
    )
