"""What truly happened in a session, noted by those who did it: the caller, the agent, the worker that saw it pass."""

from typing import Any

import msgspec

from tests.truth.lengths import Length
from tests.truth.money import Usage
from tests.truth.player import Player
from tests.truth.recorder import Seen
from tests.truth.shapes import Settings


class Tool(msgspec.Struct):
    call_id: str
    kind: str
    name: str
    arguments: str
    item_id: str
    began: Seen
    output: str | None = None
    status: str = "called"
    arguments_done_ns: int | None = None
    output_ns: int | None = None
    after_ns: int | None = None
    """From its output to the first that the agent says thereafter."""


class Answer(msgspec.Struct):
    """A response of the agent."""

    id: str
    created: Seen
    out_of_band: bool
    model: str | None
    turn: "Turn | None" = None
    status: str = "in_progress"
    reason: str | None = None
    error_code: str | None = None
    first_audio_ns: int | None = None
    first_text_ns: int | None = None
    playout_started_ns: int | None = None
    playout_stopped_ns: int | None = None
    done: Seen | None = None
    cut_ns: int | None = None
    cut_by: str | None = None
    item_ids: list[str] = []
    tools: list[Tool] = []
    truncated_ms: dict[str, float] = {}
    """Item -> what the player said was heard of it."""
    usage: Usage | None = None
    spoke: bool = False
    """The server said that its audio was complete."""
    elsewhere: bool = False
    """It was heard, and its audio went another way than past the worker."""
    all_said_ns: int | None = None
    """The server has said that no more audio comes."""

    @property
    def did_work(self) -> bool:
        return self.status == "completed" and bool(self.item_ids)


class Turn(msgspec.Struct):
    index: int
    kind: str
    opened: Seen
    model: str | None
    ended_by: str | None = None
    item_id: str | None = None
    started_ns: int | None = None
    ended_ns: int | None = None
    """When the worker saw the audio in which the user's speech ended."""
    stopped_ns: int | None = None
    user_speech_ms: float | None = None
    user_speech_reason: str | None = None
    silence_ms: int | None = None
    endpointing_reason: str | None = None
    basis: str | None = None
    from_ns: int | None = None
    from_reason: str | None = None
    perceived_from_ns: int | None = None
    closed_ns: int | None = None
    answers: list[Answer] = []
    first_audio: Answer | None = None
    first_text: Answer | None = None
    first_playout_ns: int | None = None
    typed: "Text | None" = None
    agentless: bool = False
    """Of a session that only transcribes."""


class Input(msgspec.Struct):
    """Something that the user did, from before anyone knew of it. What its turn is shows once the worker sees it."""

    turn: Turn | None = None
    asked: Seen | None = None
    """The request for a response, of a client that asks."""


class Text(Input):
    """What the user types."""

    text: str = ""
    item_id: str | None = None
    written: Seen | None = None


class Utterance(Input):
    """A stretch of speech. Positions are milliseconds of the audio that the client sends."""

    onset_ms: float = 0
    end_ms: float = 0
    words: str | None = None
    """What the transcription makes of it: "" where there is nothing in it; None where it fails."""
    meant: str = "speech"
    """speech, acknowledgement, noise."""
    item_id: str = ""
    started: bool = False
    stopped: bool = False
    ended_seen_ns: int | None = None
    started_seen: Seen | None = None
    stopped_seen: Seen | None = None
    committed_seen: Seen | None = None
    committed: bool = False
    forgotten: bool = False
    """The client threw it away."""
    silence_over_ms: float | None = None
    transcript: str | None = None
    """As logged."""
    perceived_end_ns: int | None = None
    """Its end as well as the log can tell it."""
    positions_known: bool = False
    onset_known: bool = True
    """Not where it began in the first moments of the audio: the server pads what it reports, but not beyond that."""

    @property
    def length_ms(self) -> float:
        return self.end_ms - self.onset_ms


class Overlap(msgspec.Struct):
    """Both spoke at once."""

    seen: Seen
    answer: Answer
    utterance: Utterance
    cut_in: bool
    position_ns: int


class Stretch(msgspec.Struct):
    """Input audio from one commit to the next."""

    began: Seen
    model: str | None
    length_ns: int = 0
    metered: int = 0
    turn_index: int | None = None
    item_id: str | None = None


class Stream(msgspec.Struct):
    """The one voice of a translation session."""

    began: Seen
    length: Length


class Sentence(msgspec.Struct):
    """Of a translation session, as far as the log has it."""

    role: str
    words: list[str] = []
    first: Seen | None = None
    last: Seen | None = None
    stream_ms: int = 0
    """When it began, by the server's clock."""


class Report(msgspec.Struct, frozen=True):
    """The server said what is in force."""

    seen: Seen
    type: str
    settings: Settings


class Minute(msgspec.Struct):
    model: str | None = None
    audio_in_ns: int = 0
    generated_ns: int = 0
    heard_ns: int = 0
    metered: int = 0
    billed: int = 0
    unpriced: int = 0
    unmetered: int = 0


class Truth(msgspec.Struct):
    """Of one session."""

    session_id: str
    player: Player = msgspec.field(default_factory=Player)
    turns: list[Turn] = []
    answers: list[Answer] = []
    overlaps: list[Overlap] = []
    stretches: list[Stretch] = []
    stretch: Stretch | None = None
    minutes: dict[int, Minute] = {}
    costs: list[dict[str, Any]] = []
    """Rows of transcriptions and of session time; what responses and stretches cost is worked out of them."""
    unseen_inputs: list[dict[str, Any]] = []
    """Input audio that was committed and went another way than past the worker."""
    errors: list[dict[str, Any]] = []
    transcripts: dict[tuple[str, int], dict[str, Any]] = {}
    utterances: list[Utterance] = []
    texts: list[Text] = []
    session: dict[str, Any] = {}
    agentless: bool = False
    audio_in_ns: int = 0
    reports: list[Report] = []
    early_requests: list[Seen] = []
    """Updates that the client asked for before the server had said anything."""
    config_changes: int = 0
    stream: Stream | None = None
    stream_shape: tuple[int, int] = (24_000, 1)
    """Rate and channels of what a translation session speaks."""
    sentences: list[Sentence] = []
    session_time: int = 0
    """What the session's time costs, in nano-dollars."""
    closed: Seen | None = None

    def minute(self, seen: Seen) -> Minute:
        return self.minutes.setdefault(seen.minute, Minute())

    def open(self, kind: str, seen: Seen, model: str | None) -> Turn:
        """A new turn. The one before it closes, and it is never earlier than that one."""
        before = self.turns[-1] if self.turns else None
        if before is not None:
            seen = max(seen, before.opened, key=lambda one: one.ns)
            before.closed_ns = seen.ns
        turn = Turn(len(self.turns), kind, seen, model, agentless=self.agentless)
        self.turns.append(turn)
        return turn

    def holder(self, now_ns: int) -> Answer | None:
        """Who of the agent's answers has the floor: the one that sounds, else the one that has more to say."""
        playing = self.player.playing(now_ns)
        heard = [one for one in self.answers if not one.out_of_band and one.cut_ns is None]
        for one in heard:
            if one.id == playing:
                return one
        for one in reversed(heard):
            if one.playout_started_ns is not None and one.playout_stopped_ns is None:
                return one
            if one.first_audio_ns is not None and one.all_said_ns is None:
                return one
        return None
