"""Logs of any kind to ask the laws of: of sense, of talk alone, of nonsense.

Real types with real and nonsensical fields, few ids so that they meet, holes, odd clocks.
"""

import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from ingest.envelope import RecordedEvent, Source
from pipeline.domain.protocol import _CLIENT, _RECORDER, _SERVER
from tests.builders import Story, audio

IDS = st.sampled_from(["a", "b", "c", "d", None])
MILLIS = st.one_of(st.none(), st.integers(-1000, 20_000), st.floats(0, 20_000))
NONSENSE: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.just(""),
    st.just([]),
    st.just({}),
    st.just([{"id": 3}]),
    st.just(-1e300),
)
AUDIO = st.integers(0, 20_000).map(audio)
TOKENS = st.one_of(st.integers(-3, 3000), st.none())
DETAILS = st.fixed_dictionaries(
    {},
    optional={
        "text_tokens": TOKENS,
        "audio_tokens": TOKENS,
        "image_tokens": TOKENS,
        "cached_tokens": TOKENS,
        "cached_tokens_details": st.dictionaries(st.sampled_from(["text_tokens", "audio_tokens"]), TOKENS),
        "reasoning_tokens": TOKENS,
    },
)
USAGE = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "input_tokens": TOKENS,
            "output_tokens": TOKENS,
            "input_token_details": DETAILS,
            "output_token_details": DETAILS,
            "seconds": st.one_of(st.integers(0, 400), st.floats(0, 400), st.just(-1)),
        },
    ),
)
TEXTS = st.sampled_from(["", "yeah", "tell me about prices", "はい", None])
CONTENT = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["input_text", "input_audio", "output_text", "output_audio"])},
        optional={"text": TEXTS, "transcript": TEXTS},
    ),
    max_size=2,
)
ITEM = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "function_call", "function_call_output", "mcp_call", None])},
    optional={
        "id": IDS,
        "role": st.sampled_from(["user", "assistant", "system"]),
        "call_id": IDS,
        "name": TEXTS,
        "arguments": TEXTS,
        "output": TEXTS,
        "error": NONSENSE,
        "content": CONTENT,
    },
)
RESPONSE = st.fixed_dictionaries(
    {"id": IDS},
    optional={
        "status": st.sampled_from(["completed", "cancelled", "failed", "incomplete", None]),
        "status_details": st.fixed_dictionaries(
            {}, optional={"reason": st.sampled_from(["turn_detected", "client_cancelled", "max_output_tokens"])}
        ),
        "conversation_id": st.sampled_from([None, "conv"]),
        "conversation": st.sampled_from(["none", "auto"]),
        "usage": USAGE,
        "output": st.lists(ITEM, max_size=2),
        "output_audio_format": st.sampled_from(["pcm16", "g711_ulaw"]),
    },
)
VAD = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["server_vad", "semantic_vad"])},
        optional={"silence_duration_ms": st.sampled_from([200, 500]), "prefix_padding_ms": st.just(300)},
    ),
)
FORMAT = st.sampled_from(
    [{"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcmu"}, {"type": "audio/pcm", "rate": 44100}]
)
SESSION = st.one_of(
    st.fixed_dictionaries(
        {"model": st.sampled_from(["gpt-realtime", "gpt-realtime-translate", "who-knows"])},
        optional={
            "audio": st.fixed_dictionaries(
                {},
                optional={
                    "input": st.fixed_dictionaries(
                        {},
                        optional={
                            "format": FORMAT,
                            "turn_detection": VAD,
                            "transcription": st.just({"model": "whisper-1"}),
                        },
                    ),
                    "output": st.fixed_dictionaries({}, optional={"format": FORMAT}),
                },
            )
        },
    ),
    st.fixed_dictionaries(
        {},
        optional={"input_audio_format": st.sampled_from(["pcm16", "g711_alaw"]), "turn_detection": VAD, "voice": TEXTS},
    ),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "item_id": IDS,
    "response_id": IDS,
    "call_id": IDS,
    "event_id": IDS,
    "audio_start_ms": MILLIS,
    "audio_end_ms": MILLIS,
    "audio": AUDIO,
    "delta": AUDIO,
    "transcript": TEXTS,
    "text": TEXTS,
    "usage": USAGE,
    "item": ITEM,
    "response": RESPONSE,
    "session": SESSION,
    "content_index": st.integers(0, 1),
    "error": st.fixed_dictionaries(
        {},
        optional={
            "code": st.sampled_from(["input_audio_buffer_commit_empty", "conversation_already_has_active_response"])
        },
    ),
    "rate_limits": st.lists(st.fixed_dictionaries({"name": TEXTS, "remaining": st.integers(-1, 1)}), max_size=2),
    "first_seq": st.integers(0, 20),
    "mode": st.sampled_from(["relay", "sideband"]),
    "closed_by": st.sampled_from(["client", "server"]),
    "code": st.sampled_from([1000, 1001, 1006, None]),
    "recovered": st.booleans(),
}
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


SOURCES = st.sampled_from(list(Source))
MOMENTS = st.one_of(
    st.integers(0, 10**11), st.sampled_from([-1, -(2**62), 2**62, 1_790_000_000_000_000_000, 253_402_300_800 * 10**9])
)
_NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1e300, 0.5, 2**53])
)
_VALUES = st.one_of(st.none(), st.booleans(), _NUMBERS, IDS, st.text(max_size=6), AUDIO)
_NAMES = ["id", "type", "role", "status", "reason", "conversation_id", "text_tokens", "audio_tokens", "cached_tokens"]


@st.composite
def wild_payloads(draw: st.DrawFn) -> bytes:
    """JSON of our own names with values of any type and depth; what JSON can't hold is as little a reason to fail."""
    names = st.sampled_from([*_NAMES, *sorted(FIELDS)])
    anything = st.recursive(
        st.one_of(_VALUES, USAGE, RESPONSE, ITEM, SESSION),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
        max_leaves=6,
    )
    found = json.dumps(draw(st.dictionaries(names, anything, max_size=6))).encode()
    return draw(st.sampled_from([found, found, found, found, found, found, found[:-1], b'{"audio_end_ms":1e999}']))


@st.composite
def payloads(draw: st.DrawFn, type_: str) -> bytes:
    """Mostly what the type could carry, sometimes a field of nonsense, now and then no JSON at all."""
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return draw(st.sampled_from([b"", b"null", b"[1]", b'{"session":', b"\xff\xfe", b"[" * 2000]))
    # Each type draws the fields that a message of any type may have; the readers take those they know.
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=6)) if kind < 4 else _fields_of(type_)
    found = {name: draw(NONSENSE if kind == 1 else FIELDS[name]) for name in names}
    return msgspec.json.encode({"type": type_, **found})


def _fields_of(type_: str) -> list[str]:
    shared = {"item_id", "response_id", "content_index"}
    if "session." in type_:
        return ["session"]
    if type_.startswith(("response.created", "response.done")) or type_ == "response.create":
        return ["response"]
    if "item.create" in type_ or "item.added" in type_ or "item.done" in type_ or "output_item" in type_:
        return ["item", "response_id"]
    extra = {"append": ["audio"], "delta": ["delta"], "transcription": ["transcript", "usage"], "error": ["error"]}
    found = [name for part, names in extra.items() if part in type_ for name in names]
    return sorted(
        {*shared, *found, "audio_start_ms", "audio_end_ms", "call_id", "event_id", "rate_limits", "transcript"}
    )
