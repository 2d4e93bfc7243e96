"""What a scenario expected of its sessions, held against the rows that the fold made of them. Pure.

Every figure is the fold's own (METRICS sections 2, 3 and 5); nothing is measured here.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from ingest.scenario import Expected, Most
from pipeline.domain import facts
from pipeline.domain.facts import Fact, Row

R = TypeVar("R", bound=Row)

_LATENCIES = ("perceived_latency_ms", "wire_latency_ms", "model_latency_ms")
_SHOWN_MAX = 200
"""Characters of what was said that a verdict quotes."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one expectation held, and what was found."""

    expected: str
    held: bool
    found: str


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A latency over all turns that have it."""

    count: int
    median: float
    p95: float
    max: float


class SessionRows:
    """The latest rows of one session."""

    def __init__(self) -> None:
        self._rows: dict[type[Row], dict[tuple[object, ...], Row]] = {}

    def add(self, fact: Fact) -> None:
        """Take in a row; of two with one key the later holds."""
        key = tuple(getattr(fact, name) for name in fact.key)
        self._rows.setdefault(type(fact), {})[key] = fact

    @property
    def session(self) -> facts.Session | None:
        return next((row for row in self._of(facts.Session)), None)

    @property
    def turns(self) -> list[facts.Turn]:
        return self._of(facts.Turn)

    @property
    def tools(self) -> list[facts.ToolCall]:
        return self._of(facts.ToolCall)

    @property
    def interruptions(self) -> list[facts.Interruption]:
        return self._of(facts.Interruption)

    @property
    def errors(self) -> list[facts.SessionError]:
        return self._of(facts.SessionError)

    def said_by(self, role: str) -> str:
        """All that one side said or wrote, a line for each."""
        said = sorted((row.elapsed_ms, row.text) for row in self._of(facts.Transcript) if row.role == role and row.text)
        return "\n".join(text for _, text in said)

    def _of(self, kind: type[R]) -> list[R]:
        return [row for row in self._rows.get(kind, {}).values() if isinstance(row, kind)]


def judge(expected: Expected, rows: SessionRows) -> Iterator[Verdict]:
    """What one session had to bring."""
    session = rows.session
    if session is None:
        yield Verdict(expected="recorded", held=False, found="nothing of it is in the log")
        return
    yield _plain("complete", "yes", session.incomplete_reason or "yes")
    if expected.turns is not None:
        yield _plain("turns", expected.turns, session.turns)
    if expected.responses is not None:
        yield _plain("responses", expected.responses, session.responses)
    yield from _tools(expected.tools, rows)
    yield from _words("agent says", expected.agent_says, rows.said_by("agent"))
    yield from _words("user says", expected.user_says, rows.said_by("user"))
    yield from _interruptions(expected.interruptions, rows)
    codes = sorted({error.code or error.kind for error in rows.errors})
    yield _plain("errors", ", ".join(sorted(expected.errors)) or "none", ", ".join(codes) or "none")
    if expected.usd_max is not None:
        yield _costs(expected.usd_max, session)


def judge_latencies(expected: Expected, sessions: Iterable[SessionRows]) -> Iterator[Verdict]:
    """The bounds on latencies, over all turns of all sessions."""
    turns = [turn for rows in sessions for turn in rows.turns]
    for name in _LATENCIES:
        most: Most | None = getattr(expected, name)
        if most is None:
            continue
        figures = latency(name, turns)
        if figures is None:
            reasons = Counter(str(getattr(turn, name.replace("_ms", "_reason"))) for turn in turns)
            found = "no turn has one" + (f" ({_counted(reasons)})" if reasons else "")
            yield Verdict(expected=name, held=False, found=found)
            continue
        bases = Counter(turn.latency_basis or "unknown" for turn in turns if getattr(turn, name) is not None)
        for which in ("median", "p95", "max"):
            bound, value = getattr(most, which), getattr(figures, which)
            if bound is not None:
                found = f"{value:.0f} ({figures.count} turns: {_counted(bases)})"
                yield Verdict(expected=f"{which} {name} at most {bound:g}", held=value <= bound, found=found)


def latency(name: str, turns: Iterable[facts.Turn]) -> Figures | None:
    """A latency's distribution; None where no turn has it."""
    values = sorted(value for turn in turns if (value := getattr(turn, name)) is not None)
    if not values:
        return None
    return Figures(count=len(values), median=_quantile(values, 0.5), p95=_quantile(values, 0.95), max=values[-1])


def _quantile(values: Sequence[float], part: float) -> float:
    """Of sorted values, between the two nearest in proportion: what DuckDB calls quantile_cont."""
    place = part * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)


def _tools(expected: Sequence[str], rows: SessionRows) -> Iterator[Verdict]:
    answered = Counter(tool.name for tool in rows.tools if tool.status == "answered")
    for name in expected:
        found = _counted(Counter(f"{tool.name} {tool.status}" for tool in rows.tools)) or "none was called"
        yield Verdict(expected=f"tool {name} called and answered", held=answered[name] > 0, found=found)


def _words(who: str, expected: Sequence[str], said: str) -> Iterator[Verdict]:
    for pattern in expected:
        line = next((line for line in said.split("\n") if re.search(pattern, line, re.IGNORECASE)), None)
        found = _quoted(said if line is None else line)
        yield Verdict(expected=f"{who} /{pattern}/", held=line is not None, found=found)


def _interruptions(expected: dict[str, int], rows: SessionRows) -> Iterator[Verdict]:
    classes = Counter(overlap.class_ for overlap in rows.interruptions)
    for class_, least in expected.items():
        held = classes[class_] >= least
        yield Verdict(expected=f"{class_} at least {least}", held=held, found=_counted(classes) or "none")


def _costs(usd_max: float, session: facts.Session) -> Verdict:
    usd = session.billed_usd_nanos / 1e9
    unpriced = f", and {session.unpriced} things without a price" if session.unpriced else ""
    held = usd <= usd_max and not session.unpriced
    return Verdict(expected=f"billed at most ${usd_max:g}", held=held, found=f"${usd:.6f}{unpriced}")


def _plain(what: str, expected: object, found: object) -> Verdict:
    return Verdict(expected=f"{what} {expected}", held=expected == found, found=str(found))


def _quoted(said: str) -> str:
    line = said.replace("\n", " / ")
    return f'"{line[:_SHOWN_MAX]}{"..." if len(line) > _SHOWN_MAX else ""}"' if line else "nothing"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
