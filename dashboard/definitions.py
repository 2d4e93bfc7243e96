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
TIME_TO_YIELD: Final = "From the user's speech_started to the agent giving up the floor; median of the yielded ones."
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
UNHEARD: Final = "Audio that was generated and paid for, but cut off before it was played."
COMPLETE: Final = (
    "Closed calls whose log has no hole in its sequence and ends with the call's close, of all closed calls."
)
ERRORS: Final = "Error events, failed responses and transcriptions, abnormal closes and rate-limit waits."
HEARD: Final = "How much of an answer was played: what the client's truncate said, else the playout clock at the yield."
TOOL_WAIT: Final = "From the arguments being done to the tool's output seen."
