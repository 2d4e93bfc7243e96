"""What events of a log may carry, to ask the laws of: real fields, nonsensical ones, and bytes that are no JSON."""

import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from tests.builders import audio

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
