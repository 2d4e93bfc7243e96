"""Each law is broken by a fold that breaks it: a fault is put into the fold, and the law has to notice."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.envelope import RecordedEvent
from pipeline.domain import (
    binding,
    costs,
    emission,
    fold,
    hotpath,
    interruptions,
    playout,
    prices,
    protocol,
    responses,
    tools,
    turns,
)
from pipeline.domain import draft as drafts
from pipeline.domain.fold import SessionState
from pipeline.domain.state import ToolState
from tests import builders
from tests.pipeline.domain import laws, test_laws
from tests.pipeline.domain.any_log import logs

Patch = pytest.MonkeyPatch
Property = Callable[..., None]

# --- law 1: deterministic, the same stopped anywhere, and with redeliveries


def forgets_overlaps_at_a_restart(patch: Patch) -> None:
    load = fold.load

    def loaded(data: bytes) -> SessionState:
        state = load(data)
        return msgspec.structs.replace(state, call=msgspec.structs.replace(state.call, overlaps={}))

    patch.setattr(builders, "load", loaded)


def counts_what_comes_again(patch: Patch) -> None:
    def step(state: SessionState, event: RecordedEvent, rules: fold.Rules) -> Any:
        return fold.step(state, msgspec.structs.replace(event, seq=max(event.seq, state.next_seq)), rules)

    patch.setattr(builders, "step", step)


def changes_what_it_was_given(patch: Patch) -> None:
    patch.setattr(drafts, "copy", lambda part: part)


def tells_a_row_twice(patch: Patch) -> None:
    patch.setattr(emission, "_coalesced", lambda told: tuple(told) * 2)


def goes_on_after_the_close(patch: Patch) -> None:
    def step(state: SessionState, event: RecordedEvent, rules: fold.Rules) -> Any:
        return fold.step(msgspec.structs.replace(state, closed=False), event, rules)

    patch.setattr(builders, "step", step)


# --- law 2: money


def bills_twice(patch: Patch) -> None:
    bill = costs.bill_response
    patch.setattr(costs, "bill_response", lambda *given: (bill(*given), bill(*given)))


def pays_in_no_minute(patch: Patch) -> None:
    def book(self: drafts.Draft, *, metered: int = 0, **_: int) -> None:
        self.call.totals.metered += metered

    patch.setattr(drafts.Draft, "book", book)


def gives_away_what_has_no_price(patch: Patch) -> None:
    patch.setattr(prices, "token_bill", lambda *_: prices.Bill(usd_nanos=0))


# --- law 3: audio


def hears_more_than_was_said(patch: Patch) -> None:
    heard = playout.heard_by_minute
    patch.setattr(playout, "heard_by_minute", lambda *given: {at: ns + 1 for at, ns in heard(*given).items()})


def takes_all_audio_for_unheard(patch: Patch) -> None:
    patch.setattr(playout.Lengths, "unheard_ns", property(lambda lengths: lengths.generated_ns))


def takes_interrupted_audio_for_heard(patch: Patch) -> None:
    lengths = interruptions._lengths

    def too_long(response: Any) -> playout.Lengths:
        found = lengths(response)
        return found if found.heard_ns is None else msgspec.structs.replace(found, heard_ns=found.heard_ns + 1)

    patch.setattr(interruptions, "_lengths", too_long)


def takes_padding_for_audio(patch: Patch) -> None:
    patch.setattr(protocol, "payload_size", lambda base64: len(base64) * 3 // 4)


# --- law 4: everything has its place


def binds_to_no_turn(patch: Patch) -> None:
    patch.setattr(binding, "bind", lambda *_: None)


def lets_nobody_call(patch: Patch) -> None:
    patch.setattr(tools, "ToolState", lambda **fields: ToolState(**fields | {"response_id": "nobody"}))


# --- law 5: time


def overlaps_less_than_nothing(patch: Patch) -> None:
    patch.setattr(interruptions.Ends, "overlap_ns", lambda ends, began_ns: min(ends.agent_ns, ends.user_ns) - began_ns)


def begins_a_turn_before_the_last(patch: Patch) -> None:
    patch.setattr(turns, "max", lambda *given, key=None: given[0] if key else max(*given), raising=False)


# --- law 7: unknown types


def raises_on_unknown_types(patch: Patch) -> None:
    def raised(_: object, message: Any) -> None:
        raise NotImplementedError(message.type)

    patch.setattr(hotpath, "unknown_counted", raised)


def takes_unknown_types_for_errors(patch: Patch) -> None:
    counted = hotpath.unknown_counted

    def unknown_counted(call: Any, message: Any) -> Any:
        found = counted(call, message)
        return msgspec.structs.replace(
            found, totals=msgspec.structs.replace(found.totals, errors=found.totals.errors + 1)
        )

    patch.setattr(hotpath, "unknown_counted", unknown_counted)


# --- what is unknown says why


def gives_no_reason(patch: Patch) -> None:
    patch.setattr(responses, "model_latency_reason", lambda _: None)


def makes_up_a_reason(patch: Patch) -> None:
    patch.setattr(responses, "model_latency_reason", lambda _: "because")


# --- and what notices


class Law(NamedTuple):
    asked: Property
    """The property that meets the fault."""
    of: tuple[st.SearchStrategy[Any], ...]
    """What it is asked of."""
    noticed_in: str
    """The function whose assertion fails."""


LOGS = logs()
ANY_LOG = test_laws.test_no_log_makes_the_fold_raise_and_every_law_holds_at_its_end
RESUMED = test_laws.test_stopped_anywhere_and_resumed_the_fold_yields_the_same_rows
REDELIVERED = test_laws.test_redelivered_events_change_nothing
GIVEN = test_laws.test_a_step_leaves_the_state_it_was_given_as_it_was
STEPWISE = test_laws.test_a_step_tells_at_most_one_row_of_a_key_each_with_the_seq_of_its_event
CLOSED = test_laws.test_what_comes_after_the_close_changes_no_more_than_what_is_counted
UNKNOWN = test_laws.test_dropping_all_events_of_unknown_type_changes_no_row_but_their_counts


def _any_log(law: Callable[..., None]) -> Law:
    return Law(ANY_LOG, (LOGS,), law.__name__)


def _itself(asked: Property, *of: st.SearchStrategy[Any]) -> Law:
    return Law(asked, of or (LOGS,), asked.__name__)


FAULTS: dict[Callable[[Patch], None], Law] = {
    forgets_overlaps_at_a_restart: _itself(RESUMED),
    counts_what_comes_again: _itself(REDELIVERED, LOGS, st.data()),
    changes_what_it_was_given: _itself(GIVEN),
    tells_a_row_twice: _itself(STEPWISE),
    goes_on_after_the_close: _itself(CLOSED, logs(max_size=20), logs(max_size=10)),
    bills_twice: _any_log(laws.money_adds_up),
    pays_in_no_minute: _any_log(laws.money_adds_up),
    gives_away_what_has_no_price: _any_log(laws.money_adds_up),
    hears_more_than_was_said: _any_log(laws.audio_adds_up),
    takes_all_audio_for_unheard: _any_log(laws.audio_adds_up),
    takes_interrupted_audio_for_heard: _any_log(laws.audio_adds_up),
    takes_padding_for_audio: _any_log(laws.audio_adds_up),
    binds_to_no_turn: _any_log(laws.everything_has_its_place),
    lets_nobody_call: _any_log(laws.everything_has_its_place),
    overlaps_less_than_nothing: _any_log(laws.time_goes_forward),
    begins_a_turn_before_the_last: _any_log(laws.time_goes_forward),
    raises_on_unknown_types: Law(ANY_LOG, (LOGS,), "raised"),
    takes_unknown_types_for_errors: _itself(UNKNOWN),
    gives_no_reason: _any_log(laws.reasons_are_given),
    makes_up_a_reason: _any_log(laws.reasons_are_given),
}

# The same logs each time, and what is found is not made smaller. The fault that is met last of all took 170 of them.
searching = settings(
    max_examples=1000,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)


@pytest.mark.filterwarnings("ignore:Generating overly large repr:hypothesis.errors.HypothesisWarning")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fold_that_breaks_a_law_is_found_out(fault: Callable[[Patch], None], monkeypatch: Patch) -> None:
    law = FAULTS[fault]
    ask = searching(given(*law.of)(law.asked.hypothesis.inner_test))  # type: ignore[attr-defined]
    fault(monkeypatch)

    with pytest.raises((AssertionError, NotImplementedError)) as found:
        ask()

    assert law.noticed_in in _functions(found.traceback)


def _functions(traceback: Iterable[Any]) -> list[str]:
    return [entry.name for entry in traceback]
