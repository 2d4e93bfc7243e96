"""Settings of the programs that `calltape` itself holds: up, run, sql, rebuild, doctor."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import CliPositionalArg

_DATA_DIR = Field(default=Path("calltape-data"), description="Folder that holds the journal and the dataset.")


class UpSettings(BaseModel):
    """Start recorder, pipeline and dashboard on this machine, and watch over them until Ctrl-C."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = _DATA_DIR
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


class RunSettings(BaseModel):
    """Hold the calls of a file with the real openai SDK as client: through the recorder, or straight to an API."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: CliPositionalArg[Path | None] = Field(
        default=None, description="A file of calls (TOML). Default: the built-in ones."
    )
    url: str = Field(default="ws://127.0.0.1:8900/v1", description="Base URL to call, as an SDK takes it.")
    api_key: SecretStr = Field(
        default=SecretStr(""), description="Key to call with. Default: OPENAI_API_KEY, else a made-up one."
    )


class SqlSettings(BaseModel):
    """Ask the dataset in SQL: one statement, or a prompt where none is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statement: CliPositionalArg[str] = Field(default="", description="The statement. Default: an interactive prompt.")
    data_dir: Path = _DATA_DIR
    format: str = Field(default="table", description="table, csv, json (one object a line) or markdown.")


class DoctorSettings(BaseModel):
    """Look for what would keep Calltape from working here, and say what to do about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = _DATA_DIR
    upstream: str = Field(default="wss://api.openai.com", description="Realtime API that must be reachable.")
    offline: bool = Field(default=False, description="Leave the upstream out.")
    ingest_port: int = Field(default=8900, ge=1, le=65535, description="Port that the relay would listen on.")
    dashboard_port: int = Field(default=8902, ge=1, le=65535, description="Port that the dashboard would listen on.")
