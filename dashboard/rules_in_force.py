"""The price lists and windows that these pages compute by: the same that the pipeline is given."""

from functools import cache

from pipeline.domain.rules import Rules
from pipeline.price_lists import rules_of
from pipeline.rule_settings import RuleSettings


def rules(by: RuleSettings) -> Rules:
    """As the pipeline reads them, once: a price list that is edited holds from the next start, there and here."""
    return _read(by.model_dump_json())


@cache
def _read(by: str) -> Rules:
    return rules_of(RuleSettings.model_validate_json(by))
