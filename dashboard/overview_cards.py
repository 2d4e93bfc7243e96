"""The figures at the top of the overview, each with its change against the stretch before."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from dashboard import addresses, definitions, wording
from dashboard.cards import Card, Change, Way
from dashboard.queries.latency import CohortLatency
from dashboard.queries.overview import Headline
from dashboard.window import Choice

ALL_SESSIONS: Final = Way(to=addresses.SESSIONS, label="list")
LATENCY: Final = Way(to=addresses.LATENCY, label="turns")
COST: Final = Way(to=addresses.COST, label="what for")
INTERRUPTIONS: Final = Way(to=addresses.INTERRUPTIONS, label="details")


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch and the one before it; of an unbounded stretch there is none."""

    now: Headline | None
    """None where only latency is compared."""
    before: Headline | None
    cohort: CohortLatency | None
    """The turns that latency is told of: those of the largest cohort, speech first."""
    cohort_before: CohortLatency | None
    choice: Choice

    def change(self, of: Callable[[Headline], float | None], good: str = "less") -> Change | None:
        """How a figure of the headline changed."""
        before = of(self.before) if self.before else None
        return _changed(of(self.now) if self.now else None, before, good, self.choice)

    def slower(self, name: str) -> Change | None:
        """How a latency of the cohort changed."""
        before = getattr(self.cohort_before, name) if self.cohort_before else None
        return _changed(getattr(self.cohort, name) if self.cohort else None, before, "less", self.choice)


def same_cohort(found: Sequence[CohortLatency], like: CohortLatency | None) -> CohortLatency | None:
    """The same cohort in another stretch; percentiles of different ones are not comparable."""
    return next((one for one in found if like and one.cohort == like.cohort), None)


def _changed(now: float | None, before: float | None, good: str, choice: Choice) -> Change | None:
    text = wording.change(now, before)
    if text is None:
        return None
    against = "vs days before" if choice.first_day or choice.last_day else f"vs {choice.range} before"
    return Change(text=text, good=good, against=against)  # type: ignore[arg-type]  # a word of ours


def overview_cards(of: Compared) -> list[Card]:
    """All of them, in the order in which they are read."""
    assert of.now is not None
    waits = wait_cards(of, "perceived", ("p50", "p90", "p99")) + wait_cards(of, "wire", ("p50", "p90"))
    return [*waits, *_calls(of, of.now), *cut_cards(of, of.now), *money_cards(of, of.now), *_trust(of, of.now)]


def _calls(of: Compared, head: Headline) -> list[Card]:
    return [
        Card(
            label="Sessions", value=f"{head.sessions:,}", help=definitions.SESSIONS,
            note=f"{head.live} live · {head.call_minutes:,.1f} min of call",
            change=of.change(lambda one: one.sessions, "neither"), way=ALL_SESSIONS,
        ),
        Card(
            label="Turns", value=f"{head.turns:,}", note=f"agent spoke in {head.spoken_turns:,}",
            help=definitions.TURNS, change=of.change(lambda one: one.turns, "neither"), way=LATENCY,
        ),
    ]  # fmt: skip


def wait_cards(of: Compared, measure: str, names: Sequence[str]) -> list[Card]:
    """Percentiles of one latency of the cohort."""
    cohort = of.cohort
    whose = wording.cohort(cohort.input_kind, cohort.speech_ended_by, cohort.latency_basis) if cohort else ""
    definition = definitions.PERCEIVED if measure == "perceived" else definitions.WIRE
    return [
        Card(
            label=f"{measure.capitalize()} {name}",
            value=wording.milliseconds(getattr(cohort, f"{measure}_{name}_ms") if cohort else None),
            note=f"n {getattr(cohort, measure):,}" if cohort else "no turn measured yet",
            help=f"Of turns by {whose}. {definition}\n\n{definitions.PERCENTILES}",
            change=of.slower(f"{measure}_{name}_ms"),
            way=Way(to=addresses.LATENCY, label="turns", query={"measure": measure}),
        )
        for name in names
    ]


