"""The laws of METRICS section 6 as questions to the rows of any log, and logs of any kind to ask them of."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from ingest.envelope import RecordedEvent, Source
from pipeline.domain import facts
from pipeline.domain.fold import Rules, SessionState
from pipeline.domain.protocol import _CLIENT, _RECORDER, _SERVER
from tests.builders import RULES, Rows, Story, audio, fold_from, latest, rows

# --- any log: real types with real and nonsensical fields, few ids so that they meet, holes, odd clocks

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


@st.composite
def logs(draw: st.DrawFn, *, unknown: bool = True, max_size: int = 40) -> list[RecordedEvent]:
    """A session's events, out of any order that makes sense, with holes, and often with a close."""
    story = Story()
    for _ in range(draw(st.integers(1, max_size))):
        story.after(draw(st.sampled_from([0, 1, 20, 300, 2500, 15_000, 61_000])))
        story.lose(draw(st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, 0, 3])))
        source, type_ = draw(_SAYABLE)
        if unknown or type_ not in {"response.dreamt", "input_audio_buffer.hum"}:
            story.said(source, type_, draw(payloads(type_)))
    if draw(st.booleans()):
        story.recorder(_CLOSE, closed_by="client", code=draw(FIELDS["code"]), recovered=draw(st.booleans()))
    return story.events


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


# --- the laws


def money_adds_up(told: Rows) -> None:
    """Law 2: minutes = session = costs, to the nano-dollar, on both bases; and so does what could not be priced."""
    [session] = told["sessions"].values()
    minutes, costs = told["audio_minutes"].values(), told["costs"].values()
    for name in ("metered_usd_nanos", "billed_usd_nanos"):
        in_minutes = sum(getattr(row, name) for row in minutes)
        in_costs = sum(getattr(row, name) or 0 for row in costs)
        assert in_minutes == in_costs == getattr(session, name), name
    unpriced = sum(1 for row in costs if row.billed_reason not in {None, "not_billed", "in_progress"})
    assert unpriced == session.unpriced == sum(row.unpriced for row in minutes)


def audio_adds_up(told: Rows, events: list[RecordedEvent]) -> None:
    """Law 3: heard + unheard = generated, heard <= generated, and the same audio wherever it is counted."""
    [session] = told["sessions"].values()
    for row in (*told["responses"].values(), *told["turns"].values()):
        assert about(row.heard_ms + row.unheard_ms, row.generated_ms)
        assert 0 <= row.heard_ms <= row.generated_ms + 1e-6
    for name in ("generated_ms", "heard_ms", "audio_in_ms"):
        assert about(sum(getattr(row, name) for row in told["audio_minutes"].values()), getattr(session, name)), name
    assert about(sum(row.generated_ms for row in told["responses"].values()), session.generated_ms)
    assert about(sum(row.heard_ms for row in told["responses"].values()), session.heard_ms)
    appended = sum(row.audio_ms for row in told["costs"].values() if row.kind == "input_audio")
    assert about(appended, session.audio_in_ms)
    in_turns = sum(row.generated_ms for row in told["turns"].values())
    out_of_band = sum(row.generated_ms for row in told["responses"].values() if row.out_of_band)
    assert about(in_turns + out_of_band, session.generated_ms)
    assert len(events) >= session.events_client + session.events_server


def everything_has_its_place(told: Rows) -> None:
    """Law 4: a response is in exactly one turn or out-of-band, a tool call in one response; and the counts say so."""
    [session] = told["sessions"].values()
    turns = {row.turn_index for row in told["turns"].values()}
    for row in told["responses"].values():
        assert row.out_of_band == (row.turn_index is None)
        assert row.out_of_band or row.turn_index in turns
    for row in told["tool_calls"].values():
        assert (row.session_id, row.response_id) in told["responses"]
    assert sorted(turns) == list(range(session.turns))
    counted = (session.responses, session.interruptions, session.tool_calls, session.errors)
    tables = ("responses", "interruptions", "tool_calls", "session_errors")
    assert counted == tuple(len(told[table]) for table in tables)
    assert session.events_lost == sum(row.count for row in told["gaps"].values())


def time_goes_forward(told: Rows) -> None:
    """Law 5: turns do not start before the previous one; no duration is negative, in any row."""
    starts = [row.opened_elapsed_ms for _, row in sorted(told["turns"].items(), key=lambda held: held[1].turn_index)]
    assert starts == sorted(starts)
    for table in told.values():
        for row in table.values():
            for name, value in msgspec.structs.asdict(row).items():
                assert not (name.endswith("_ms") and value is not None and value < 0), (name, row)


def reasons_are_given(told: Rows) -> None:
    """A quantity that has a reason column is known, or the reason is there: never both missing."""
    pairs: dict[Any, tuple[str, ...]] = {
        facts.Turn: ("endpointing", "wire_latency", "perceived_latency", "model_latency"),
        facts.Response: ("model_latency",),
        facts.ToolCall: ("tool_wait", "after_tool"),
    }
    for table in told.values():
        for row in table.values():
            for name in pairs.get(type(row), ()):
                known, reason = getattr(row, f"{name}_ms"), getattr(row, f"{name}_reason")
                assert (known is None) == (reason is not None), (name, row)
    for row in told["costs"].values():
        assert (row.billed_usd_nanos is None) == (row.billed_reason is not None)
        assert row.metered_usd_nanos is not None or row.metered_reason is not None


def about(one: float, other: float) -> bool:
    """Equal but for the last bits of floats that were added in different order."""
    return abs(one - other) < 1e-5


# --- asked of every story


def told(story: Story, rules: Rules = RULES) -> Rows:
    """The rows of a story, which also keeps every law and survives a restart at every event."""
    found = rows(story, rules)
    assert latest(fold_from(SessionState(), story.events, rules, restart=True)[1]) == found
    money_adds_up(found)
    audio_adds_up(found, story.events)
    everything_has_its_place(found)
    time_goes_forward(found)
    reasons_are_given(found)
    return found
