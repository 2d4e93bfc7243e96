"""Logs of any kind to ask the laws of: of sense, of talk alone, of nonsense.

Real types with real and nonsensical fields, few ids so that they meet, holes, odd clocks.
"""

from hypothesis import strategies as st

from ingest.envelope import RecordedEvent, Source
from pipeline.domain.protocol import _CLIENT, _RECORDER, _SERVER
from tests.builders import Story
from tests.pipeline.domain.any_payload import FIELDS, payloads, wild_payloads

_CLOSE = "session.closed"
_SAID = (
    *((Source.CLIENT, type_) for type_ in _CLIENT),
    *((Source.SERVER, type_) for type_ in _SERVER),
    *((Source.RECORDER, type_) for type_ in _RECORDER if type_ != _CLOSE),
)
# What makes the fold work is said more often than what it only counts.
_OFTEN = [
    "input_audio_buffer.append",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "response.create",
    "response.created",
    "response.done",
    "response.output_audio.delta",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.input_audio_transcription.completed",
    "response.function_call_arguments.done",
    "session.updated",
    "output_audio_buffer.started",
    "output_audio_buffer.cleared",
]
_SAYABLE = st.one_of(
    st.sampled_from([said for said in _SAID if said[1] in _OFTEN]),
    st.sampled_from(_SAID),
    st.sampled_from([(Source.SERVER, "response.dreamt"), (Source.CLIENT, "input_audio_buffer.hum")]),
)
# Turns that overlap are rare among all that can be said: some logs are of nothing but talk.
_TALK = st.sampled_from(
    [
        (Source.CLIENT, "input_audio_buffer.append"),
        (Source.CLIENT, "input_audio_buffer.commit"),
        (Source.CLIENT, "response.create"),
        (Source.CLIENT, "conversation.item.truncate"),
        (Source.SERVER, "input_audio_buffer.speech_started"),
        (Source.SERVER, "input_audio_buffer.speech_stopped"),
        (Source.SERVER, "input_audio_buffer.committed"),
        (Source.SERVER, "conversation.item.input_audio_transcription.completed"),
        (Source.SERVER, "response.created"),
        (Source.SERVER, "response.output_audio.delta"),
        (Source.SERVER, "response.done"),
    ]
)
SOURCES = st.sampled_from(list(Source))
MOMENTS = st.one_of(
    st.integers(0, 10**11), st.sampled_from([-1, -(2**62), 2**62, 1_790_000_000_000_000_000, 253_402_300_800 * 10**9])
)


@st.composite
def logs(draw: st.DrawFn, *, unknown: bool = True, max_size: int = 40) -> list[RecordedEvent]:
    """A session's events, out of any order that makes sense, with holes, clocks that are set, and often with a close."""
    story = Story()
    said = draw(st.sampled_from([_SAYABLE, _SAYABLE, _TALK]))
    for _ in range(draw(st.integers(1, max_size))):
        story.after(draw(st.sampled_from([0, 1, 20, 300, 2500, 15_000, 61_000])))
        story.clock_ms += draw(st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, -90_000, 3_600_000]))
        story.lose(draw(st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, 0, 3])))
        source, type_ = draw(said)
        if unknown or type_ not in {"response.dreamt", "input_audio_buffer.hum"}:
            story.said(source, type_, draw(payloads(type_)))
    if draw(st.booleans()):
        story.recorder(_CLOSE, closed_by="client", code=draw(FIELDS["code"]), recovered=draw(st.booleans()))
    return story.events


@st.composite
def wild_logs(draw: st.DrawFn) -> list[RecordedEvent]:
    """Events of any type at any time with anything in them, also after the close: what no server would ever send."""
    events, seq = list[RecordedEvent](), 0
    for _ in range(draw(st.integers(1, 25))):
        seq += draw(st.sampled_from([0, 0, 0, 0, 1, 7]))
        source, type_ = draw(st.one_of(_SAYABLE, st.just((Source.RECORDER, _CLOSE)), st.tuples(SOURCES, st.text())))
        events.append(
            RecordedEvent(
                session_id="s1",
                seq=seq,
                elapsed_ns=draw(MOMENTS),
                seen_at_ns=draw(MOMENTS),
                source=source,
                type=type_,
                worker="w1",
                data=draw(wild_payloads()),
            )
        )
        seq += 1
    return events
