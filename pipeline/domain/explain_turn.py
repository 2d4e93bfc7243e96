"""How the latencies of a turn came about: the events, positions and differences behind each (METRICS section 2)."""

from collections.abc import Callable, Iterable
from typing import Any

from ingest.envelope import RecordedEvent
from pipeline.domain import explain_tools, facts, latency, responses
from pipeline.domain.explain_steps import answer, difference, moment, ms, plain, spoken, text
from pipeline.domain.explain_trail import Trail, Watch
from pipeline.domain.explanation import Answer, Explanation, Step
from pipeline.domain.rules import Rules
from pipeline.domain.state import ResponseState, SessionState, ToolState, TurnState
from pipeline.domain.turns import end_position_ns

KINDS = {
    "speech": "the user spoke",
    "text": "the user wrote",
    "none": "the client asked for a response without input (a greeting)",
    "idle": "nobody said anything, and the API nudged by itself (idle timeout)",
}
BASES = {
    "append_clock": "from when the recorder saw the audio in which the user's speech ended",
    "vad_event": "from the VAD's event, for want of the audio itself",
    "commit": "from the client's commit, which says that its input has ended",
    "client_request": "from the client's request for a response",
    "playout": "to the player's own word for when the answer began to be heard",
}
_COMMITTED, _REQUESTED = "the client committed its audio", "the client asked for the response"
_BEGINNINGS = {"commit": _COMMITTED, "client_request": _REQUESTED}
_STOPPED = "the VAD said that speech had stopped"


def explain_turn(events: Iterable[RecordedEvent], turn_index: int, rules: Rules) -> Explanation:
    """Everything about one turn, from all of its session's events in their order. Raises NothingToExplain."""
    return _Turn(events, turn_index, rules).explanation()


