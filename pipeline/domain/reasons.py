"""Why a value is missing: every reason that a row can give, what it means, and in which columns it stands.

A reason is one of three kinds. `none`: there is no such thing to measure, and nothing is wrong. `later`: it may still
come. `unknown`: it happened and the log can't say how much; these are what a percentile would hide, and the quality
view counts them.
"""

import msgspec


class Reason(msgspec.Struct, frozen=True):
    kind: str
    """none, later, unknown."""
    words: str


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Columns that are NULL for the same reason, and the column beside them that says which."""

    table: str
    columns: tuple[str, ...]
    reason_column: str
    reasons: tuple[str, ...]


NONE, LATER, UNKNOWN = "none", "later", "unknown"

REASONS = {
    # --- of turns
    "no_speech": Reason(NONE, "the input is not speech"),
    "idle": Reason(NONE, "the API nudged by itself: nobody was waiting for an answer"),
    "ended_by_client": Reason(NONE, "push-to-talk: the client says itself when speech ends, no VAD waits for silence"),
    "text_only": Reason(NONE, "the answer is text; nothing was heard"),
    "no_output": Reason(NONE, "the agent did not answer"),
    "no_agent": Reason(NONE, "the session transcribes or translates; there is no agent to wait for"),
    "no_output_yet": Reason(LATER, "the agent has not begun to answer"),
    "speech_not_stopped": Reason(LATER, "the user's speech has not ended, or its end was never reported"),
    "semantic_vad": Reason(UNKNOWN, "a semantic VAD waits for an unknown time: there is no silence to take off"),
    "silence_unknown": Reason(UNKNOWN, "the VAD's silence_duration_ms was never reported in this log"),
    "padding_unknown": Reason(UNKNOWN, "the VAD's prefix_padding_ms, or the start of the speech, was never reported"),
    "padding_cut": Reason(UNKNOWN, "the speech began within the padding at the very beginning of the audio"),
    "audio_end_unknown": Reason(UNKNOWN, "speech_stopped came without audio_end_ms"),
    "no_appends": Reason(UNKNOWN, "no input audio passes the recorder (WebRTC, SIP, another leg)"),
    "not_appended": Reason(UNKNOWN, "the position lies beyond all audio appended: the audio in the log is cut"),
    "append_forgotten": Reason(UNKNOWN, "the position lies further back than the fold remembers appends"),
    "events_lost": Reason(UNKNOWN, "events are missing before this, and audio may have been among them"),
    "negative": Reason(UNKNOWN, "the times contradict each other: the end lies before the beginning"),
    "commit_not_seen": Reason(UNKNOWN, "the client's commit is not in the log (lost, or sent on another leg)"),
    "request_not_seen": Reason(UNKNOWN, "the client's response.create is not in the log (lost, or on another leg)"),
    "created_not_seen": Reason(UNKNOWN, "response.created is not in the log"),
    "audio_elsewhere": Reason(UNKNOWN, "the audio does not pass the recorder (WebRTC, SIP)"),
    # --- of tools
    "no_tools": Reason(NONE, "no tool was called"),
    "no_output_after": Reason(NONE, "the agent said nothing after it"),
    "not_answered": Reason(LATER, "the tool was not answered"),
    "arguments_done_not_seen": Reason(UNKNOWN, "the end of the call's arguments is not in the log"),
    # --- of interruptions
    "not_yielded": Reason(NONE, "the agent did not yield"),
    "forgotten": Reason(UNKNOWN, "the fold no longer remembered the response or the speech"),
    "no_times": Reason(UNKNOWN, "the session was imported from a log that does not say when everything was"),
    # --- of transcripts
    "transcription_failed": Reason(UNKNOWN, "the API reported that it could not transcribe"),
    "text_missing": Reason(UNKNOWN, "the API's event came without the text"),
    "not_transcribed": Reason(NONE, "the text is not a transcription of user speech"),
    "commit_not_reported": Reason(UNKNOWN, "the item's commit is not in the log"),
    "streamed_before": Reason(NONE, "the transcription began while the user was still speaking"),
    "no_deltas": Reason(NONE, "the transcript came at once, without deltas"),
    # --- of money
    "not_metered": Reason(NONE, "this basis charges nothing for it by itself"),
    "not_billed": Reason(NONE, "it is billed with something else"),
    "in_progress": Reason(LATER, "it has not ended, so its usage is not known yet"),
    "no_usage": Reason(UNKNOWN, "the API reported no usage"),
    "no_details": Reason(UNKNOWN, "the usage does not split its tokens by kind"),
    "zero_usage": Reason(UNKNOWN, "the usage says zero for work that was done (servers that imitate the API do)"),
    "unknown_model": Reason(UNKNOWN, "the price list does not know the model"),
    "no_price": Reason(UNKNOWN, "the price list has no price for a part of it"),
}


def meaning(reason: str | None) -> str:
    """In words; empty where there is none."""
    return REASONS[reason].words if reason in REASONS else ""


_END_OF_SPEECH = (
    "semantic_vad",
    "silence_unknown",
    "audio_end_unknown",
    "no_appends",
    "not_appended",
    "append_forgotten",
    "events_lost",
    "negative",
)
_NOT_BEGUN = ("no_output", "no_output_yet", "no_agent")
_INPUT_UNKNOWN = ("idle", "speech_not_stopped", "commit_not_seen", "request_not_seen")
_USAGE = ("in_progress", "no_usage", "no_details", "zero_usage")

MEASURED = (
    Measured(
        table="turns",
        columns=("endpointing_ms",),
        reason_column="endpointing_reason",
        reasons=("no_speech", "ended_by_client", "speech_not_stopped", "commit_not_seen", *_END_OF_SPEECH, "no_times"),
    ),
    Measured(
        table="turns",
        columns=("wire_latency_ms",),
        reason_column="wire_latency_reason",
        reasons=(*_INPUT_UNKNOWN, *_NOT_BEGUN, "audio_elsewhere", "negative", "no_times"),
    ),
    Measured(
        table="turns",
        columns=("perceived_latency_ms",),
        reason_column="perceived_latency_reason",
        reasons=(*_INPUT_UNKNOWN, *_NOT_BEGUN, "text_only", "negative", "no_times"),
    ),
    Measured(
        table="turns",
        columns=("model_latency_ms",),
        reason_column="model_latency_reason",
        reasons=("created_not_seen", *_NOT_BEGUN, "audio_elsewhere", "negative", "no_times"),
    ),
    Measured(
        table="turns",
        columns=("tool_wait_ms",),
        reason_column="tool_wait_reason",
        reasons=("no_tools", "not_answered", "arguments_done_not_seen", "no_times"),
    ),
    Measured(
        table="turns",
        columns=("after_tool_ms",),
        reason_column="after_tool_reason",
        reasons=("no_tools", "not_answered", "no_output_after", "audio_elsewhere", "no_times"),
    ),
    Measured(
        table="turns",
        columns=("user_speech_ms",),
        reason_column="user_speech_reason",
        reasons=(
            "no_speech",
            "ended_by_client",
            "speech_not_stopped",
            "semantic_vad",
            "silence_unknown",
            "padding_unknown",
            "padding_cut",
            "audio_end_unknown",
            "negative",
        ),
    ),
    *(
        Measured(table=table, columns=columns, reason_column="audio_reason", reasons=("audio_elsewhere", "no_times"))
        for table, columns in {
            "sessions": ("audio_in_ms", "generated_ms", "heard_ms"),
            "turns": ("generated_ms", "heard_ms", "unheard_ms"),
            "responses": ("generated_ms", "heard_ms", "unheard_ms"),
            "audio_minutes": ("audio_in_ms", "generated_ms", "heard_ms"),
        }.items()
    ),
    Measured(
        table="interruptions",
        columns=("generated_ms", "heard_ms", "unheard_ms", "unheard_usd_nanos"),
        reason_column="audio_reason",
        reasons=("audio_elsewhere", "forgotten"),
    ),
    Measured(
        table="responses",
        columns=("model_latency_ms",),
        reason_column="model_latency_reason",
        reasons=("created_not_seen", "no_output", "no_output_yet", "audio_elsewhere", "no_times"),
    ),
    Measured(
        table="responses",
        columns=(
            "input_tokens",
            "output_tokens",
            "cached_tokens",
            "input_text_tokens",
            "input_audio_tokens",
            "input_image_tokens",
            "output_text_tokens",
            "output_audio_tokens",
        ),
        reason_column="usage_reason",
        reasons=_USAGE,
    ),
    Measured(
        table="tool_calls",
        columns=("tool_wait_ms",),
        reason_column="tool_wait_reason",
        reasons=("not_answered", "arguments_done_not_seen", "no_times"),
    ),
    Measured(
        table="tool_calls",
        columns=("after_tool_ms",),
        reason_column="after_tool_reason",
        reasons=("not_answered", "no_output_after", "audio_elsewhere", "no_times"),
    ),
    Measured(
        table="transcripts", columns=("text",), reason_column="reason", reasons=("transcription_failed", "text_missing")
    ),
    Measured(
        table="transcripts",
        columns=("first_delta_lag_ms",),
        reason_column="first_delta_lag_reason",
        reasons=("not_transcribed", "commit_not_reported", "no_deltas", "streamed_before", "no_times"),
    ),
    Measured(
        table="transcripts",
        columns=("completion_lag_ms",),
        reason_column="completion_lag_reason",
        reasons=("not_transcribed", "commit_not_reported", "no_times"),
    ),
    Measured(
        table="costs",
        columns=("metered_usd_nanos",),
        reason_column="metered_reason",
        reasons=("not_metered", *_USAGE, "no_price", "audio_elsewhere"),
    ),
    Measured(
        table="costs",
        columns=("billed_usd_nanos",),
        reason_column="billed_reason",
        reasons=("not_billed", *_USAGE, "unknown_model", "no_price"),
    ),
)
