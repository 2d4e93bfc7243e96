"""Settings of the stream processor."""

from pathlib import Path

from pydantic import Field

from ingest.kafka import ClusterSettings
from ingest.settings import own_name
from pipeline.place import DatasetPlace
from pipeline.rule_settings import RuleSettings


class WorkerSettings(DatasetPlace, ClusterSettings, RuleSettings):
    """Fold the signals of a Kafka cluster into facts. As many of these share the work as you start.

    Ends when it can't go on; let whatever starts it start it again.
    """

    data_dir: Path = Field(
        default=Path("calltape-data"),
        description="Folder that holds the dataset, from whose archive a session with a hole is repaired.",
    )
    name: str = Field(
        default_factory=own_name,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="This worker's name: its folder of states. Two at once on one machine need two names. "
        "Default: the host's.",
    )
    state_dir: Path | None = Field(
        default=None,
        description="Folder for the states of running sessions, on a disk of this machine; lost, it is read from "
        "Kafka again. Default: `state` in data_dir.",
    )
    group: str = Field(default="calltape-worker", description="Name of the group of workers that share the work.")
    replication: int = Field(
        default=1, ge=1, le=10, description="Replicas of the topics in which the workers keep their states."
    )
    save_every_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds between two saves of changed states; what came after is folded again after a crash.",
    )
    repair_every_seconds: float = Field(
        default=1.0, gt=0, le=3600, description="Seconds between two looks into the archive for sessions with a hole."
    )
    stuck_after_seconds: float = Field(
        default=60.0, ge=5, description="End when nothing moves for so long although there is something to do."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address for GET /metrics.")
    metrics_port: int = Field(
        default=8905, ge=-1, le=65535, description="Port for GET /metrics; 0: any free one; -1: none."
    )
