"""Settings of the programs that `calltape` itself holds: up, run, call, sql, explain, doctor."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import CliPositionalArg

from ingest.kafka import ClusterSettings, KafkaSettings
from pipeline.place import DatasetPlace
from pipeline.rule_settings import RuleSettings

_DATA_DIR = Field(default=Path("calltape-data"), description="Folder that holds the journal and the dataset.")


class UpSettings(DatasetPlace, KafkaSettings):
    """Start recorder, pipeline and dashboard on this machine, and watch over them until Ctrl-C."""

    upstream: str = Field(
        default="", description="Realtime API to relay to. Empty: wss://api.openai.com, or the simulator with --tryout."
    )
    tryout: bool = Field(
        default=False,
        description="Also start a simulator of the Realtime API and hold a few calls through the recorder.",
    )
    once: bool = Field(
        default=False, description="With --tryout: stop when the calls are over and their rows are visible."
    )
    calls: Path | None = Field(
        default=None, description="With --tryout: a file of calls to hold instead of the built-in ones."
    )
    api_key: SecretStr = Field(
        default=SecretStr(""),
        description="With --tryout and --upstream: the key to call with. Default: OPENAI_API_KEY.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the recorder and the dashboard listen on.")
    ingest_port: int = Field(default=8900, ge=0, le=65535, description="Port of the recorder's relay; 0: any free one.")
    dashboard_port: int = Field(default=8902, ge=0, le=65535, description="Port of the dashboard; 0: any free one.")
    simulate_port: int = Field(default=8901, ge=0, le=65535, description="Port of the simulator; 0: any free one.")


class CallSettings(BaseModel):
    """Hold the calls of a file with the real openai SDK as client: through the recorder, or straight to an API."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: CliPositionalArg[Path | None] = Field(
        default=None, description="A file of calls (TOML). Default: the built-in ones."
    )
    url: str = Field(default="ws://127.0.0.1:8900/v1", description="Base URL to call, as an SDK takes it.")
    api_key: SecretStr = Field(
        default=SecretStr(""), description="Key to call with. Default: OPENAI_API_KEY, else a made-up one."
    )


class ImportSettings(DatasetPlace):
    """Import sessions that were recorded elsewhere, or exported here: JSON lines, a message or an event each.

    A line is {"direction": "client" or "server", "event": {...}}, with what it knows of: "time" (RFC 3339 or Unix
    seconds), "elapsed_ms" (since the session began), "session" (which of the file's sessions; without, the file is
    one). Lines of a journal, and of the dashboard's export, are taken as they stand. Importing the same again changes
    nothing. 0 where every line could be read, else 1. The whole format: docs/import.md.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: CliPositionalArg[list[str]] = Field(default=[], description="Files of JSON lines; .gz too; - is the input.")
    opened_at: str = Field(
        default="",
        description="When sessions began that don't say it, like 2026-11-01T10:00:00Z. Default: the file's own time.",
    )
    dry_run: bool = Field(default=False, description="Say what the files hold, and write nothing.")


class RunSettings(BaseModel):
    """Run sessions from scenario files against an API, record them, and judge them: 0 where all is as expected, else 1.

    For monitoring from cron and for load. The sessions are in the same log as all others, with source `driver`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenarios: CliPositionalArg[list[str]] = Field(
        default=[], description="Scenario files (TOML), or names of those that come with Calltape."
    )
    all: bool = Field(default=False, description="Run all scenarios that come with Calltape.")
    url: str = Field(default="wss://api.openai.com/v1", description="The API to hold the sessions with.")
    simulate: bool = Field(
        default=False, description="Hold them with the built-in simulator instead: no key, no network."
    )
    api_key: SecretStr = Field(default=SecretStr(""), description="Key to come with. Default: OPENAI_API_KEY.")
    api_key_header: Literal["authorization", "api-key"] = Field(
        default="authorization", description="Header that carries the key: authorization (as Bearer), or Azure's."
    )
    model: str = Field(default="", description="Model to use in place of the scenario's.")
    parallel: int = Field(default=0, ge=0, le=10_000, description="Sessions side by side, in place of the scenario's.")
    ramp_seconds: float | None = Field(
        default=None, ge=0, description="Seconds over which they begin, in place of the scenario's."
    )
    format: Literal["text", "json"] = Field(
        default="text", description="text, or json: one object a line for each scenario."
    )
    data_dir: Path = _DATA_DIR


class SqlSettings(DatasetPlace):
    """Ask the dataset in SQL: one statement, or a prompt where none is given."""

    statement: CliPositionalArg[str] = Field(default="", description="The statement. Default: an interactive prompt.")
    format: str = Field(default="table", description="table, csv, json (one object a line) or markdown.")


class ExplainSettings(DatasetPlace, RuleSettings):
    """Say how a number came about: the events, positions and arithmetic behind a turn, an interruption or a cost."""

    subject: CliPositionalArg[Literal["turn", "interruption", "cost"]] = Field(
        description="turn, interruption or cost."
    )
    session: CliPositionalArg[str] = Field(description="The session's id, or the end of it.")
    number: CliPositionalArg[int] = Field(
        ge=0, description="The turn's index; the interruption's or the cost's `seq`, as its table says."
    )
    of: str | None = Field(
        default=None, description="With cost: response, transcription, input_audio or session_time, if a seq has two."
    )
    format: Literal["text", "json"] = Field(default="text", description="text, or json for programs.")


class DoctorSettings(KafkaSettings):
    """Look for what would keep Calltape from working here, and say what to do about it."""

    data_dir: Path = _DATA_DIR
    upstream: str = Field(default="wss://api.openai.com", description="Realtime API that must be reachable.")
    offline: bool = Field(default=False, description="Leave the upstream out.")
    ingest_port: int = Field(default=8900, ge=1, le=65535, description="Port that the relay would listen on.")
    dashboard_port: int = Field(default=8902, ge=1, le=65535, description="Port that the dashboard would listen on.")


class TopicsSettings(ClusterSettings):
    """Make the topics that Calltape needs on a Kafka cluster, or look at those that are there."""

    action: CliPositionalArg[Literal["create", "check"]] = Field(
        description="create: make what is missing, change nothing. check: say what is there and what is wrong."
    )
    partitions: int = Field(
        default=12,
        ge=1,
        le=10_000,
        description="Partitions of each topic: as many workers and sinks can share the work. Can't be changed later.",
    )
    replication: int | None = Field(
        default=None, ge=1, le=10, description="Replicas of each topic. Default: 3, or as many as there are brokers."
    )
    retention_hours: int = Field(
        default=168, ge=1, le=100_000, description="How long records are kept, hours: longer than any outage."
    )
