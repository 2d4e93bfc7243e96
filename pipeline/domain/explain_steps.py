"""The pieces that explanations are put together from: times, differences, and the answer around them."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from pipeline.domain import playout
from pipeline.domain.audio import NS_PER_MS, NS_PER_S
from pipeline.domain.explanation import Answer, Step
from pipeline.domain.reasons import meaning
from pipeline.domain.spans import Span
from pipeline.domain.state import ItemAudio, ResponseState


def ms(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_MS


def text(ns: int | None) -> str:
    """Milliseconds as they stand in a formula, exact to the nanosecond."""
    return "?" if ns is None else f"{ns / NS_PER_MS:.6f}".rstrip("0").rstrip(".")


def moment(label: str, at_ns: int | None, seqs: tuple[int, ...] = ()) -> Step:
    """When something was seen, since the session opened."""
    return Step(label=label, value=ms(at_ns), unit="ms", seqs=seqs)


def difference(label: str, from_ns: int | None, to_ns: int | None) -> Step:
    length = None if from_ns is None or to_ns is None else to_ns - from_ns
    return Step(label=label, value=ms(length), unit="ms", formula=f"{text(to_ns)} - {text(from_ns)}")


def answer(column: str, title: str, span: Span, steps: Iterable[Step], words: str = "") -> Answer:
    """A length of time; where it is missing, what the reason means instead of the definition."""
    return Answer(
        column=column,
        title=title,
        value=span.ms,
        unit="ms",
        reason=span.reason,
        words=words if span.ms is not None else meaning(span.reason),
        steps=tuple(steps),
    )


class Spoken(Protocol):
    """A row about agent speech."""

    @property
    def generated_ms(self) -> float | None: ...
    @property
    def heard_ms(self) -> float | None: ...
    @property
    def unheard_ms(self) -> float | None: ...
    @property
    def audio_reason(self) -> str | None: ...


def spoken(row: Spoken, answers: Sequence[ResponseState], at_ns: int) -> tuple[Answer, Answer]:
    """What was generated, and what was heard of it by then, item by item (METRICS section 3)."""
    items = [(one, item) for one in answers for item in one.items.values()]
    generated = [_generated(one, item) for one, item in items]
    heard = [_heard(one, item, at_ns) for one, item in items] + [
        _by_player(one) for one in answers if playout.is_elsewhere(one)
    ]
    return (
        Answer(
            column="generated_ms",
            title="How much the agent's speech was",
            value=row.generated_ms,
            unit="ms",
            reason=row.audio_reason,
            words=meaning(row.audio_reason),
            steps=(*generated, *_sum(generated, row.generated_ms)),
        ),
        Answer(
            column="heard_ms",
            title="How much of it was heard",
            value=row.heard_ms,
            unit="ms",
            reason=row.audio_reason if row.heard_ms is None else None,
            words=meaning(row.audio_reason) if row.heard_ms is None else "",
            steps=(*heard, *_sum(heard, row.heard_ms), *_unheard(row)) if heard else (),
        ),
    )


def _unheard(row: Spoken) -> tuple[Step, ...]:
    """Nothing where nobody knows how much was generated."""
    if row.unheard_ms is None:
        return ()
    formula = f"{plain(row.generated_ms)} - {plain(row.heard_ms)}"
    return (Step(label="so never heard", value=row.unheard_ms, unit="ms", formula=formula),)


def _by_player(response: ResponseState) -> Step:
    """Of audio that did not pass the recorder (WebRTC, SIP)."""
    heard = ms(playout.lengths(response).heard_ns)
    if response.truncated_ns is not None:
        return Step(label=f"heard of {response.id}: its player truncated it", value=heard, unit="ms")
    formula = None if heard is None else f"{text(response.playout_stopped_ns)} - {text(response.playout_started_ns)}"
    return Step(label=f"heard of {response.id}: as long as its buffer played", value=heard, unit="ms", formula=formula)


def _generated(response: ResponseState, item: ItemAudio) -> Step:
    formula = f"{item.size:,} bytes / {response.bytes_per_second * NS_PER_MS / NS_PER_S:g} bytes a ms"
    return Step(
        label=f"audio of {item.item_id} ({response.id})", value=ms(item.generated_ns), unit="ms", formula=formula
    )


def _heard(response: ResponseState, item: ItemAudio, at_ns: int) -> Step:
    heard, length = playout.item_heard_ns(item, at_ns), text(item.generated_ns)
    if item.truncated_ns is not None:
        why = f"heard of {item.item_id}: its player truncated it at {text(item.truncated_ns)}"
        formula = f"min({text(item.truncated_ns)}, {length})"
    elif item.cut_heard_ns is not None and response.cut_ns is not None:
        why = f"heard of {item.item_id}: by the playout clock, when it was {response.cut_by}"
        left = min(max(item.playout_end_ns - response.cut_ns, 0), item.generated_ns)
        formula = f"{length} - {text(left)} still to be played at {text(response.cut_ns)}"
    elif item.cut_heard_ns is not None:
        why = f"heard of {item.item_id}: by the playout clock, when the session ended"
        formula = f"{length} - {text(item.generated_ns - heard)} still to be played"
    else:
        why = f"heard of {item.item_id}: by the playout clock, which plays it until {text(item.playout_end_ns)}"
        formula = f"{length} - {text(item.generated_ns - heard)} still to be played at {text(at_ns)}"
    return Step(label=why, value=ms(heard), unit="ms", formula=formula)


def _sum(steps: Sequence[Step], whole: float | None) -> tuple[Step, ...]:
    if len(steps) < 2 or whole is None:  # noqa: PLR2004  # one alone is its own sum
        return ()
    return (Step(label="together", value=whole, unit="ms", formula=" + ".join(plain(one.value) for one in steps)),)


def plain(value: object, digits: int = 6) -> str:
    """As it stands in a formula: whoever computes it anew must get the same. Milliseconds to the nanosecond."""
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
