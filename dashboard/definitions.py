"""What the figures mean, in a sentence or two for hovering over: the words of docs/metrics.md."""

from typing import Final

OBSERVED: Final = (
    "All times are as observed at the ingest worker. The network between the worker and the caller is not in them."
)
PERCEIVED: Final = (
    "From the end of the user's speech to the first audio handed to the client: what the caller waits. "
    "The end of speech is found on the basis that is named (append clock: when the worker saw the audio in which "
    "the speech ended). Never mixed across bases. " + OBSERVED
)
WIRE: Final = (
    "From the end of the turn on the wire (speech_stopped, commit, or response.create) to the first audio delta; "
    "for text answers to the first text delta. Leaves out the silence that turn detection waits for. " + OBSERVED
)
PERCENTILES: Final = (
    "p50: half of the turns were answered faster. p90, p99: nine in ten, 99 in 100 were. With fewer than 100 turns "
    "the p99 is next to the slowest one."
)
BANDS: Final = "People leave about 200 ms between turns; 500 to 800 ms is where voice agents begin to feel natural."
ENDPOINTING: Final = "From the end of the user's speech until the API said speech_stopped: the silence it waits for."
SESSIONS: Final = "Calls of which any part lies in the time range."
TURNS: Final = "One user input and all that the agent answered before the next one, by when it opened."
INTERRUPTION_RATE: Final = "Interruptions of all classes per 100 turns in which the agent spoke."
CUTS: Final = "How often it happened, by when the user came in (of an agent that cut in: by its first audio)."
OVERLAP: Final = "For how long both spoke at once."
SPOKEN_TURNS: Final = "Turns in which the agent spoke."
YIELDED: Final = "Within 2.0 s the response was cancelled, truncated or its buffer cleared."
CLASSES: Final = {
    "barge_in": "The agent yielded, and a user turn with words (or 1.0 s of speech where nothing is transcribed) "
    "followed.",
    "false_interruption": "The agent yielded, but no user turn followed within 2.0 s or its transcript is empty.",
    "backchannel": "A short acknowledgement or less than 1.0 s of speech while the agent had the floor.",
    "talked_over": "Real user speech, and the agent did not yield.",
    "agent_cut_in": "The agent's first audio came while the user was still speaking.",
}
ALL_CLASSES: Final = "\n\n".join(f"**{name.replace('_', ' ')}**: {meaning}" for name, meaning in CLASSES.items())
TIME_TO_YIELD: Final = "From the user's speech_started to the agent giving up the floor."
MODEL: Final = "From response.created to the first delta of that response."
UNPRICED: Final = "Things without a billed price: no usage was reported, or no price is known."
METERED: Final = (
    "The price list's dollars per minute of audio in and out and per token of text; for comparison across models. "
    "Per minute: divided by the minutes of call in the range."
)
BILLED: Final = (
    "The usage that the API reported, at its token prices; cached input counted as such. What has no usage or no "
    "price is unknown, not $0: then the sum is a lower bound (≥) and the number of unpriced things stands beside it."
)
BASES: Final = f"**Metered**: {METERED}\n\n**Billed**: {BILLED}"
MONEY_OVER_TIME: Final = (
    f"Dollars of each stretch of time. Metered cost lies in the minutes in which the audio was seen, billed cost in "
    f"the minute that reported the usage.\n\n{BASES}"
)
UNHEARD: Final = "Audio that was generated and paid for, but cut off before it was played."
CALL_MINUTES: Final = "Minutes of call in the range, from each call's opening to its last event."
PARTS: Final = (
    "Each thing's tokens at its price list, where that comes to exactly what was booked; otherwise it stands as "
    "not split. Things count by when they began, so at the edge of a range the sum may differ from the minutes'."
)
COST_OF_CALL: Final = (
    "Of calls that have ended, all of each. Billed: of calls in which everything has a price, so that no lower bound "
    "passes for a cost."
)
NOW_AND_THEN: Final = "What these calls cost now, and what they would have: computed from the same rows, exactly."
INTERRUPTIONS_PER_CALL: Final = "Interruptions of all classes, divided by the calls in the range."
BILLED_WHOLE: Final = (
    "The usage that the API reported, at its token prices, per minute of call; of calls in which everything has a "
    "price, so that no lower bound stands beside a sum."
)
INTERVAL: Final = (
    "95 % of the differences between calls drawn anew from A and calls drawn anew from B lie in it (bootstrap). Whole "
    "calls are drawn, because the turns of one call are alike and no evidence of their own. Many measures are "
    "compared: of twenty intervals that hold no difference, one leaves out 0 by chance."
)
COMPLETE: Final = (
    "Closed calls whose log has no hole in its sequence and ends with the call's close, of all closed calls."
)
ERRORS: Final = "Error events, failed responses and transcriptions, abnormal closes and rate-limit waits."
HEARD: Final = "How much of an answer was played: what the client's truncate said, else the playout clock at the yield."
TOOL_WAIT: Final = "From the arguments being done to the tool's output seen."

