"""What is remembered of one session: a value of bounded size, and its bytes.

The parts are plain structs that only a `Draft` changes, on copies of its own. What each is bounded by stands with
`Call`; what falls out is booked for good and can't change any more. Times are `*_ns` on the session's monotonic
clock unless they say `seen_at`.
"""

import msgspec

from pipeline.domain.audio import PCM16, AppendClock, AudioFormat
from pipeline.domain.config import Config
from pipeline.domain.facts import Transcript
from pipeline.domain.usage import TokenCounts

NEVER = 1 << 62


class Moment(msgspec.Struct, frozen=True):
    """When an event was seen, on both clocks, and which it was."""

    seq: int = 0
    elapsed_ns: int = 0
    seen_at_ns: int = 0


class Intake(msgspec.Struct, frozen=True):
    """The input audio so far. Renewed by each append, so it is small."""

    position_ns: int = 0
    """Audio appended since the session began: the API's input audio clock."""
    base_ns: int = 0
    """The position at which the format in force began."""
    size: int = 0
    """Bytes since then."""
    bytes_per_second: int = PCM16.bytes_per_second
    clock: AppendClock = AppendClock()
    clock_broken: bool = False
    """Events were lost, and an append may have been among them: positions can't be trusted any more."""


class Voice(msgspec.Struct, frozen=True):
    """The agent's audio that is streaming in. Renewed by each delta, so it is small; a draft books it."""

    response_id: str = ""
    item_id: str = ""
    bytes_per_second: int = PCM16.bytes_per_second
    size: int = 0
    """Bytes not yet booked with the response."""
    playout_end_ns: int = 0
    """When all of it will have been heard, if nothing stops it."""


class ItemAudio(msgspec.Struct):
    """The audio of one item of a response, and how much of it was heard."""

    item_id: str
    generated_ns: int = 0
    size: int = 0
    playout_end_ns: int = 0
    minutes: list[tuple[int, int]] = []
    """UTC minute and nanoseconds generated in it, in the order of the audio: a clock may be set back to one."""
    cut_heard_ns: int | None = None
    """What had been heard when the agent yielded."""
    truncated_ns: int | None = None
    """What was heard according to the one who plays it."""


class ResponseState(msgspec.Struct):
    id: str
    began: Moment
    turn_index: int | None = None
    out_of_band: bool = False
    created: bool = False
    """`response.created` was seen."""
    model: str | None = None
    bytes_per_second: int = PCM16.bytes_per_second
    status: str = "in_progress"
    status_reason: str | None = None
    error_code: str | None = None
    first_audio_ns: int | None = None
    first_text_ns: int | None = None
    sounds_from_ns: int | None = None
    """When its first audio is heard, behind what was still playing."""
    playout_started_ns: int | None = None
    """`output_audio_buffer.started`."""
    playout_stopped_ns: int | None = None
    """`.stopped` or `.cleared`."""
    audio_finished: bool = False
    done_ns: int | None = None
    elsewhere: bool = False
    """It was heard, but its audio does not pass the recorder (WebRTC, SIP)."""
    voice: str | None = None
    metadata: str | None = None
    cut_ns: int | None = None
    cut_by: str | None = None
    settled: bool = False
    """Done and heard to its end, or cut."""
    items: dict[str, ItemAudio] = {}
    """By item id: audio only."""
    output_items: dict[str, str] = {}
    """Item id -> type."""
    phases: dict[str, str] = {}
    """Item id -> commentary, final_answer; of items that say it."""
    texts: list[str] = []
    """`<item_id>/<content_index>` of the transcripts already told."""
    tool_calls: int = 0
    generated_ns: int = 0
    heard_ns: int = 0
    heard_minutes: dict[int, int] = {}
    """UTC minute -> nanoseconds of `heard_ns` that were generated in it."""
    truncated_ns: int | None = None
    """Heard according to the one who plays it, of audio that is elsewhere."""
    metered_per_minute: int | None = None
    metered_audio: int = 0
    metered_text: int | None = None
    billed: int | None = None
    billed_list: str | None = None
    billed_reason: str | None = "in_progress"
    tokens: TokenCounts = TokenCounts(reason="in_progress")