def cut_cards(of: Compared, head: Headline) -> list[Card]:
    """How often, how fast the agent yields, and what was generated for nobody."""
    return [
        Card(
            label="Interruptions", value=f"{wording.rate(head.interruptions_per_100_turns)} per 100",
            note=f"{head.interruptions:,} in {wording.count(head.spoken_turns, 'turn')} · {head.yielded:,} yielded",
            help=definitions.INTERRUPTION_RATE, change=of.change(lambda one: one.interruptions_per_100_turns),
            way=INTERRUPTIONS,
        ),
        Card(
            label="Time to yield p50", value=wording.milliseconds(head.time_to_yield_p50_ms),
            note=f"n {head.yielded:,}", help=definitions.TIME_TO_YIELD_P50,
            change=of.change(lambda one: one.time_to_yield_p50_ms),
            way=Way(to=addresses.INTERRUPTIONS, label="which", query={"order": "longest to yield"}),
        ),
        unheard_card(of, head),
    ]  # fmt: skip


def unheard_card(of: Compared, head: Headline) -> Card:
    """What was generated for nobody."""
    return Card(
        label="Unheard audio", value=wording.money(head.unheard_usd_nanos),
        note=f"{wording.seconds(head.unheard_s)} metered, not heard", help=definitions.UNHEARD,
        change=of.change(lambda one: one.unheard_usd_nanos),
        way=Way(to=addresses.INTERRUPTIONS, label="which", query={"order": "most unheard"}),
    )  # fmt: skip


def money_cards(of: Compared, head: Headline) -> list[Card]:
    """On both bases, by minute and by call."""
    at_least = "≥ " if head.unpriced else ""
    unknown = bool(head.unpriced and not head.billed_usd_nanos)
    billed = "unknown" if unknown else at_least + wording.dollars(head.billed_usd_per_minute)
    return [
        Card(
            label="Metered per minute", value=wording.dollars(head.metered_usd_per_minute),
            note=f"{wording.money(head.metered_usd_nanos)} in all", help=definitions.METERED,
            change=of.change(lambda one: one.metered_usd_per_minute), way=COST,
        ),
        Card(
            label="Billed per minute", value=billed,
            note=f"{wording.money(head.billed_usd_nanos, head.unpriced)} in all", help=definitions.BILLED,
            change=of.change(lambda one: one.billed_usd_per_minute), way=_unpriced(head) or COST,
        ),
        Card(
            label="Metered per call", value=wording.dollars(head.metered_usd_per_call), help=definitions.PER_CALL,
            note=f"billed {'unknown' if unknown else at_least + wording.dollars(head.billed_usd_per_call)}",
            change=of.change(lambda one: one.metered_usd_per_call), way=COST,
        ),
    ]  # fmt: skip


def _unpriced(head: Headline) -> Way | None:
    label = f"{head.unpriced:,} unpriced"
    return Way(to=addresses.SESSIONS, label=label, query={"with": "unpriced"}) if head.unpriced else None


def _trust(of: Compared, head: Headline) -> list[Card]:
    return [
        Card(
            label="Errors", value=f"{head.errors:,}", help=definitions.ERRORS,
            note=f"in {head.sessions_with_errors:,} of {head.sessions:,} calls",
            change=of.change(lambda one: one.errors),
            way=Way(to=addresses.SESSIONS, label="calls", query={"with": "errors"}),
        ),
        Card(
            label="Complete logs", value=wording.share(head.complete, head.closed), help=definitions.COMPLETE,
            note=f"{head.complete:,} of {head.closed:,} · {wording.count(head.events_lost, 'event')} lost",
            change=of.change(lambda one: one.complete / one.closed if one.closed else None, "more"),
            way=Way(to=addresses.SESSIONS, label="the others", query={"with": "incomplete log"}),
        ),
    ]  # fmt: skip