class _Turn:
    """A turn, and what was seen to make it what it is."""

    def __init__(self, events: Iterable[RecordedEvent], index: int, rules: Rules) -> None:
        self.index = index
        self.trail = Trail[facts.Turn](rules, self._wanted)
        self.watch: Watch[TurnState] = Watch(lambda state: state.call.turns.get(index))
        self.config = Watch(lambda state: state.call.config)
        self.answers: dict[str, Watch[ResponseState]] = {}
        self.tools: dict[str, Watch[ToolState]] = {}
        self.trail.follow(events, self._watches)
        turns = self.trail.state.call.totals.turns
        self.row = self.trail.told(f"turn {index}", f"turns 0 to {turns - 1}" if turns else "none")
        turn = self.trail.told_in.call.turns.get(index) or self.watch.part
        assert turn is not None
        self.turn = turn

    def _wanted(self, row: facts.Fact) -> facts.Turn | None:
        return row if isinstance(row, facts.Turn) and row.turn_index == self.index else None

    def _watches(self, state: SessionState) -> list[Watch[Any]]:
        for response in state.call.responses.values():
            if response.turn_index == self.index and response.id not in self.answers:
                self.answers[response.id] = Watch(_of_responses(response.id))
        for tool in state.call.tools.values():
            if tool.turn_index == self.index and tool.id not in self.tools:
                self.tools[tool.id] = Watch(_of_tools(tool.id))
        # The configuration counts as it was when the speech stopped.
        stopped = self.watch.part is not None and self.watch.part.speech_stopped_ns is not None
        return [*([] if stopped else [self.config]), self.watch, *self.answers.values(), *self.tools.values()]

    def explanation(self) -> Explanation:
        told = self.trail.told_in
        kept = [told.call.responses.get(name) or watch.part for name, watch in self.answers.items()]
        responses_ = [one for one in kept if one is not None]
        answers = (
            self._perceived(),
            self._wire(),
            self._endpointing(),
            self._model(responses_),
            *explain_tools.answers(self.row, self.watch, self.tools),
            *spoken(self.row, responses_, told.now_ns),
        )
        kind = KINDS.get(self.turn.kind, self.turn.kind)
        return Explanation(
            kind="turn",
            session_id=self.row.session_id,
            key=self.index,
            title=f"Turn {self.index}: {kind}, at {self.row.opened_at:%Y-%m-%d %H:%M:%S} UTC",
            answers=answers,
            events=self.trail.events(answers),
        )

    # --- the latencies

    def _perceived(self) -> Answer:
        turn, found = self.turn, latency.perceived(self.turn)
        by_player = turn.first_playout_ns is not None
        first = turn.first_playout_ns if by_player else turn.first_audio_ns
        steps = [*self._input_end(), *self._at("the first audio went to the client", first, by_player)]
        if found.ms is not None:
            steps.append(difference("so the user waited", turn.perceived_from_ns, first))
        bases = dict.fromkeys(name for name in (turn.basis, latency.basis(turn)) if name)
        words = "; ".join(f"{name}: {BASES.get(name, name)}" for name in bases)
        return answer("perceived_latency_ms", "How long the user waited (perceived latency)", found, steps, words)

    def _input_end(self) -> list[Step]:
        turn = self.turn
        if turn.basis == "append_clock":
            return self._speech_end()
        if turn.basis != "vad_event":
            label = _BEGINNINGS.get(turn.basis or "", _REQUESTED)
            return self._when(label, "perceived_from_ns", turn.perceived_from_ns)
        stopped = self._when(_STOPPED, "speech_stopped_ns", turn.speech_stopped_ns)
        if turn.silence_ms is None or turn.perceived_from_ns == turn.speech_stopped_ns:
            return stopped
        formula = f"{text(turn.speech_stopped_ns)} - {turn.silence_ms}"
        end = Step(label="so the speech ended at about", value=ms(turn.perceived_from_ns), unit="ms", formula=formula)
        return [*stopped, self._silence(), end]

    def _speech_end(self) -> list[Step]:
        """METRICS section 2, the end of the user's speech."""
        turn = self.turn
        assert turn.audio_end_ms is not None
        assert turn.silence_ms is not None
        position = end_position_ns(turn.audio_end_ms, turn.silence_ms)
        return [
            Step(
                label="the VAD's end of the turn in the input audio (audio_end_ms)",
                value=turn.audio_end_ms,
                unit="ms of audio",
                seqs=self.watch.by("audio_end_ms"),
            ),
            self._silence(),
            Step(
                label="so the speech ended in the input audio at",
                value=ms(position),
                unit="ms of audio",
                formula=f"{plain(turn.audio_end_ms)} - {turn.silence_ms}",
            ),
            moment(
                "the recorder saw that audio at",
                turn.speech_ended_ns,
                self.trail.carrier(turn.audio_begin_ns + position),
            ),
        ]

    def _silence(self) -> Step:
        label = "the silence in force then, which is in it (silence_duration_ms)"
        return Step(label=label, value=self.turn.silence_ms, unit="ms", seqs=self.config.by("silence_duration_ms"))

    def _wire(self) -> Answer:
        turn, found = self.turn, latency.wire(self.turn)
        spoken_ = turn.first_audio_ns is not None
        first = turn.first_audio_ns if spoken_ else turn.first_text_ns
        what = "audio" if spoken_ else "text"
        steps = [
            *self._when(_BEGINNINGS.get(turn.basis or "", _STOPPED), "from_ns", turn.from_ns),
            *self._when(f"the first {what} was seen", f"first_{what}_ns", first),
        ]
        if found.ms is not None:
            steps.append(difference("so on the wire it took", turn.from_ns, first))
        return answer("wire_latency_ms", "On the wire: without the wait for silence (wire latency)", found, steps)

    def _endpointing(self) -> Answer:
        turn, found = self.turn, latency.endpointing(self.turn)
        steps = self._speech_end() if turn.basis == "append_clock" else []
        if turn.ended_by != "client":
            steps += self._when(_STOPPED, "speech_stopped_ns", turn.speech_stopped_ns)
        if found.ms is not None:
            steps.append(difference("so it was noticed after", turn.speech_ended_ns, turn.speech_stopped_ns))
        return answer("endpointing_ms", "How long it took to notice that the user had finished", found, steps)

    def _model(self, kept: Iterable[ResponseState]) -> Answer:
        found, steps = latency.model(self.turn), list[Step]()
        first = next((one for one in kept if self._begins_with(one)), None)
        if first is not None and found.ms is not None:
            seen = responses.first_output_ns(first)
            what = "text" if first.first_audio_ns is None else "audio"
            steps = [
                moment(f"response {first.id} was created", first.began.elapsed_ns, (first.began.seq,)),
                moment(f"its first {what} was seen", seen, self.answers[first.id].by(f"first_{what}_ns")),
                difference("so the model took", first.began.elapsed_ns, seen),
            ]
        return answer("model_latency_ms", "How long the model took to begin", found, steps)

    def _begins_with(self, response: ResponseState) -> bool:
        turn = self.turn
        if turn.first_audio_ns is not None:
            return response.first_audio_ns == turn.first_audio_ns
        return turn.first_text_ns is not None and response.first_text_ns == turn.first_text_ns

    # --- when things were seen

    def _at(self, label: str, at_ns: int | None, by_player: bool) -> list[Step]:
        return self._when(label, "first_playout_ns" if by_player else "first_audio_ns", at_ns)

    def _when(self, label: str, field: str, at_ns: int | None) -> list[Step]:
        """By the client's own event where it was one, else by the one that changed the field; nothing if none did."""
        if at_ns is None:
            return []
        return [moment(label, at_ns, self.trail.asked.get(at_ns) or self.watch.by(field))]


def _of_responses(response_id: str) -> Callable[[SessionState], ResponseState | None]:
    return lambda state: state.call.responses.get(response_id)


def _of_tools(call_id: str) -> Callable[[SessionState], ToolState | None]:
    return lambda state: state.call.tools.get(call_id)
