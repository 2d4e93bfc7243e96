"""Settings of who may look: sign-in at an OIDC provider, and whom of those who can sign in there the pages let in."""

from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from dashboard.hosts import is_loopback

DISCOVERY: Final = "/.well-known/openid-configuration"
CALLBACK: Final = "/oauth2callback"
EVERYBODY: Final = "*"


class SignInSettings(BaseModel):
    """Who may look. Without `oidc_url` there is no sign-in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    oidc_url: str = Field(
        default="",
        description="OIDC provider to sign in at: its issuer address, as https://accounts.google.com. Without it the "
        "pages have no sign-in.",
    )
    oidc_client_id: str = Field(default="", description="Client id that the provider gave the dashboard.")
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""), description="Client secret that the provider gave; in the environment or the file below."
    )
    oidc_client_secret_file: Path | None = Field(
        default=None, description="File that holds the client secret, in place of the setting."
    )
    oidc_allow: tuple[str, ...] = Field(
        default=(),
        description="Who may look: e-mail addresses (ann@example.com), domains (@example.com), or * for everybody "
        "who can sign in at the provider.",
    )
    oidc_allow_unverified: bool = Field(
        default=False,
        description="Believe e-mail addresses that the provider does not say it has verified: for Microsoft Entra ID "
        "with an issuer of your own tenant, which never says.",
    )
    oidc_hours: float = Field(default=12.0, gt=0, le=720, description="Hours after which one signs in again.")
    oidc_cookie_secret: SecretStr = Field(
        default=SecretStr(""),
        description="What signs the sign-in cookie, 32 characters or more; the same for dashboards behind one address. "
        "Empty: made up at each start, and everybody signs in again after one.",
    )
    public_url: str = Field(
        default="",
        description="Address at which browsers reach the pages, as https://calls.example.com. The provider must be "
        f"told it with {CALLBACK} behind it. Needed for sign-in.",
    )

    @property
    def signs_in(self) -> bool:
        """Whether the pages have a sign-in."""
        return bool(self.oidc_url)

    @property
    def discovery_url(self) -> str:
        """Where the provider describes itself."""
        return self.oidc_url if self.oidc_url.endswith(DISCOVERY) else self.oidc_url.rstrip("/") + DISCOVERY

    @property
    def callback_url(self) -> str:
        """Where the provider sends browsers back to."""
        return self.public_url.rstrip("/") + CALLBACK

    @property
    def public_host(self) -> str | None:
        return urlsplit(self.public_url).hostname

    @field_validator("oidc_url", "public_url")
    @classmethod
    def _nobody_listens_in(cls, given: str) -> str:
        parts = urlsplit(given)
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if given and not (parts.scheme == "https" and parts.hostname) and not local:
            raise ValueError(f"{given!r} must begin with https://, or with http:// and a loopback host")
        return given

    @field_validator("public_url")
    @classmethod
    def _at_the_root(cls, given: str) -> str:
        if urlsplit(given).path.strip("/"):
            raise ValueError(f"{given!r} must have no path: with sign-in the pages lie at the root of their host")
        return given

    @field_validator("oidc_allow")
    @classmethod
    def _addresses(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if one != EVERYBODY and ("@" not in one or one.endswith("@") or "*" in one):
                raise ValueError(f"{one!r} is no e-mail address, no @domain and not {EVERYBODY}")
        return tuple(one.strip().lower() for one in given)

    @model_validator(mode="after")
    def _all_of_it(self) -> Self:
        if not self.signs_in:
            return self
        secret = self.oidc_client_secret.get_secret_value() or self.oidc_client_secret_file
        needed = {
            "oidc_client_id": self.oidc_client_id,
            "oidc_client_secret (or oidc_client_secret_file)": secret,
            "oidc_allow": self.oidc_allow,
            "public_url": self.public_url,
        }
        if missing := [name for name, value in needed.items() if not value]:
            raise ValueError(f"sign-in at {self.oidc_url} needs {', '.join(missing)}, too")
        cookie_secret = self.oidc_cookie_secret.get_secret_value()
        if cookie_secret and len(cookie_secret) < SECRET_CHARACTERS_MIN and set(cookie_secret) != {"*"}:
            raise ValueError(f"oidc_cookie_secret must have {SECRET_CHARACTERS_MIN} characters or more")
        return self


SECRET_CHARACTERS_MIN: Final = 32