class TurnState(msgspec.Struct):
    index: int
    kind: str
    opened: Moment
    model: str | None = None
    ended_by: str | None = None
    user_item_id: str | None = None
    speech_started_ns: int | None = None
    onset_position_ns: int | None = None
    """Where in the input audio the speech began, prefix padding taken off."""
    speech_ended_ns: int | None = None
    speech_stopped_ns: int | None = None
    user_speech_ns: int | None = None
    agentless: bool = False
    """The session only transcribes or translates."""
    audio_begin_ns: int = 0
    """Where in the input audio the API's clock began: not at its beginning after a reconnect."""
    user_speech_reason: str | None = None
    audio_end_ms: float | None = None
    """As `speech_stopped` said it."""
    silence_ms: int | None = None
    """In force when it was said."""
    endpointing_reason: str | None = None
    basis: str | None = None
    from_ns: int | None = None
    """Where `wire_latency_ms` begins."""
    from_reason: str | None = None
    perceived_from_ns: int | None = None
    input_ended: bool = False
    responses: int = 0
    tool_calls: int = 0
    first_audio_ns: int | None = None
    first_text_ns: int | None = None
    first_playout_ns: int | None = None
    model_latency_ns: int | None = None
    model_latency_reason: str | None = None
    model_latency_of_audio: bool = False
    tools_answered: int = 0
    tool_wait_ns: int | None = None
    after_tool_ns: int | None = None
    interrupted: bool = False
    closed_ns: int | None = None
    generated_ns: int = 0
    heard_ns: int = 0
    """As last told, as everywhere: see `playout.book_heard`."""


class SpeechState(msgspec.Struct):
    """A stretch of user speech that a VAD found, by the id of the item it becomes."""

    item_id: str
    turn_index: int
    started: Moment
    stopped_ns: int | None = None
    ended_ns: int | None = None
    """When the worker saw the audio in which it ended; else when `speech_stopped` was seen."""
    user_speech_ns: int | None = None
    committed: bool = False
    transcript: str | None = None
    transcription_over: bool = False
    """It arrived or failed."""
    transcription_expected: bool = False


class OverlapState(msgspec.Struct):
    """User and agent speak at once: an interruption, once it can be told of which class."""

    began: Moment
    cut_in: bool
    item_id: str
    response_id: str
    turn_index: int | None
    position_ns: int | None
    yielded_by: str | None = None
    yield_ns: int | None = None
    class_: str | None = None
    reason: str | None = None
    decided: bool = False


class ToolState(msgspec.Struct):
    id: str
    began: Moment
    kind: str = "function"
    name: str | None = None
    server_label: str | None = None
    arguments: str | None = None
    output: str | None = None
    error: str | None = None
    status: str = "called"
    response_id: str | None = None
    turn_index: int | None = None
    item_id: str | None = None
    arguments_done_ns: int | None = None
    output_ns: int | None = None
    after_ns: int | None = None


class MinuteState(msgspec.Struct):
    minute: int
    model: str | None = None
    audio_in_ns: int = 0
    generated_ns: int = 0
    heard_ns: int = 0
    metered: int = 0
    unmetered: int = 0
    billed: int = 0
    unpriced: int = 0


class Stretch(msgspec.Struct):
    """Input audio from one commit to the next: what one `input_audio` cost row is about."""

    began: Moment
    begin_ns: int
    """Position on the input audio clock."""
    booked_ns: int
    per_minute: int | None = None
    booked_nanos: int = 0
    model: str | None = None


class Transcription(msgspec.Struct):
    """Of user speech: what its delays are measured from."""

    committed_ns: int | None = None
    first_delta_ns: int | None = None


class Speech(msgspec.Struct, frozen=True):
    """What a translation session is saying, or hearing: its text so far."""

    began: Moment
    last: Moment
    stream_ms: float | None = None
    text: str = ""


class Translated(msgspec.Struct):
    """The audio of a translation: no response holds it."""

    began: Moment
    audio: ItemAudio
    bytes_per_second: int
    per_minute: int | None = None
    booked_nanos: int = 0
    heard_ns: int = 0
    heard_minutes: dict[int, int] = {}


class Commit(msgspec.Struct, frozen=True):
    """A client's `input_audio_buffer.commit` that the server has not answered."""

    moment: Moment
    event_id: str | None = None


class Update(msgspec.Struct, frozen=True):
    """A client's `session.update` that the server has not answered."""

    event_id: str | None = None
    input_format: AudioFormat | None = None
    """That it asks for: the server reads in order, so the audio behind the request is in it."""


class Request(msgspec.Struct, frozen=True):
    """A client's `response.create` that the server has not answered."""

    moment: Moment
    event_id: str | None = None
    out_of_band: bool = False
    turn_index: int | None = None


class TextInput(msgspec.Struct, frozen=True):
    """A user's or agent's message that the client wrote into the conversation."""

    row: Transcript
    """As told, for want of a turn; to be told anew once there is one."""
    item_id: str | None = None
    turn_index: int | None = None
    spoken: bool = False
    bound: bool = False
    """A turn has opened since: it is no input that waits for a response any more."""
    told_by_server: bool = False
    """We did not see the client write it: that was on another leg."""


