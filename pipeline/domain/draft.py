"""A private copy of a session's state while one event is folded. `step` is pure; in here we may write.

Getting a part by its method makes it the draft's own and renews its row; reading it from `call` does neither.
"""

from copy import copy
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from pipeline.domain import facts
from pipeline.domain.audio import NS_PER_S
from pipeline.domain.rules import Rules
from pipeline.domain.state import (
    Call,
    MinuteState,
    Moment,
    OverlapState,
    ResponseState,
    SessionState,
    SpeechState,
    Stale,
    ToolState,
    Translated,
    TurnState,
)

K = TypeVar("K")
V = TypeVar("V")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEEN_AT_MAX_NS = 253_402_300_799 * NS_PER_S
_NS_PER_MINUTE = 60 * NS_PER_S


def utc(seen_at_ns: int) -> datetime:
    """UTC to the microsecond. A time out of any calendar is brought back into it."""
    return _EPOCH + timedelta(microseconds=min(max(seen_at_ns, 0), _SEEN_AT_MAX_NS) // 1000)


def minute_of(seen_at_ns: int) -> int:
    """UTC minutes since 1970."""
    return min(max(seen_at_ns, 0), _SEEN_AT_MAX_NS) // _NS_PER_MINUTE


def minute_start(minute: int) -> datetime:
    return _EPOCH + timedelta(minutes=minute)


class Draft:
    """The state as it is being changed, the rules, and what is to be told of the change."""

    def __init__(self, state: SessionState, moment: Moment, rules: Rules) -> None:
        self.before = state
        self.moment = moment
        self.rules = rules
        self.session_id = state.session_id
        self.now_ns = moment.elapsed_ns
        self.minute = state.minute
        self.offset_ns = state.offset_ns
        self.closed = state.closed
        self.intake = state.intake
        self.voice = state.voice
        self.call = _own_call(state.call)
        self.facts: list[facts.Fact] = []
        self.texts: list[facts.Transcript] = []
        self.loud = False
        self.quiet = False
        """This step tells nothing but texts, unless something in it is loud."""
        self._turns: set[int] = set()
        self._responses: set[str] = set()
        self._speeches: set[str] = set()
        self._tools: set[str] = set()
        self._overlaps: set[int] = set()
        self._minutes: set[int] = set()

    @property
    def day(self) -> date:
        return utc(self.moment.seen_at_ns).date()

    @property
    def at(self) -> datetime:
        return utc(self.moment.seen_at_ns)

    @property
    def version(self) -> int:
        return self.moment.seq

    @property
    def telling(self) -> bool:
        """Rows are told in this step: of all that is stale, and always the session's."""
        changed = self._turns or self._responses or self._minutes or self._tools or self._overlaps
        return self.loud or bool(self.facts) or bool(changed and not self.quiet)

    @property
    def tools_changed(self) -> list[ToolState]:
        return [tool for tool in self.call.tools.values() if tool.id in self._tools]

    @property
    def overlaps_changed(self) -> list[OverlapState]:
        return [self.call.overlaps[seq] for seq in sorted(self._overlaps)]

    def tell(self) -> None:
        """Something happened that the screen should show at once."""
        self.loud = True

    def turn(self, index: int | None) -> TurnState | None:
        found = _owned(self.call.turns, index, self._turns)
        if found is not None:
            self.call.stale.turns.add(found.index)
        return found

    def begin_turn(self, turn: TurnState) -> TurnState:
        self._turns.add(turn.index)
        self.call.stale.turns.add(turn.index)
        self.call.turns[turn.index] = turn
        return turn

    def response(self, response_id: str | None) -> ResponseState | None:
        mine = response_id in self._responses
        found = _owned(self.call.responses, response_id, self._responses)
        if found is not None and not mine:
            _own_parts(found)
            self.call.stale.responses.add(found.id)
        return found

    def begin_response(self, response: ResponseState) -> ResponseState:
        self._responses.add(response.id)
        self.call.stale.responses.add(response.id)
        self.call.stale.costs.add(response.id)
        self.call.responses[response.id] = response
        return response

    def tool(self, call_id: str) -> ToolState | None:
        found = _owned(self.call.tools, call_id, self._tools)
        self.loud = self.loud or found is not None
        return found

    def begin_tool(self, tool: ToolState) -> ToolState:
        self._tools.add(tool.id)
        self.call.tools[tool.id] = tool
        self.loud = True
        return tool

    def overlap(self, seq: int) -> OverlapState:
        owned = _owned(self.call.overlaps, seq, self._overlaps)
        assert owned is not None
        return owned

    def speech(self, item_id: str | None) -> SpeechState | None:
        """Has no row of its own."""
        return _owned(self.call.speeches, item_id, self._speeches)

    def minute_state(self, minute: int) -> MinuteState:
        """Begins it where nothing was booked in it before."""
        self.call.stale.minutes.add(minute)
        found = _owned(self.call.minutes, minute, self._minutes)
        if found is None:
            self._minutes.add(minute)
            found = self.call.minutes[minute] = MinuteState(minute=minute)
        return found

    def enter_minute(self, minute: int) -> bool:
        """Book from now on in this minute, also where a clock was set back to it; not in one that is forgotten."""
        call = self.call
        if minute == self.minute or (minute <= call.forgotten_minute and minute not in call.minutes):
            return False
        if minute in call.minutes:
            # The one that is booked in is the last to be forgotten.
            call.minutes[minute] = call.minutes.pop(minute)
        self.minute = minute
        return True

    def book(self, *, metered: int = 0, billed: int = 0, unpriced: int = 0, unmetered: int = 0) -> None:
        """Money into the current minute and the session's totals at once, so that both always agree."""
        minute, totals = self.minute_state(self.minute), self.call.totals
        minute.model = self.call.config.model or minute.model
        minute.metered += metered
        minute.billed += billed
        minute.unpriced += unpriced
        minute.unmetered += unmetered
        totals.metered += metered
        totals.billed += billed
        totals.unpriced += unpriced
        totals.unmetered += unmetered


def _owned(holder: dict[K, V], key: K | None, owned: set[K]) -> V | None:
    if key is None or key not in holder:
        return None
    if key not in owned:
        owned.add(key)
        holder[key] = copy(holder[key])
    return holder[key]


def _own_call(call: Call) -> Call:
    own = copy(call)
    own.totals = copy(call.totals)
    own.turns = dict(call.turns)
    own.responses = dict(call.responses)
    own.speeches = dict(call.speeches)
    own.overlaps = dict(call.overlaps)
    own.tools = dict(call.tools)
    own.item_turns = dict(call.item_turns)
    own.item_transcribers = dict(call.item_transcribers)
    own.minutes = dict(call.minutes)
    own.stretch = copy(call.stretch)
    own.transcriptions = dict(call.transcriptions)
    own.translated = _own_translated(call.translated)
    stale = call.stale
    own.stale = Stale(set(stale.turns), set(stale.responses), set(stale.costs), set(stale.minutes))
    own.stale.translated, own.stale.stretch = stale.translated, stale.stretch
    return own


def _own_translated(translated: Translated | None) -> Translated | None:
    if translated is None:
        return None
    own = copy(translated)
    own.audio = copy(own.audio)
    own.audio.minutes = list(own.audio.minutes)
    own.heard_minutes = dict(own.heard_minutes)
    return own


def _own_parts(response: ResponseState) -> None:
    response.items = {item_id: copy(item) for item_id, item in response.items.items()}
    for item in response.items.values():
        item.minutes = list(item.minutes)
    response.output_items = dict(response.output_items)
    response.texts = list(response.texts)
    response.phases = dict(response.phases)
    response.heard_minutes = dict(response.heard_minutes)
