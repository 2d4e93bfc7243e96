"""What an answer to "what if" consists of: what is, what would be, and the arithmetic between them. Pure.

The answers are in `what_if_prices` (another model, text for speech) and `what_if_speech` (shorter waits, nothing
unheard). Each holds its steps with the numbers in them, exact in nano-dollars, what it assumes, and what it leaves
out. What can't be computed from what the API reported says so.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from dashboard.queries.cost import LeftOut, Tally
from dashboard.wording import count
from pipeline.domain.reasons import meaning


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the arithmetic."""

    label: str
    formula: str
    """With the numbers in it; prices are nano-dollars."""
    usd_nanos: int


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens at a price."""

    label: str
    tokens: int
    usd_nanos: int
    """A token."""


def by_price(uses: Iterable[Use]) -> tuple[Step, ...]:
    """A step for each label and price, with all its tokens together; in the order of the labels."""
    tokens = Counter[tuple[str, int]]()
    for use in uses:
        tokens[use.label, use.usd_nanos] += use.tokens
    return tuple(
        Step(label=label, formula=f"{used:,} tokens x {price:,}", usd_nanos=used * price)
        for (label, price), used in sorted(tokens.items())
        if used
    )


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What is, and what would be, on one basis."""

    basis: str
    """metered, billed."""
    now_usd_nanos: int
    costs: tuple[Step, ...] = ()
    """What it would cost, item by item; empty where it is told by what is saved."""
    saved: tuple[Step, ...] = ()
    """What would be saved, item by item."""
    impossible: str = ""
    """Why it can't be computed."""

    @property
    def then_usd_nanos(self) -> int | None:
        """What it would be; None where that can't be computed."""
        if self.impossible:
            return None
        if self.costs:
            return sum(step.usd_nanos for step in self.costs)
        return self.now_usd_nanos - sum(step.usd_nanos for step in self.saved)


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """How much sooner answers would have come."""

    turns: int
    less_ms: int
    """In all of these turns together."""
    formula: str

    @property
    def mean_ms(self) -> float | None:
        """By how much each of them; None where there are none."""
        return self.less_ms / self.turns if self.turns else None


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """One answer."""

    compared: tuple[Compared, ...]
    assumed: tuple[str, ...]
    left_out: tuple[str, ...]
    waits: Waits | None = None


def metered(tallies: Iterable[Tally]) -> int:
    """What was metered of all of it, as far as it is known: nano-dollars."""
    return sum(one.metered_usd_nanos for one in tallies)


def billed(tallies: Iterable[Tally]) -> int:
    """What was billed for all of it, as far as it is known: nano-dollars."""
    return sum(one.billed_usd_nanos for one in tallies)


NO_TEXT: Final = "no_text_tokens"


def without_usage(lacking: Iterable[LeftOut], *, text_too: bool = False) -> tuple[str, ...]:
    """How many answers can't be reckoned with, a sentence for each reason."""
    return tuple(
        f"{count(one.answers, 'answer')} in {count(one.calls, 'call')}: "
        + ("the usage has audio and no text beside it" if one.reason == NO_TEXT else meaning(one.reason) or one.reason)
        for one in lacking
        if text_too or one.reason != NO_TEXT
    )