CHANGE: Final = "The change is against the stretch of the same length just before."
TIME_TO_YIELD_P50: Final = (
    "From the user's speech_started to the agent giving up the floor: the median of the interruptions in which it did."
)
PER_CALL: Final = "All cost in the range divided by the calls in it."
AFTER_TOOL: Final = "From the last output of a tool to the next first delta of the answer."
NOT_ANSWERED: Final = "Failed (MCP), or the session ended before the tool's output came."
NULLS: Final = (
    "A quantity that the log can't support is NULL with a reason beside it, never 0 and never a guess. Such rows are "
    "in no percentile and no sum; here is how many they are."
)
GAPS: Final = "Holes in a call's sequence of events: seen and forwarded, but never logged."
DAMAGED: Final = "Lines of a journal that are no event. They are kept as they lie, in `damaged_lines`."
EVENTS_LOST: Final = "Seen and forwarded, but never logged."
UNPRICED_THINGS: Final = "How many of them have no price."
UNKNOWN_TYPES: Final = "Events of a type that this version doesn't know: archived, counted, and read past."
SET_ASIDE: Final = "Calls that can't be folded because of a mistake in the fold. Their archive is whole."
LOST_SEGMENTS: Final = "Times that a journal had gone on without the pipeline: what it held before is missing."

KINDS_OF_COST: Final = (
    "What was paid for: an answer (response), the transcription of what the user said, the user's audio (input_audio), "
    "a translation's speech (output_audio), or time (session_time)."
)
KINDS_OF_ERROR: Final = (
    "error_event (the API refused something), response_failed, transcription_failed, tools_list_failed (MCP), "
    "abnormal_close, rate_limited."
)
KINDS_OF_TOOL: Final = "function: the client answers it. mcp: the API asks a server by itself."
REASON: Final = "Why there is no figure; each reason is explained under what the numbers mean (docs/metrics.md)."
CALLS_WITH: Final = "How many calls it happened in."
COLUMNS: Final = {
    "arguments": "What the model called it with, as JSON.",
    "at": "When it was seen.",
    "audio_s": "Audio in this thing: generated by the answer, or sent by the user.",
    "billed_share": "Of all that was billed in the range.",
    "client_event_id": "The `event_id` of the client's message that the error is about.",
    "code": "As the API named it, or the WebSocket's close code.",
    "duration_s": "From the call's opening to its last event.",
    "elapsed_s": "Since the call opened, on the recorder's monotonic clock.",
    "events_lost": "Numbers missing in the calls' sequences of events: seen and forwarded, but never logged.",
    "generated_ms": "Speech of the agent in this turn, by the bytes of its audio.",
    "input_kind": "speech, text, none (a greeting: the client asked without input), idle (the API's own nudge).",
    "last_at": "The latest time that it happened.",
    "last_error": "Why the last of them could not be read.",
    "last_message": "What the API said the last time.",
    "last_session_id": "The call in which it happened last.",
    "latency_basis": "How the end of the input was found; percentiles never mix them.",
    "message": "What the API said.",
    "metered_share": "Of all that was metered in the range.",
    "model": "As the API last reported it, else as the client asked for it in the address.",
    "opened_at": "When the recorder saw the call, or in a table of turns the turn, begin.",
    "output": "What the client gave back to the model.",
    "param": "The part of the client's message that the API objects to.",
    "position_in_response_ms": "How far into the answer the user came in, by the playout clock.",
    "price_lists": "The price lists that the figures were made with, metered and billed.",
    "reason": "What decided it, or why it is so, in the words of docs/metrics.md.",
    "response_id": "The answer in which it happened.",
    "seq": "Its number in the call's log, from 0; a hole means that an event was lost.",
    "session_id": "The call's id at Calltape. It begins with the time, so calls of one day begin alike.",
    "sessions": CALLS_WITH,
    "size_bytes": "Of the message as it was sent, audio included.",
    "source": "Who sent it: client, server, or the recorder itself.",
    "start": "The message's beginning; choose the row for all of it.",
    "status": "Whether it is still going on, or how it ended.",
    "tool": "The tool's name, as the session's configuration has it.",
    "tool_calls": "Function and MCP calls of the call.",
    "turn_index": "The turn's number in its call, from 0.",
    "turns_by": "What the user's input was, what ended it, and how its end was found.",
    "transcript": "What the user said, where it was transcribed.",
    "type": "As the message itself says it; the recorder's own are such as `session.opened` and `events.lost`.",
    "user_speech_ms": "By the positions that turn detection gave, its padding and silence taken off.",
    "worker": "The ingest worker that recorded it.",
    "yielded_by": "What gave up the floor: a cancelled answer, a truncate, or a cleared buffer.",
    **dict.fromkeys(
        ("perceived_latency_reason", "wire_latency_reason", "tool_wait_reason", "metered_reason", "why"), REASON
    ),
}
"""Of columns that mean the same in whichever table they stand; others say it where the table is laid out."""
