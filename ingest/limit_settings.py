"""What the worker can be told about limits. All are off unless set."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from ingest.limits import LimitBook, Limits

_SECONDS = 60


class KeyLimits(BaseModel):
    """Limits of one relay key; 0: none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idle_seconds: float = Field(default=0, ge=0)
    minutes: float = Field(default=0, ge=0)
    spend_usd: float = Field(default=0, ge=0)
    sessions: int = Field(default=0, ge=0)

    def limits(self) -> Limits:
        return Limits(
            idle_seconds=self.idle_seconds,
            length_seconds=self.minutes * _SECONDS,
            spend_usd=self.spend_usd,
            sessions=self.sessions,
        )


class LimitSettings(BaseModel):
    """Limits of sessions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit_idle_seconds: float = Field(
        default=0, ge=0, description="Close sessions in which neither side sends a message for so long; 0: never."
    )
    limit_minutes: float = Field(default=0, ge=0, description="Close sessions that last so long; 0: never.")
    limit_spend_usd: float = Field(
        default=0, ge=0, description="Close sessions that have cost so many dollars, as billed by usage; 0: never."
    )
    limit_sessions: int = Field(default=0, ge=0, description="Refuse sessions beyond so many at once; 0: none.")
    limits: dict[str, KeyLimits] = Field(
        default={},
        description="Further limits by the name of a relay key: idle_seconds, minutes, spend_usd, sessions.",
    )

    def limit_book(self: Self) -> LimitBook:
        """All limits."""
        everybody = KeyLimits(
            idle_seconds=self.limit_idle_seconds,
            minutes=self.limit_minutes,
            spend_usd=self.limit_spend_usd,
            sessions=self.limit_sessions,
        )
        by_key = {name: own.limits() for name, own in self.limits.items()}
        return LimitBook(everybody=everybody.limits(), by_key=by_key)
