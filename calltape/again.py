"""`calltape rebuild`, `reprice` and `explain`: folds the archive again, into the tables or into words."""

from collections.abc import Sequence

import msgspec

from calltape.mistakes import UserMistake
from calltape.settings import ExplainSettings
from pipeline.dataset_store import Where, open_store
from pipeline.rebuild import Progress
from pipeline.rule_settings import RuleSettings
from pipeline.settings import RebuildSettings, RepriceSettings


def rebuild(settings: RebuildSettings) -> int:
    """Every table anew; 1 where a session could not be folded."""
    from pipeline.dataset_schemas import FACTS

    done = _fold_again(settings, settings.place, tuple(FACTS))
    print(f"rebuilt from {done.events:,} events of {done.sessions:,} sessions, {done.failed:,} failed")
    return 1 if done.failed else 0


def reprice(settings: RepriceSettings) -> int:
    """The tables with money in them anew, all else as it is; 1 where a session could not be folded."""
    from pipeline.price_lists import rules_of
    from pipeline.rebuild import PRICED

    done = _fold_again(settings, settings.place, PRICED)
    rules = rules_of(settings)
    print(
        f"repriced {done.sessions:,} sessions of {done.events:,} events, {done.failed:,} failed; "
        f"billed by {rules.billed.name}, metered by {rules.metered.name}"
    )
    return 1 if done.failed else 0


def _fold_again(rules: RuleSettings, place: Where, names: Sequence[str]) -> Progress:
    """Compute tables anew from the archive, showing how far it is."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    from pipeline import rebuild as archive
    from pipeline import runner
    from pipeline.dataset_writer import DatasetInUse
    from pipeline.price_lists import PriceListUnreadable

    _there(place)
    try:
        step = runner.step_of(rules)
        with Bar(console=Console(stderr=True)) as bar:
            task = bar.add_task("sessions", total=None)
            return archive.rebuild(
                place,
                step,
                lambda now: bar.update(task, completed=now.sessions, total=now.sessions_total),
                names,
            )
    except (DatasetInUse, PriceListUnreadable, OSError) as fault:
        raise UserMistake(str(fault)) from fault


def explain(settings: ExplainSettings) -> int:
    """Print how a row's numbers came about."""
    from pipeline import explain as explaining
    from pipeline.dataset import DatasetUnreadable, Reader
    from pipeline.domain.explain_text import as_text
    from pipeline.domain.explanation import NothingToExplain
    from pipeline.price_lists import PriceListUnreadable, rules_of

    reader = Reader(_there(settings.place))
    try:
        session_id = explaining.full_session_id(reader, settings.session)
        rules = rules_of(settings)
        found = explaining.explain(reader, settings.subject, session_id, settings.number, rules, of=settings.of)
    except (NothingToExplain, DatasetUnreadable, PriceListUnreadable) as fault:
        raise UserMistake(str(fault)) from fault
    finally:
        reader.close()
    print(as_text(found) if settings.format == "text" else msgspec.json.encode(found).decode(), end="")
    return 0


def _there(place: Where) -> Where:
    try:
        there = open_store(place).holds("")
    except OSError as fault:
        raise UserMistake(str(fault)) from fault
    if not there:
        raise UserMistake(f"{place}: there is no dataset; --data-dir or --dataset says where to look")
    return place
