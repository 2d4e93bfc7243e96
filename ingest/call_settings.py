"""What the worker can be told about calls whose sound travels elsewhere: WebRTC and SIP."""

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ingest.sip_headers import KEPT, Discretion
from ingest.telephone import Decision
from ingest.webhooks import key_of

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]+|null", re.IGNORECASE)


class SipRule(BaseModel):
    """What becomes of calls to one number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["accept", "reject"]
    session: dict[str, Any] = {}
    status_code: int = Field(default=603, ge=400, le=699)

    @model_validator(mode="after")
    def _accepts_with_a_model(self) -> Self:
        if self.action == "accept" and not self.session.get("model"):
            raise ValueError("accept needs a session with a model, as the API takes it")
        return self


class CallSettings(BaseModel):
    """WebRTC and SIP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cors_origins: list[str] = Field(
        default=[],
        description="Pages that may call the worker from a browser, such as https://app.example.com; * for all. "
        "None: the upstream's own answer to browsers passes through.",
    )
    sideband: bool = Field(
        default=True, description="Follow WebRTC calls that are created through the worker by a sideband WebSocket."
    )
    sideband_api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key to attach to calls with. Empty: api_key, else what the call was created with.",
    )
    sideband_ask_configuration: bool = Field(
        default=False,
        description="Send an empty session.update into each call that is followed, so that its configuration is known.",
    )
    sideband_quiet_seconds: float = Field(
        default=30.0,
        gt=0,
        description="After so long without an event the upstream is asked whether it still knows the call.",
    )

    webhook_secrets: list[SecretStr] = Field(
        default=[],
        description="Secrets (whsec_...) of the webhook that announces telephone calls; several while one is replaced.",
    )
    webhook_path: str = Field(
        default="/webhooks/openai", pattern=r"^/[^?#\s]+$", description="Path at which that webhook is received."
    )
    sip: dict[str, SipRule] = Field(
        default={},
        description="What becomes of calls by the number called (* for others): action accept with session, or reject "
        "with status_code. Empty: your own service decides, the worker only follows.",
    )
    sip_headers: list[str] = Field(
        default=list(KEPT),
        description="SIP headers that are recorded. Numbers and names in them are hashed.",
    )
    sip_headers_plain: bool = Field(default=False, description="Record numbers and names in SIP headers as they are.")
    sip_hash_key: SecretStr = Field(
        default=SecretStr(""), description="Key of those hashes. Empty: the last of webhook_secrets."
    )

    @field_validator("webhook_secrets")
    @classmethod
    def _webhooks_can_be_checked(cls, secrets: list[SecretStr]) -> list[SecretStr]:
        for place, secret in enumerate(secrets, 1):
            try:
                key_of(secret.get_secret_value())
            except ValueError as error:
                raise ValueError(f"number {place} {error}") from error
        return secrets

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_some(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: scheme and host, and a port if need be, without a path")
        return origins

    @model_validator(mode="after")
    def _telephone_is_whole(self) -> Self:
        if self.sip and not self.webhook_secrets:
            raise ValueError("sip without webhook_secrets: nobody would tell the worker of a call")
        return self

    def decisions(self) -> Mapping[str, Decision]:
        """By the number called."""
        return {
            number: Decision(action=rule.action, session=rule.session, status_code=rule.status_code)
            for number, rule in self.sip.items()
        }

    def discretion(self) -> Discretion:
        """What is kept of SIP headers. Needs a hash key or a webhook secret."""
        own = self.sip_hash_key.get_secret_value().encode()
        key = own or key_of(self.webhook_secrets[-1].get_secret_value())
        names = frozenset(name.lower() for name in self.sip_headers)
        return Discretion(names=names, key=key, plain=self.sip_headers_plain)
