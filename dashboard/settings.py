"""What the dashboard can be told from outside: where the dataset lies, where the pages are served, who may look."""

import os
from typing import Final, Self

from pydantic import Field, model_validator

from dashboard.hosts import is_loopback
from dashboard.sign_in_settings import SignInSettings
from pipeline.place import DatasetPlace
from pipeline.rule_settings import RULE_KEYS, RuleSettings

VARIABLE: Final = "CALLTAPE_DASHBOARD_SETTINGS"
"""How `run` hands its settings, as JSON, to the script that Streamlit executes once per page view."""


class DashboardSettings(DatasetPlace, RuleSettings, SignInSettings):
    """Serve the pages: what was recorded, while it happens and afterwards."""

    host: str = Field(
        default="127.0.0.1",
        description="Address to serve the pages on. Anything but a loopback address needs a sign-in or allow_public.",
    )
    port: int = Field(default=8902, ge=0, le=65_535, description="Port to serve the pages on; 0 takes any free one.")
    allow_public: bool = Field(
        default=False,
        description="Serve without a sign-in on an address that others can reach. Whoever reaches the pages can then "
        "read and hear every call, so put a proxy that knows its users in front.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Host names under which a proxy serves the pages, beside localhost and the host."
    )
    relay_url: str = Field(
        default="ws://127.0.0.1:8900/v1",
        description="Base URL of the relay as clients reach it; shown where there are no calls yet.",
    )
    refresh_seconds: float = Field(
        default=1.0, ge=0.2, le=60, description="How often a page that shows calls in progress renews itself."
    )

    console_seconds: float = Field(
        default=10.0, ge=0.5, le=300, description="How long a question on the SQL page may take before it is stopped."
    )
    console_rows: int = Field(
        default=10_000, ge=1, le=100_000, description="How many rows of an answer the SQL page shows and gives away."
    )
    copies_gib: float = Field(
        default=8.0,
        ge=0,
        le=1024,
        description="How much disk, in GiB, the pages may take to keep the newest rows a second time, in a form that "
        "is read twice as fast (10 million turns are 4 GiB); it is given back when the dashboard ends. 0: none.",
    )
    audio_cache_mib: int = Field(
        default=2048,
        ge=64,
        description="How much disk the sound of opened calls may take, in MiB (an hour is 345); "
        "the longest unused goes first.",
    )

    @property
    def by_rules(self) -> RuleSettings:
        """What the rows were computed by, and so what explains them."""
        return RuleSettings.model_validate(self.model_dump(include=set(RULE_KEYS)))

    @model_validator(mode="after")
    def _public_only_when_allowed(self) -> Self:
        if not self.allow_public and not self.signs_in and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host!r} can be reached from other machines, and the pages have no sign-in: keep "
                "127.0.0.1, set up sign-in (oidc_url), or set allow_public where a proxy or a firewall decides who may "
                "look"
            )
        return self


def from_environment() -> DashboardSettings:
    """The settings that `run` left for the page script; the defaults where it left none."""
    return DashboardSettings.model_validate_json(os.environ.get(VARIABLE, "{}"))
