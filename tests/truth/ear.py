"""Notes the truth of what the user says, at the worker, as it passes by: audio and speech."""

from tests.truth import money
from tests.truth.lengths import Length
from tests.truth.recorder import Recorder, Seen
from tests.truth.shapes import Settings
from tests.truth.truths import Answer, Input, Overlap, Stretch, Truth, Turn, Utterance
from tests.truth.world import NS_PER_MS


class Ear:
    """What of the user comes to the worker: audio, and when it is speech."""

    def __init__(self, truth: Truth, recorder: Recorder, *, sideband: bool) -> None:
        self.truth = truth
        self.sideband = sideband
        self.model: str | None = None
        """As the log knows it."""
        self._recorder = recorder
        self._speaking: Utterance | None = None
        self._intake = Length()
        self._spoken: dict[tuple[str, str], Length] = {}

    # --- the user's audio

    def appended(self, seen: Seen, from_ns: int, to_ns: int, size: int, bytes_per_ms: int) -> None:
        """Some audio: where it truly lies in what the client sends, and what of it is in the log."""
        truth, length = self.truth, self._intake.add(size, bytes_per_ms)
        if truth.stretch is None:
            truth.stretch = Stretch(seen, self.model)
            truth.stretches.append(truth.stretch)
        stretch = truth.stretch
        stretch.length_ns += length
        truth.audio_in_ns += length
        self._meter_in(seen, stretch)
        truth.minute(seen).audio_in_ns += length
        for one in truth.utterances:
            if from_ns < one.end_ms * NS_PER_MS <= to_ns:
                one.ended_seen_ns = seen.ns

    def _meter_in(self, seen: Seen, stretch: Stretch) -> None:
        now = money.metered_audio(stretch.length_ns, money.AUDIO_IN_MINUTE)
        self.book(seen, metered=now - stretch.metered)
        stretch.metered = now

    def stretch_over(self, turn: Turn | None = None, item_id: str | None = None) -> None:
        """A commit, a clearing, another format, or the end."""
        if self.truth.stretch is not None:
            self.truth.stretch.turn_index = None if turn is None else turn.index
            self.truth.stretch.item_id = item_id
        self.truth.stretch = None

    # --- speech

    def speech_started(self, seen: Seen, spoken: Utterance) -> None:
        holder = self.truth.holder(seen.ns)
        turn = spoken.turn = self.truth.open("speech", seen, self.model)
        turn.item_id, turn.started_ns = spoken.item_id, seen.ns
        turn.user_speech_reason = None if spoken.onset_known else "padding_cut"
        spoken.started_seen = self._speaking_seen = seen
        self._speaking = spoken
        if holder is not None:
            position = self._position_ns(holder, seen.ns)
            self.truth.overlaps.append(Overlap(seen, holder, spoken, cut_in=False, position_ns=position))

    def _position_ns(self, answer: Answer, now_ns: int) -> int:
        if answer.playout_started_ns is not None:
            return now_ns - answer.playout_started_ns
        player = self.truth.player
        return sum(player.played_ns(answer.id, item, now_ns) for item in player.items(answer.id))

    def speech_stopped(self, seen: Seen, spoken: Utterance, settings: Settings) -> None:
        turn = spoken.turn
        assert turn is not None
        self._speaking = None
        turn.stopped_ns = turn.from_ns = seen.ns
        spoken.stopped_seen = seen
        turn.ended_by = settings.vad
        turn.basis, turn.perceived_from_ns = "vad_event", seen.ns
        if settings.vad == "semantic_vad":
            turn.endpointing_reason = "semantic_vad"
        else:
            spoken.positions_known = spoken.onset_known
            turn.silence_ms = settings.silence_ms
            if spoken.onset_known:
                turn.user_speech_ms = spoken.length_ms
            self._place_end(seen, turn, spoken, settings.silence_ms)
        spoken.perceived_end_ns = turn.perceived_from_ns

    def _place_end(self, seen: Seen, turn: Turn, spoken: Utterance, silence_ms: int) -> None:
        """Exact by the appends, where all of them are in the log; else as far as the server's own event tells."""
        turn.perceived_from_ns = seen.ns - silence_ms * NS_PER_MS
        if self.sideband:
            turn.endpointing_reason = "no_appends"
        elif self._recorder.lossy:
            turn.endpointing_reason = "events_lost"
        else:
            turn.basis = "append_clock"
            turn.ended_ns = turn.perceived_from_ns = spoken.ended_seen_ns

    def commit_asked(self, seen: Seen, spoken: Input) -> None:
        """By the client: how push-to-talk ends speech."""
        spoken.asked = seen

    def committed(self, seen: Seen, item_id: str, spoken: Input, *, by_client: bool) -> None:
        if spoken.turn is None:
            self._open_committed(seen, item_id, spoken)
        if isinstance(spoken, Utterance):
            spoken.committed_seen = seen
        if by_client and isinstance(spoken, Utterance) and spoken.started_seen and not spoken.stopped_seen:
            self._ended_by_client(spoken)
        self.stretch_over(spoken.turn, item_id)
        if self.sideband:
            self._input_unseen(seen, item_id, spoken.turn)

    def _input_unseen(self, seen: Seen, item_id: str, turn: Turn | None) -> None:
        self.book(seen, unmetered=1)
        index = None if turn is None else turn.index
        row = {"turn_index": index, "item_id": item_id, "model": self.model, "audio_ms": None}
        self.truth.unseen_inputs.append({"seen": seen, **row})

    def _open_committed(self, seen: Seen, item_id: str, spoken: Input) -> None:
        turn = spoken.turn = self.truth.open("speech", spoken.asked or seen, self.model)
        turn.item_id, turn.ended_by = item_id, "client"
        if spoken.asked is None:
            turn.from_reason = turn.endpointing_reason = "commit_not_seen"
        else:
            turn.stopped_ns = turn.from_ns = turn.perceived_from_ns = turn.opened.ns
            turn.basis, turn.endpointing_reason = "commit", "ended_by_client"

    def _ended_by_client(self, spoken: Utterance) -> None:
        """The detector still heard speech when the client committed."""
        assert spoken.asked is not None
        assert spoken.turn is not None
        at_ns = max(spoken.asked.ns, spoken.turn.opened.ns)
        self._speaking, spoken.stopped_seen, spoken.perceived_end_ns = None, spoken.asked, spoken.asked.ns
        turn = spoken.turn
        turn.stopped_ns = turn.from_ns = turn.perceived_from_ns = at_ns
        turn.basis, turn.endpointing_reason, turn.ended_by = "commit", "ended_by_client", "client"

    def cleared(self, seen: Seen, spoken: Utterance | None) -> None:
        """The client threw the audio away, and with it the speech in it."""
        self.stretch_over()
        if spoken is not None and spoken is self._speaking:
            self._speaking, spoken.stopped_seen, spoken.perceived_end_ns = None, seen, seen.ns

    # --- money

    def book(self, seen: Seen, *, metered: int = 0, billed: int = 0, unpriced: int = 0, unmetered: int = 0) -> None:
        minute = self.truth.minute(seen)
        minute.model = self.model or minute.model
        minute.metered += metered
        minute.billed += billed
        minute.unpriced += unpriced
        minute.unmetered += unmetered
