"""Reads the dated price lists and word lists that come with the package into the rules of the fold."""

import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipeline.domain.prices import Price, PriceList
from pipeline.domain.rules import Rules
from pipeline.rule_settings import RuleSettings

_HERE = Path(__file__).parent
_NOT_COMPONENTS = frozenset({"names", "valid_from", "source"})
_TOKENS_PER_PRICE = 1_000_000
_NANOS = 1_000_000_000


class PriceListUnreadable(ValueError):
    """A price list lacks something or says it wrongly; the message names the file and the fault."""


def default_rules() -> Rules:
    """The rules with everything the package brings along: legacy list, OpenAI's prices, backchannels."""
    return rules_of(RuleSettings())


def rules_of(settings: RuleSettings) -> Rules:
    """The rules as configured. Raises PriceListUnreadable."""
    billed = named_list(settings.billed_list)
    if settings.price_overrides is not None:
        billed = overlaid(billed, read_price_list(settings.price_overrides))
    return Rules(
        metered=named_list(settings.metered_list),
        billed=billed,
        backchannels=read_backchannels(_HERE / "backchannels.toml"),
        yield_window_ms=settings.yield_window_ms,
        speech_min_ms=settings.speech_min_ms,
        transcript_wait_ms=settings.transcript_wait_ms,
    )


def named_list(name: str) -> PriceList:
    """A list that comes with the package, by its name, or the list of a file. Raises PriceListUnreadable."""
    ours = {found.name: found for found in map(read_price_list, sorted((_HERE / "price_data").glob("*.toml")))}
    if name in ours:
        return ours[name]
    if not Path(name).is_file():
        raise PriceListUnreadable(
            f"{name}: no such price list; there is {', '.join(sorted(ours))}, or name a TOML file"
        )
    return read_price_list(Path(name))


def overlaid(below: PriceList, above: PriceList) -> PriceList:
    """The list below with the prices above instead of its own, component by component; named after both."""
    priced = dict(below.prices)
    for model, components in above.prices.items():
        priced[model] = priced.get(model, {}) | components
    return PriceList(
        name=f"{below.name}+{above.name}",
        prices=priced,
        aliases=below.aliases | above.aliases,
        suffixes=(*below.suffixes, *above.suffixes),
        surcharges=below.surcharges | above.surcharges,
    )


def read_price_list(path: Path) -> PriceList:
    """The price list of a TOML file. Raises PriceListUnreadable."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = [row for model in found["models"] for row in _rows(model, found.get("source", str(path)))]
        return PriceList(
            name=found["name"],
            prices=_indexed(rows),
            aliases=found.get("aliases", {}),
            suffixes=tuple(found.get("suffixes", ())),
            surcharges=found.get("surcharges", {}),
        )
    except (OSError, KeyError, ValueError, ArithmeticError, TypeError) as error:
        raise PriceListUnreadable(f"{path}: not a price list: {error!r}") from error


def read_backchannels(path: Path) -> dict[str, tuple[str, ...]]:
    """Language -> acknowledgements."""
    return {language: tuple(words) for language, words in tomllib.loads(path.read_text(encoding="utf-8")).items()}


def _rows(model: Mapping[str, Any], source: str) -> Iterator[Price]:
    for name in model["names"]:
        for component in model.keys() - _NOT_COMPONENTS:
            unit = "minute" if component.endswith("minute") else "token"
            yield Price(
                model=name,
                component=component,
                unit=unit,
                usd_nanos=_unit_nanos(model[component], unit),
                valid_from=model["valid_from"],
                source=model.get("source", source),
            )


def _unit_nanos(usd: Any, unit: str) -> int:
    """Nano-dollars a minute or a token. Raises ArithmeticError where that is no whole number."""
    if not isinstance(usd, str):
        raise TypeError(f"a price is text, as in '0.40', not {usd!r}")
    exact = Decimal(usd) * _NANOS / (1 if unit == "minute" else _TOKENS_PER_PRICE)
    if exact != int(exact) or exact < 0:
        raise ArithmeticError(f"{usd} USD is no whole number of nano-dollars a {unit}")
    return int(exact)


def _indexed(rows: list[Price]) -> dict[str, dict[str, tuple[Price, ...]]]:
    """Model -> component -> prices, the latest first."""
    index: dict[str, dict[str, tuple[Price, ...]]] = {}
    for row in sorted(rows, key=lambda row: row.valid_from, reverse=True):
        components = index.setdefault(row.model, {})
        components[row.component] = (*components.get(row.component, ()), row)
    return index
