"""Why an overlap of user and agent speech was given its class, and what its times are made of (METRICS section 3)."""

from collections.abc import Callable, Iterable
from typing import Any

from ingest.envelope import RecordedEvent
from pipeline.domain import facts, interruptions
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.explain_steps import answer, difference, moment, ms, spoken, text
from pipeline.domain.explain_trail import Trail, Watch
from pipeline.domain.explanation import Answer, Explanation, Step
from pipeline.domain.reasons import meaning
from pipeline.domain.rules import Rules
from pipeline.domain.spans import Span
from pipeline.domain.state import OverlapState, ResponseState, SessionState, SpeechState

CLASSES = {
    "barge_in": "the user took the floor, and the agent gave it up",
    "false_interruption": "the agent gave up the floor, but nobody took it",
    "backchannel": "the user said go on, in passing",
    "talked_over": "the user spoke, and the agent did not give up the floor",
    "agent_cut_in": "the agent began while the user was still speaking",
}


def explain_interruption(events: Iterable[RecordedEvent], seq: int, rules: Rules) -> Explanation:
    """Everything about the interruption of that `seq`, from all of its session's events. Raises NothingToExplain."""
    return _Overlap(events, seq, rules).explanation()


class _Overlap:
    """An overlap, who spoke in it, and what was seen of them."""

    def __init__(self, events: Iterable[RecordedEvent], seq: int, rules: Rules) -> None:
        self.seq, self.rules = seq, rules
        self.trail = Trail[facts.Interruption](rules, self._wanted)
        self.known: list[int] = []
        self.overlap: Watch[OverlapState] = Watch(lambda state: state.call.overlaps.get(seq))
        self.speech: Watch[SpeechState] = Watch(lambda state: state.call.speeches.get(self._named("item_id")))
        self.responses: dict[str, Watch[ResponseState]] = {}
        self.trail.follow(events, self._watches)
        there = "interruptions at seq " + ", ".join(map(str, self.known)) if self.known else "none"
        self.row = self.trail.told(f"interruption at seq {seq}", there)

    def _named(self, field: str) -> str:
        return str(getattr(self.overlap.part, field, ""))

    def _wanted(self, row: facts.Fact) -> facts.Interruption | None:
        if not isinstance(row, facts.Interruption):
            return None
        if row.seq not in self.known:
            self.known.append(row.seq)
        return row if row.seq == self.seq else None

    def _watches(self, state: SessionState) -> list[Watch[Any]]:
        """All responses, for which of them had the floor shows only later."""
        for response_id in state.call.responses:
            if response_id not in self.responses:
                self.responses[response_id] = Watch(_of_responses(response_id))
        return [self.overlap, self.speech, *(self.responses[one] for one in state.call.responses)]

    @property
    def response(self) -> Watch[ResponseState]:
        return self.responses.get(self._named("response_id")) or Watch(lambda _: None)

    def explanation(self) -> Explanation:
        told = self.trail.told_in
        overlap = told.call.overlaps.get(self.seq) or self.overlap.part
        assert overlap is not None
        speech = told.call.speeches.get(overlap.item_id)
        response = told.call.responses.get(overlap.response_id)
        answers = (
            self._class(overlap, speech),
            self._overlap_ms(overlap, response, speech),
            self._yield(overlap),
            *spoken(self.row, [] if response is None else [response], told.now_ns),
            self._money(response),
        )
        class_ = self.row.class_.replace("_", " ")
        return Explanation(
            kind="interruption",
            session_id=self.row.session_id,
            key=self.seq,
            title=f"Interruption at seq {self.seq}: {class_}, at {self.row.at:%Y-%m-%d %H:%M:%S} UTC",
            answers=answers,
            events=self.trail.events(answers),
        )

    # --- the answers

    def _class(self, overlap: OverlapState, speech: SpeechState | None) -> Answer:
        window = self.rules.yield_window_ms
        began = "the agent's first audio came" if overlap.cut_in else "the user's speech started"
        floor = f"while response {overlap.response_id} had the floor, of which so much had been heard"
        steps = [
            moment(began, overlap.began.elapsed_ns, (self.seq,)),
            Step(label=floor, value=ms(overlap.position_ns), unit="ms", seqs=self.response.by("first_audio_ns")),
        ]
        if overlap.cut_in:
            steps[1:] = [_started(speech)]
        elif overlap.yield_ns is None:
            steps.append(Step(label=f"the agent yielded within {window} ms", value=False))
        else:
            seqs = self.overlap.by("yield_ns")
            steps.append(moment(f"the agent yielded ({overlap.yielded_by})", overlap.yield_ns, seqs))
        steps += self._speech(speech)
        steps.append(Step(label="so it is", value=self.row.class_, formula=overlap.reason))
        words = CLASSES.get(self.row.class_, "")
        return Answer(column="class", title="What it was", value=self.row.class_, words=words, steps=tuple(steps))

    def _speech(self, speech: SpeechState | None) -> list[Step]:
        if speech is None:
            return []
        length = interruptions.speech_ns(speech, self.trail.told_in.now_ns)
        least = f"{text(length)} against {self.rules.speech_min_ms} (speech_min_ms)"
        steps = [
            Step(label="the user spoke for", value=ms(length), unit="ms", formula=least, seqs=self._spoken(speech))
        ]
        if speech.transcript is not None:
            said = Step(label="the user's words", value=speech.transcript, seqs=self.speech.by("transcript"))
            steps.append(said)
        elif speech.transcription_over:
            steps.append(Step(label="its transcription", value="failed", seqs=self.speech.by("transcription_over")))
        if not speech.committed:
            steps.append(Step(label="a user turn followed", value=False))
        return steps

    def _spoken(self, speech: SpeechState) -> tuple[int, ...]:
        return (speech.started.seq, *self.speech.by("stopped_ns"))

    def _overlap_ms(self, overlap: OverlapState, response: ResponseState | None, speech: SpeechState | None) -> Answer:
        title = "How long both spoke"
        both = interruptions.ends(response, speech, self.trail.told_in.now_ns)
        if both is None:
            return answer("overlap_ms", title, Span(self.row.overlap_ms, "forgotten"), ())
        end = min(both.agent_ns, both.user_ns)
        steps = [
            moment("the agent fell silent", both.agent_ns, self.response.by("cut_ns")),
            moment("the user fell silent", both.user_ns, self.speech.by("ended_ns")),
            moment("both were speaking from", overlap.began.elapsed_ns, (self.seq,)),
            difference("so both spoke for", overlap.began.elapsed_ns, max(end, overlap.began.elapsed_ns)),
        ]
        return answer("overlap_ms", title, Span(self.row.overlap_ms), steps, "until the first of them fell silent")

    def _yield(self, overlap: OverlapState) -> Answer:
        title = "How long the agent took to give up the floor"
        if overlap.yield_ns is None:
            return answer("time_to_yield_ms", title, Span(reason="not_yielded"), ())
        steps = [
            moment("the overlap began", overlap.began.elapsed_ns, (self.seq,)),
            moment(f"the response was {overlap.yielded_by}", overlap.yield_ns, self.overlap.by("yield_ns")),
            difference("so it took", overlap.began.elapsed_ns, overlap.yield_ns),
        ]
        return answer("time_to_yield_ms", title, Span(self.row.time_to_yield_ms), steps)

    def _money(self, response: ResponseState | None) -> Answer:
        value, price = self.row.unheard_usd_nanos, None if response is None else response.metered_per_minute
        steps = []
        if value is not None and self.row.unheard_ms is not None:
            unheard = round(self.row.unheard_ms * NS_PER_MS)
            formula = f"{text(unheard)} ms x {price:,} a minute / 60,000, rounded down"
            steps.append(
                Step(
                    label=f"by {self.rules.metered.name}, for agent audio",
                    value=value,
                    unit="nano-dollars",
                    formula=formula,
                )
            )
        return Answer(
            column="unheard_usd_nanos",
            title="What the unheard speech is worth",
            value=value,
            unit="nano-dollars",
            reason=self.row.audio_reason if value is None else None,
            words=meaning(self.row.audio_reason) if value is None else "",
            steps=tuple(steps),
        )


def _started(speech: SpeechState | None) -> Step:
    label = "the user had been speaking since"
    return moment(label, None) if speech is None else moment(label, speech.started.elapsed_ns, (speech.started.seq,))


def _of_responses(response_id: str) -> Callable[[SessionState], ResponseState | None]:
    return lambda state: state.call.responses.get(response_id)
