"""What an explanation is: answers, each a column's value with the steps that lead to it, and the events behind them.

`explain_turn`, `explain_interruption` and `explain_cost` make one from a session's events; `explain_text` writes it
out. Whoever shows it otherwise (a page) takes the same value apart: everything in it is plain and may be sent as JSON.
"""

import msgspec

from ingest.envelope import RecordedEvent
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.lenient import undecoded

Value = str | int | float | bool | None

_SHOWN_MAX = 60
_NOT_SHOWN = frozenset({"type", "event_id", "delta", "audio", "obfuscation", "object", "previous_item_id"})
_INSIDE = ("response", "item", "session", "error")
_SOUND = frozenset({"response.output_audio.delta", "response.audio.delta", "session.output_audio.delta"})


class NothingToExplain(LookupError):
    """The log holds no such thing; the message says what it does hold."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a step used."""

    seq: int
    source: str
    """client, server, recorder."""
    type: str
    elapsed_ms: float
    says: str = ""
    """The parts of its message that matter, as `name value`."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that went into a value: read from events, or computed from the steps before."""

    label: str
    value: Value
    unit: str = ""
    """ms, tokens, nano-dollars, ...; empty where the value is words or a count."""
    formula: str | None = None
    """How it was computed, with the numbers in it; None where it was read."""
    seqs: tuple[int, ...] = ()
    """Of the events that say so."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the row, and how its value came about."""

    column: str
    title: str
    value: Value
    unit: str = ""
    reason: str | None = None
    """Why there is no value, as the row says it."""
    words: str = ""
    """The definition; or what the reason means."""
    steps: tuple[Step, ...] = ()


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one row."""

    kind: str
    """turn, interruption, cost."""
    session_id: str
    key: int
    """turn_index, or the row's seq."""
    title: str
    answers: tuple[Answer, ...]
    events: tuple[Evidence, ...]
    """All that the steps name, in their order."""


def evidence(event: RecordedEvent) -> Evidence:
    return Evidence(
        seq=event.seq,
        source=event.source.value,
        type=event.type,
        elapsed_ms=event.elapsed_ns / NS_PER_MS,
        says="" if event.type in _SOUND or len(event.data) > 1 << 20 else _says(event.data),
    )


def _says(data: bytes) -> str:
    message = undecoded(data)
    if not isinstance(message, dict):
        return ""
    shown = dict(message)
    for name in _INSIDE:
        inner = shown.pop(name, None)
        if isinstance(inner, dict):
            shown |= {f"{name}.{key}": value for key, value in inner.items() if key not in _NOT_SHOWN}
    plain = {k: v for k, v in shown.items() if k not in _NOT_SHOWN and isinstance(v, str | int | float)}
    said = [f"{name} {_short(value)}" for name, value in plain.items() if not name.startswith("session.instructions")]
    return ", ".join(said[:8])


def _short(value: str | float) -> str:
    text = str(value).replace("\n", " ")
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "\N{HORIZONTAL ELLIPSIS}"
