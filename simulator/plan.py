"""When each piece of a response goes out: a reply of the scenario becomes a list of timed steps. Pure."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat

import msgspec

from simulator.scenario import Stall, Timing
from simulator.tokens import pieces


class Speech(msgspec.Struct, frozen=True):
    """An output item that is spoken."""

    text: str
    length_ms: int


class Text(msgspec.Struct, frozen=True):
    """An output item that is written."""

    text: str


class Call(msgspec.Struct, frozen=True):
    """An output item that calls a function."""

    name: str
    arguments: str
    """JSON."""


Output = Speech | Text | Call


class Begin(msgspec.Struct, frozen=True):
    """The item appears."""

    index: int


class Piece(msgspec.Struct, frozen=True):
    """A delta of its text, transcript or arguments."""

    index: int
    text: str


class Sound(msgspec.Struct, frozen=True):
    """A delta of its audio."""

    index: int
    from_ms: int
    to_ms: int


class Said(msgspec.Struct, frozen=True):
    """Its content is complete."""

    index: int


class Finish(msgspec.Struct, frozen=True):
    """The item is complete."""

    index: int


Do = Begin | Piece | Sound | Said | Finish


class Step(msgspec.Struct, frozen=True):
    """What happens how long after `response.created`."""

    at_ms: float
    do: Do


PIECE_MS = 9.0
SETTLE_MS = 20.0


class Pacing(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a response goes out."""

    timing: Timing
    vary: Callable[[float], float]
    """A factor around 1, off by up to the part it is given."""
    stall: Stall | None = None
    overlap: bool = False
    """An item begins while the one before it is still being spoken, as in the gpt-realtime-2 family."""


def plan(outputs: Sequence[Output], pacing: Pacing) -> list[Step]:
    """All steps of a response, in order of time; the response is done with the last."""
    steps: list[Step] = []
    at_ms = pacing.timing.first_words_ms * pacing.vary(pacing.timing.jitter)
    for index, output in enumerate(outputs):
        ours = list(_steps(index, output, at_ms, pacing))
        steps.extend(ours)
        middle = ours[len(ours) // 2].at_ms
        at_ms = (middle if pacing.overlap else ours[-1].at_ms) + SETTLE_MS
    return sorted(steps, key=lambda step: step.at_ms)


def _steps(index: int, output: Output, at_ms: float, pacing: Pacing) -> Iterator[Step]:
    yield Step(at_ms, Begin(index))
    if isinstance(output, Speech):
        said = sorted(_spoken(index, output, at_ms, pacing), key=lambda step: step.at_ms)
    else:
        text = output.arguments if isinstance(output, Call) else output.text
        said = [Step(at_ms + 2 + PIECE_MS * place, Piece(index, part)) for place, part in enumerate(pieces(text))]
    yield from said
    end_ms = said[-1].at_ms + SETTLE_MS if said else at_ms
    yield Step(end_ms, Said(index))
    # The API gives the arguments some time before it calls the item done; what is spoken or written ends at once.
    yield Step(end_ms + (SETTLE_MS if isinstance(output, Call) else 0), Finish(index))


def _spoken(index: int, speech: Speech, at_ms: float, pacing: Pacing) -> Iterator[Step]:
    """Words run a little ahead of the sound they stand for."""
    timing, stall = pacing.timing, pacing.stall
    words = pieces(speech.text)
    for place, word in enumerate(words):
        through_ms = speech.length_ms * place / len(words)
        yield Step(at_ms + 2 + through_ms / timing.pace + _stalled_ms(through_ms, stall), Piece(index, word))
    ahead_ms = max(timing.first_audio_ms - timing.first_words_ms, 5) * pacing.vary(timing.jitter)
    for from_ms, to_ms in _cuts(speech.length_ms, timing.delta_ms):
        sent_ms = at_ms + ahead_ms + from_ms / timing.pace + _stalled_ms(from_ms, stall)
        yield Step(sent_ms, Sound(index, from_ms, to_ms))


def _stalled_ms(through_ms: float, stall: Stall | None) -> float:
    return stall.for_ms if stall is not None and through_ms >= stall.after_ms else 0


def _cuts(length_ms: int, sizes: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    start = 0
    for size in chain(sizes, repeat(sizes[-1])):
        if start >= length_ms:
            return
        yield start, min(start + size, length_ms)
        start += size
