"""Writes an explanation out as text that can be sent to a colleague as it is."""

from collections.abc import Iterator

from pipeline.domain.explanation import Answer, Evidence, Explanation, Step, Value
from pipeline.domain.reasons import LATER, NONE, REASONS, UNKNOWN

_NANOS = "nano-dollars"
_MISSING = {NONE: "none", LATER: "not yet", UNKNOWN: "unknown"}
_HEAD = "All times are milliseconds since the session opened, as observed where the recorder stands."


def as_text(explanation: Explanation) -> str:
    """The explanation in lines of text, events last."""
    return "\n".join(_lines(explanation)) + "\n"


def _lines(explanation: Explanation) -> Iterator[str]:
    yield explanation.title
    yield f"Session {explanation.session_id}. {_HEAD}"
    for answer in explanation.answers:
        yield ""
        yield from _answer(answer)
    if explanation.events:
        yield ""
        yield "The events behind it:"
        yield from map(_event, explanation.events)


def _answer(answer: Answer) -> Iterator[str]:
    yield f"{answer.title}: {_value(answer)}    [{answer.column}]"
    if answer.words:
        yield f"    {answer.words}"
    for number, step in enumerate(answer.steps, 1):
        yield f"  {number}. {_step(step)}"


def _value(answer: Answer) -> str:
    if answer.value is not None or answer.reason is None:
        return shown(answer.value, answer.unit)
    reason = REASONS.get(answer.reason)
    return f"{_MISSING.get(reason.kind if reason else UNKNOWN)} ({answer.reason})"


def _step(step: Step) -> str:
    parts = [f"{step.label}: {shown(step.value, step.unit)}"]
    if step.formula is not None:
        parts.append(f"= {step.formula}" if step.unit else f"({step.formula})")
    if step.seqs:
        parts.append("[" + ", ".join(f"seq {seq}" for seq in step.seqs) + "]")
    return "  ".join(parts)


def _event(event: Evidence) -> str:
    said = f"  ({event.says})" if event.says else ""
    return f"  seq {event.seq:<6} {event.elapsed_ms:>12,.3f} ms  {event.source:<8} {event.type}{said}"


def shown(value: Value, unit: str) -> str:
    """A value with its unit, money also in dollars."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return f'"{value}"' if " " in value or not value else value
    number = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")
    dollars = f" (${value / 10**9:,.9f})" if unit == _NANOS else ""
    return f"{number} {unit}{dollars}".rstrip()
