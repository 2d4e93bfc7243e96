"""Settings of the fold's rules: price lists and windows. The same for every program that folds or explains."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class RuleSettings(BaseModel):
    """What the fold computes by. Set them once, at the top of calltape.toml: rows of other rules don't compare."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    billed_list: str = Field(
        default="openai-2026-11-22",
        description="Price list for what the API bills, by usage: a name that comes with Calltape, or a TOML file.",
    )
    metered_list: str = Field(
        default="legacy-2024-10",
        description="Price list by minute of audio and token of text, whatever the model: a name, or a TOML file.",
    )
    price_overrides: Path | None = Field(
        default=None, description="TOML file of prices of your own; each replaces the billed list's of that model."
    )
    yield_window_ms: int = Field(
        default=2000, ge=0, le=60_000, description="How long the agent may take to yield, and a user turn to follow."
    )
    speech_min_ms: int = Field(
        default=1000, ge=0, le=60_000, description="Shorter speech of which no words are known is a backchannel."
    )
    transcript_wait_ms: int = Field(
        default=10_000, ge=0, le=600_000, description="How long a transcript is waited for before a class is given."
    )


RULE_KEYS = frozenset(RuleSettings.model_fields)
"""Keys that stand at the top of calltape.toml, for all programs."""
