"""What a run of the simulator can be told."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class SimulatorSettings(BaseModel):
    """A stand-in for the OpenAI Realtime API."""

    model_config = ConfigDict(frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8901, ge=0, le=65535, description="Port to listen on; 0: any free one.")
    scenario: Path | None = Field(default=None, description="TOML file: what the agent says and does; none: built in.")
    seed: int | None = Field(default=None, description="Makes ids and timing repeatable; none: different in each run.")
    truth: Path | None = Field(
        default=None, description="File that gets one JSON line for each thing done, with its true time."
    )
    session_minutes: float = Field(default=60.0, gt=0, description="Length after which a session expires.")
    beta: bool = Field(
        default=True, description="Speak the retired beta shape to those who ask; false: refuse as the API does."
    )
    speed: float = Field(default=1.0, gt=0, description="Divides the agent's delays; 10: ten times as fast.")
    deflate: bool = Field(default=True, description="Accept permessage-deflate from clients that offer it.")
    ping_seconds: float = Field(default=20.3, gt=0, description="Seconds between the pings that the server sends.")
    sideband_after_ms: float = Field(
        default=150, ge=0, description="Milliseconds after which a new call can be found by a sideband."
    )
