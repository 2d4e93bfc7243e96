"""In which format a call's audio is, event by event: calls change it, and then the bytes before are not those after.

The user's audio is in the format in force when it was sent; an answer's in that of the moment in which the answer was
begun (PROTOCOL section 4.12). Formats come from the configuration's timeline, and a change of the input is taken to
hold from the client's request on, as the fold does: what the client sends next is what it asked for.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from dashboard.audio import Format, audio_format


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """The formats from an event on; names as the configuration has them, None where it says nothing."""

    seq: int
    input_format: str | None
    output_format: str | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An input format that the client asked for."""

    seq: int
    input_format: str


class Formats:
    """The formats of one call."""

    def __init__(self, in_force: Sequence[InForce], asked: Sequence[Asked], begun: Mapping[str, int]) -> None:
        """`in_force` and `asked` in the order of `seq`; `begun` says the `seq` at which each answer was created."""
        self._begun = begun
        self._output = [(one.seq, audio_format(one.output_format)) for one in in_force]
        self._input = _from_requests(in_force, asked)

    @property
    def rate(self) -> int:
        """The highest: at it nothing is lost."""
        return max((form.rate for _, form in (*self._input, *self._output)), default=audio_format(None).rate)

    def of(self, source: str, seq: int, response_id: str | None) -> Format:
        """The format of an event's audio."""
        if source == "client":
            return _at(self._input, seq)
        return _at(self._output, self._begun.get(response_id or "", seq))


def _from_requests(in_force: Sequence[InForce], asked: Sequence[Asked]) -> list[tuple[int, Format]]:
    found: list[tuple[int, Format]] = []
    before_seq, before = -1, None
    for one in in_force:
        # The request that this answers; one that was refused is answered by no row with its format.
        requests = [
            request.seq
            for request in asked
            if before_seq < request.seq < one.seq and request.input_format == one.input_format != before
        ]
        found.append((requests[-1] if requests else one.seq, audio_format(one.input_format)))
        before_seq, before = one.seq, one.input_format
    return found


def _at(formats: Sequence[tuple[int, Format]], seq: int) -> Format:
    """What holds at an event; before the first that is known, that one: the API said it late."""
    if not formats:
        return audio_format(None)
    place = bisect_right(formats, seq, key=lambda one: one[0])
    return formats[max(place - 1, 0)][1]
