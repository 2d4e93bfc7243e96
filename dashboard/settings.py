"""What the dashboard can be told from outside: where the dataset lies and where the pages are served."""

import ipaddress
import os
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

VARIABLE: Final = "CALLTAPE_DASHBOARD_SETTINGS"
"""How `run` hands its settings, as JSON, to the script that Streamlit executes once per page view."""


class DashboardSettings(BaseModel):
    """Settings of the dashboard; the defaults run on a laptop."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1",
        description="Address to serve the pages on. Anything but a loopback address needs allow_public.",
    )
    port: int = Field(default=8902, ge=0, le=65_535, description="Port to serve the pages on; 0 takes any free one.")
    allow_public: bool = Field(
        default=False,
        description="Serve on an address that others can reach. The pages have no sign-in: whoever reaches them can "
        "read and hear every call, so put a proxy that knows its users in front.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Host names under which a proxy serves the pages, beside localhost and the host."
    )
    data_dir: Path = Field(default=Path("calltape-data"), description="The data directory that the pipeline fills.")
    relay_url: str = Field(
        default="ws://127.0.0.1:8900/v1",
        description="Base URL of the relay as clients reach it; shown where there are no calls yet.",
    )
    refresh_seconds: float = Field(
        default=1.0, ge=0.2, le=60, description="How often a page that shows calls in progress renews itself."
    )

    @property
    def dataset_dir(self) -> Path:
        return self.data_dir / "dataset"

    @model_validator(mode="after")
    def _public_only_when_allowed(self) -> Self:
        if not self.allow_public and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host!r} can be reached from other machines, and the pages have no sign-in: "
                "keep 127.0.0.1, or set allow_public where a proxy or a firewall decides who may look"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address. A name other than localhost is taken to be public."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def from_environment() -> DashboardSettings:
    """The settings that `run` left for the page script; the defaults where it left none."""
    return DashboardSettings.model_validate_json(os.environ.get(VARIABLE, "{}"))
