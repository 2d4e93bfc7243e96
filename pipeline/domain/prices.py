"""Price lists, which price was valid for which model on which day, and what usage costs by them (PROTOCOL section 6).

Money is integer nano-dollars. Reading the lists from their files is `pipeline.price_lists`' business.
"""

import re
from datetime import date

import msgspec

from pipeline.domain.audio import NS_PER_S
from pipeline.domain.usage import TokenCounts

NS_PER_MINUTE = 60 * NS_PER_S

ANY_MODEL = "*"
"""In a list that prices whatever model spoke."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a price list."""

    model: str
    component: str
    """text_in, text_cached, text_out, audio_in, audio_cached, audio_out, image_in, image_cached by token;
    minute (of what was transcribed), session_minute, audio_in_minute, audio_out_minute by minute."""
    unit: str
    """token, minute."""
    usd_nanos: int
    valid_from: date
    source: str


class PriceList(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    prices: dict[str, dict[str, tuple[Price, ...]]]
    """Model -> component -> prices, the latest first."""
    aliases: dict[str, str] = {}
    """Another name of a model -> its name in this list."""
    suffixes: tuple[str, ...] = ()
    """What deployments append to a model's name."""
    surcharges: dict[str, int] = {}
    """Suffix -> percent that the model costs more under it."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What something cost by a list, or why that is unknown."""

    usd_nanos: int | None = None
    reason: str | None = None
    """no_usage, no_details, zero_usage, unknown_model, no_price."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a bill by tokens."""

    component: str
    tokens: int
    price: Price | None
    """None: the list has none for it."""

    @property
    def usd_nanos(self) -> int:
        return self.tokens * (self.price.usd_nanos if self.price else 0)


_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def listed_model(prices: PriceList, model: str | None) -> str | None:
    """The name under which a list prices a model: its own, an alias, or without deployment suffix or snapshot date.

    A provider before it, as in `azure/gpt-4o-transcribe`, counts where the list has a price of that provider's.

    Never a mere prefix: `gpt-realtime-3` is not `gpt-realtime`, and a wrong price is worse than none.
    """
    name = (model or "").lower()
    for suffix in prices.suffixes:
        name = name.removesuffix(suffix)
    provider, _, plain = name.rpartition("/")
    for known in (name, plain) if provider else (name,):
        for candidate in (known, prices.aliases.get(known), _SNAPSHOT.sub("", known)):
            if candidate in prices.prices:
                return candidate
    return ANY_MODEL if ANY_MODEL in prices.prices else None


def at_provider(model: str | None, upstream_host: str | None) -> str | None:
    """The model by the name that a list has for it at that provider: `azure/...`, where Azure's price is another."""
    azure = (upstream_host or "").partition(":")[0].lower().endswith((".azure.com", ".azure.us", ".azure.cn"))
    return f"azure/{model}" if azure and model else model


def valid_price(prices: PriceList, model: str | None, component: str, day: date) -> Price | None:
    """The price of that day. A day before the first price takes the first: no call predates what it was sold for."""
    valid = prices.prices.get(listed_model(prices, model) or "", {}).get(component, ())
    for entry in valid:
        if entry.valid_from <= day:
            return _surcharged(prices, model, entry)
    return _surcharged(prices, model, valid[-1]) if valid else None


def _surcharged(prices: PriceList, model: str | None, entry: Price) -> Price:
    percent = next((more for suffix, more in prices.surcharges.items() if (model or "").lower().endswith(suffix)), 0)
    if not percent:
        return entry
    return msgspec.structs.replace(entry, usd_nanos=entry.usd_nanos * (100 + percent) // 100)


def price(prices: PriceList, model: str | None, component: str, day: date) -> int | None:
    """Nano-dollars a unit, on that day."""
    found = valid_price(prices, model, component, day)
    return None if found is None else found.usd_nanos


def token_lines(prices: PriceList, model: str | None, counts: TokenCounts, day: date) -> tuple[Line, ...]:
    """What the tokens are made up of, each kind at its price; kinds of which none were used are left out."""
    return tuple(
        Line(component=component, tokens=count, price=valid_price(prices, model, component, day))
        for component, count in _billable(counts)
        if count
    )


def token_bill(prices: PriceList, model: str | None, counts: TokenCounts, day: date) -> Bill:
    """Sum over kinds of (in - cached) x price in + cached x price cached + out x price out (PROTOCOL section 5.1)."""
    if counts.reason is not None:
        return Bill(reason=counts.reason)
    if listed_model(prices, model) is None:
        return Bill(reason="unknown_model")
    lines = token_lines(prices, model, counts, day)
    if any(line.price is None for line in lines):
        return Bill(reason="no_price")
    return Bill(usd_nanos=sum(line.usd_nanos for line in lines))


def minute_bill(prices: PriceList, model: str | None, component: str, length_ns: int, day: date) -> Bill:
    """A length of time at the model's price per minute, rounded down to the nano-dollar."""
    if listed_model(prices, model) is None:
        return Bill(reason="unknown_model")
    unit_price = price(prices, model, component, day)
    if unit_price is None:
        return Bill(reason="no_price")
    return Bill(usd_nanos=nanos(length_ns, unit_price))


def nanos(length_ns: int, per_minute: int | None) -> int:
    """The price of a length of audio. Of a growing length it never falls, so differences add up to the whole."""
    return length_ns * (per_minute or 0) // NS_PER_MINUTE


def _billable(counts: TokenCounts) -> tuple[tuple[str, int], ...]:
    text, audio, image = counts.text_in or 0, counts.audio_in or 0, counts.image_in or 0
    text_cached, audio_cached = counts.text_cached or 0, counts.audio_cached or 0
    image_cached = counts.image_cached or 0
    return (
        ("text_in", text - text_cached),
        ("text_cached", text_cached),
        ("audio_in", audio - audio_cached),
        ("audio_cached", audio_cached),
        ("image_in", image - image_cached),
        ("image_cached", image_cached),
        ("text_out", counts.text_out or 0),
        ("audio_out", counts.audio_out or 0),
    )
