"""Notes the truth at the worker, as things pass by: each note is made by the one who did it, with what only they know.

What was lost on the way to the log makes no note: the truth here is that of what the log can support.
"""

from typing import Any

from tests.truth import money
from tests.truth.ear import Ear
from tests.truth.lengths import Length
from tests.truth.player import Piece
from tests.truth.recorder import Seen
from tests.truth.truths import Answer, Input, Overlap, Text, Tool, Utterance


class Witness(Ear):
    """And all the rest: what is written, said, called, charged, and how it ends."""

    def transcribed(self, seen: Seen, spoken: Input, item_id: str, words: str | None) -> None:
        """What the server made of it: None where it failed."""
        index = None if spoken.turn is None else spoken.turn.index
        reason = "transcription_failed" if words is None else None
        row = {"role": "user", "kind": "audio", "text": words, "reason": reason, "turn_index": index}
        self.truth.transcripts[item_id, 0] = {**row, "response_id": None, "seen": seen}
        if isinstance(spoken, Utterance):
            spoken.transcript = words

    def transcription_billed(self, seen: Seen, item_id: str, spoken: Input, model: str, **bill: Any) -> None:
        """A charge of its own, at the price of the model that transcribed."""
        nanos = bill["billed_usd_nanos"]
        self.book(seen, billed=nanos or 0, unpriced=nanos is None)
        index = None if spoken.turn is None else spoken.turn.index
        self.truth.costs.append({"seen": seen, "item_id": item_id, "turn_index": index, "model": model, **bill})

    def said(self, seen: Seen, answer: Answer, item_id: str, kind: str, text: str) -> None:
        """The agent's words are final."""
        index = None if answer.turn is None else answer.turn.index
        row = {"role": "agent", "kind": kind, "text": text, "reason": None, "turn_index": index}
        self.truth.transcripts.setdefault((item_id, 0), {**row, "response_id": answer.id, "seen": seen})

    def failed(self, seen: Seen, kind: str, **fields: Any) -> None:
        self.truth.errors.append({"seen": seen, "kind": kind, **fields})

    # --- other inputs

    def named(self, seen: Seen, text: Text) -> None:
        """The server confirms what was typed."""
        self.truth.texts.append(text)
        if self.sideband:
            text.written = seen

    def texted(self, seen: Seen, text: Text) -> None:
        """The request for an answer to what the user wrote; a repeated one only moves the clock."""
        if text.turn is None:
            text.turn = self.truth.open("text", seen, self.model)
            text.turn.typed = text
        if not self.sideband:
            text.turn.basis = "client_request"
            text.turn.from_ns = text.turn.perceived_from_ns = seen.ns
        else:
            text.turn.from_reason = "request_not_seen"

    def nudged(self, seen: Seen, silence: Input, item_id: str) -> None:
        turn = silence.turn = self.truth.open("idle", seen, self.model)
        turn.item_id, turn.from_reason, turn.endpointing_reason = item_id, "idle", None

    def greeted(self, seen: Seen, greeting: Input) -> None:
        """The agent answers nothing."""
        turn = greeting.turn = self.truth.open("none", greeting.asked or seen, self.model)
        if greeting.asked is None:
            turn.from_reason = "request_not_seen"
        else:
            turn.basis = "client_request"
            turn.from_ns = turn.perceived_from_ns = turn.opened.ns

    # --- the agent

    def created(self, seen: Seen, answer: Answer, to: Input | None) -> None:
        answer.created = seen
        answer.model = self.model
        self.truth.answers.append(answer)
        if answer.out_of_band:
            return
        assert to is not None
        if to.turn is None and isinstance(to, Text):
            self.texted(seen, to)
        elif to.turn is None:
            self.greeted(seen, to)
        assert to.turn is not None
        answer.turn = to.turn
        to.turn.answers.append(answer)

    def item(self, answer: Answer, item_id: str) -> None:
        if item_id not in answer.item_ids:
            answer.item_ids.append(item_id)

    def delta(self, seen: Seen, answer: Answer, item_id: str, size: int, bytes_per_ms: int) -> None:
        length_ns = self._spoken.setdefault((answer.id, item_id), Length()).add(size, bytes_per_ms)
        first_of_item = item_id not in self.truth.player.items(answer.id)
        if answer.first_audio_ns is None:
            answer.first_audio_ns = seen.ns
            if answer.turn is not None and answer.turn.first_audio is None:
                answer.turn.first_audio = answer
            self._began_to_speak(seen, answer)
        if first_of_item:
            self._went_on(seen, answer)
        lane = answer.id if answer.out_of_band else ""
        before = money.metered_audio(self.truth.player.generated_ns(answer.id), money.AUDIO_OUT_MINUTE)
        self.truth.player.feed(Piece(answer.id, item_id, length_ns, seen.minute, lane=lane), seen.ns)
        after = money.metered_audio(self.truth.player.generated_ns(answer.id), money.AUDIO_OUT_MINUTE)
        self.truth.minute(seen).generated_ns += length_ns
        self.book(seen, metered=after - before)

    def _began_to_speak(self, seen: Seen, answer: Answer) -> None:
        """If the user speaks and the agent was silent until now, it cuts in."""
        if self._speaking is None or answer.out_of_band or self._talks(seen.ns, answer):
            return
        self.truth.overlaps.append(Overlap(seen, answer, self._speaking, cut_in=True, position_ns=0))

    def _talks(self, now_ns: int, but: Answer) -> bool:
        holder = self.truth.holder(now_ns)
        return holder is not None and holder is not but

    def wrote(self, seen: Seen, answer: Answer) -> None:
        if answer.first_text_ns is None:
            answer.first_text_ns = seen.ns
            if answer.turn is not None and answer.turn.first_text is None:
                answer.turn.first_text = answer
            self._went_on(seen, answer)

    def _went_on(self, seen: Seen, answer: Answer) -> None:
        """The first that is said after a tool was answered, by a response that knows the tool's answer."""
        for one in answer.turn.answers if answer.turn else ():
            for tool in one.tools:
                if tool.output_ns is None or tool.after_ns is not None:
                    continue
                if (tool.kind == "mcp") or (one is not answer and answer.created.ns >= tool.output_ns):
                    tool.after_ns = seen.ns - tool.output_ns

    def all_said(self, seen: Seen, answer: Answer) -> None:
        answer.all_said_ns = seen.ns if answer.all_said_ns is None else answer.all_said_ns

    def spoke(self, seen: Seen, answer: Answer) -> None:
        answer.spoke = True
        self.all_said(seen, answer)

    def playout_started(self, seen: Seen, answer: Answer) -> None:
        began = answer.playout_started_ns is None
        if began:
            self._began_to_speak(seen, answer)
            answer.playout_started_ns = seen.ns
        if began and answer.turn is not None and answer.turn.first_playout_ns is None:
            answer.turn.first_playout_ns = seen.ns

    def playout_stopped(self, seen: Seen, answer: Answer) -> None:
        answer.playout_stopped_ns = answer.playout_stopped_ns or seen.ns

    def cut(self, seen: Seen, answer: Answer, by: str) -> None:
        """The agent falls silent in the middle of what it says."""
        if answer.cut_ns is None and (answer.first_audio_ns is not None or answer.playout_started_ns is not None):
            answer.cut_ns, answer.cut_by = seen.ns, by
            self.truth.player.stop(answer.id, seen.ns)

    def truncated(self, seen: Seen, answer: Answer, item_id: str, heard_ms: float) -> None:
        """The player says how much of an item was heard."""
        if item_id in answer.item_ids:
            answer.truncated_ms[item_id] = heard_ms
            self.cut(seen, answer, "truncated")

    def done(self, seen: Seen, answer: Answer, status: str, reason: str | None, usage: money.Usage | None) -> None:
        answer.done, answer.status, answer.reason, answer.usage = seen, status, reason, usage
        self.all_said(seen, answer)
        counted = usage is not None and usage.told in {"whole", "no_split"} and usage.audio_out > 0
        # Of a relayed answer all of whose audio was lost no more is known than of one that went another way.
        unheard = self.sideband or not self.truth.player.items(answer.id)
        answer.elsewhere = unheard and (answer.spoke or answer.playout_started_ns is not None or counted)
        self._bill(seen, answer)
        if status == "cancelled":
            self.cut(seen, answer, "cancelled")

    def _bill(self, seen: Seen, answer: Answer) -> None:
        bill = money.billed(answer.usage, answer.model or "", did_work=answer.did_work)
        text = None if answer.elsewhere else money.metered_text(answer.usage, did_work=answer.did_work)
        self.book(seen, metered=text or 0, billed=bill.nanos or 0, unpriced=bill.nanos is None, unmetered=text is None)

    # --- tools

    def tool_called(self, seen: Seen, answer: Answer, tool: Tool) -> None:
        tool.began = seen
        answer.tools.append(tool)
        self.item(answer, tool.item_id)

    def tool_answered(self, seen: Seen, tool: Tool, output: str | None, status: str = "answered") -> None:
        if tool.output_ns is None:
            tool.output_ns, tool.output, tool.status = seen.ns, output, status

    # --- the end

    def ended(self, seen: Seen) -> None:
        truth = self.truth
        truth.closed = seen
        truth.player.stop_all(seen.ns)
        for answer in truth.answers:
            if answer.playout_started_ns is not None:
                answer.playout_stopped_ns = answer.playout_stopped_ns or seen.ns
            if answer.done is None:
                answer.elsewhere = (self.sideband or not truth.player.items(answer.id)) and (
                    answer.spoke or answer.playout_started_ns is not None
                )
                answer.status = "unfinished"
                self._bill(seen, answer)
            for tool in answer.tools:
                tool.status = "unanswered" if tool.status == "called" else tool.status
        if truth.turns:
            truth.turns[-1].closed_ns = seen.ns
        self.stretch_over()
