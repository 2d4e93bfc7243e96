"""A call of an hour: 240 turns of a tone each from either side, whose format changes after two minutes.

The user sounds at 440 Hz and the agent at 880, before and after the change: what is decoded by the wrong format is not
that tone. All of it is told in events, and the rows are the fold's.
"""

import math
from array import array
from functools import cache

import pybase64

from tests.builders import Story, rows
from tests.dashboard.demo import Call

HOUR = "01a0c5a2-0000-7000-8000-00000000000a"
"""Its id, which says the day of the stories."""
MINUTES = 60
TURN_S = 15
CHANGES_AT_S = 120
"""From PCM of 24 kHz to mu-law of 8 kHz, as a call that is handed on to a telephone."""
USER_HZ, AGENT_HZ = 440, 880
PIECE_MS = 100
TELEPHONE = {"type": "audio/pcmu"}
_LOUD = 8000


def long_call(session_id: str = HOUR, *, minutes: int = MINUTES) -> Call:
    """The user talks through the first four seconds of each turn; the agent is heard for six, a second later."""
    story = Story(session_id).opened().configured(silence_ms=500)
    for turn in range(minutes * 60 // TURN_S):
        begins_ms = turn * TURN_S * 1000
        if begins_ms == CHANGES_AT_S * 1000:
            story.at(begins_ms).reconfigured(silence_ms=500, input_format=TELEPHONE, output_format=TELEPHONE)
        _turn(story, turn, begins_ms, telephone=begins_ms >= CHANGES_AT_S * 1000)
    story.at(minutes * 60_000).closed()
    return Call(rows=[row for table in rows(story).values() for row in table.values()], events=story.events)


def _turn(story: Story, turn: int, begins_ms: float, *, telephone: bool) -> None:
    item, response = f"u{turn}", f"r{turn}"
    for piece in range(TURN_S * 1000 // PIECE_MS):
        at_ms = begins_ms + (piece + 1) * PIECE_MS
        talks = 1000 <= at_ms - PIECE_MS - begins_ms < 4000
        story.at(at_ms).client("input_audio_buffer.append", audio=_sound(USER_HZ if talks else 0, telephone=telephone))
        match at_ms - begins_ms:
            case 1200:
                story.speech_started(item, at_ms - 500)
            case 4500:
                story.speech_stopped(item, at_ms).committed(item)
                story.transcribed(item, f"This is what the user says in turn {turn}.")
                story.created(response)
            case 5000:
                _answer(story, turn, response, telephone=telephone)


def _answer(story: Story, turn: int, response: str, *, telephone: bool) -> None:
    names = {"response_id": response, "item_id": f"{response}_item", "output_index": 0, "content_index": 0}
    for _ in range(6000 // PIECE_MS):
        story.after(1).server("response.output_audio.delta", **names, delta=_sound(AGENT_HZ, telephone=telephone))
    story.server("response.output_audio_transcript.done", **names, transcript=f"And this the agent, in turn {turn}.")
    story.done(response)


@cache
def _sound(hertz: int, *, telephone: bool) -> str:
    """A piece of a tone, or of silence, in base64. Whole waves fit into it, so that pieces join without a click."""
    rate = 8000 if telephone else 24_000
    samples = [round(_LOUD * math.sin(2 * math.pi * hertz * place / rate)) for place in range(rate * PIECE_MS // 1000)]
    coded = bytes(map(mu_law, samples)) if telephone else array("h", samples).tobytes()
    return pybase64.b64encode(coded).decode()


def mu_law(sample: int) -> int:
    """ITU-T G.711."""
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32_635) + 0x84
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> exponent + 3 & 0x0F) & 0xFF