class Hole(msgspec.Struct, frozen=True):
    seq: int
    count: int
    seen_at_ns: int


class Totals(msgspec.Struct):
    turns: int = 0
    responses: int = 0
    interruptions: int = 0
    tool_calls: int = 0
    errors: int = 0
    events_lost: int = 0
    config_changes: int = 0
    generated_ns: int = 0
    heard_ns: int = 0
    metered: int = 0
    unmetered: int = 0
    billed: int = 0
    unpriced: int = 0


class Stale(msgspec.Struct):
    """What has changed since its row was last told, and waits for the next step that tells."""

    turns: set[int] = set()
    responses: set[str] = set()
    costs: set[str] = set()
    """Of responses, by their id."""
    minutes: set[int] = set()
    translated: bool = False
    stretch: bool = False


class Call(msgspec.Struct):
    """All of a session that audio does not change. Each collection keeps the latest of its kind (see `Draft`)."""

    source: str | None = None
    path: str | None = None
    asked_model: str | None = None
    upstream_host: str | None = None
    relay_key: str | None = None
    opened_at_ns: int = 0
    config: Config = Config()
    totals: Totals = msgspec.field(default_factory=Totals)
    turns: dict[int, TurnState] = {}
    responses: dict[str, ResponseState] = {}
    forgotten_responses: tuple[str, ...] = ()
    active_response: str | None = None
    speeches: dict[str, SpeechState] = {}
    speaking: str | None = None
    """Item id of the user speech that has not stopped."""
    overlaps: dict[int, OverlapState] = {}
    tools: dict[str, ToolState] = {}
    item_turns: dict[str, int] = {}
    item_transcribers: dict[str, str | None] = {}
    """Item id -> the model that transcribes it: the one in force when it was committed."""
    minutes: dict[int, MinuteState] = {}
    """The one that is booked in is the last."""
    forgotten_minute: int = -1
    """The latest that was forgotten: nothing more can be booked in it, nor in one before it."""
    stretch: Stretch | None = None
    updates: tuple[Update, ...] = ()
    commits: tuple[Commit, ...] = ()
    texts: tuple[TextInput, ...] = ()
    requests: tuple[Request, ...] = ()
    tool_turn: int | None = None
    """The turn whose tool was answered since the last response was asked for."""
    conversations_seen: bool = False
    transcriptions: dict[str, Transcription] = {}
    """By item id."""
    translated: Translated | None = None
    translation_texts: dict[str, Speech] = {}
    """By role: what is being said in a translation session, and what is being heard."""
    audio_begin_ns: int = 0
    """Position of the input audio at which the API's own clock began: after a reconnect it counts anew."""
    clock_behind_ns: int = 0
    """How far the monotonic clock ran back, until it has caught up."""
    media_elsewhere: bool = False
    """Audio does not pass the recorder (WebRTC, SIP), as far as none was seen."""
    untimed: bool = False
    """Imported from a log that doesn't say when everything was."""
    stale: Stale = msgspec.field(default_factory=Stale)
    holes: tuple[Hole, ...] = ()
    unknown_types: dict[str, int] = {}
    closed_by: str | None = None
    close_code: int | None = None
    close_reason: str | None = None
    recovered: bool = False


class SessionState(msgspec.Struct, frozen=True):
    """A session after some event. `SessionState()` is one of which nothing was seen."""

    session_id: str = ""
    worker: str = ""
    next_seq: int = 0
    now_ns: int = 0
    """`elapsed_ns` of the last event; never goes back."""
    seen_at_ns: int = 0
    minute: int = -1
    """The UTC minute that audio is booked in, by a clock that may be set."""
    offset_ns: int = 0
    """UTC less `elapsed_ns`, until the wall clock jumps."""
    events_client: int = 0
    events_server: int = 0
    events_recorder: int = 0
    wake_ns: int = NEVER
    """The first event seen later than this brings something to its end."""
    closed: bool = False
    streaming: bool = False
    """An input stretch is open: an append needs no more than `intake`."""
    intake: Intake = Intake()
    voice: Voice = Voice()
    call: Call = msgspec.field(default_factory=Call)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SessionState)


def dump(state: SessionState) -> bytes:
    """The state as bytes: MessagePack, readable by the version that wrote it and later ones that only added fields."""
    return _encoder.encode(state)


def load(data: bytes) -> SessionState:
    """The state that was dumped. Raises msgspec.DecodeError where the bytes are none."""
    return _decoder.decode(data)
