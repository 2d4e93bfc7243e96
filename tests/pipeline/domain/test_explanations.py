"""Explanations word for word, as a user reads them: what a change does to one is to be seen in its diff.

Each is a file of `explanations/`; `python -m tests.pipeline.domain.test_explanations` writes them anew.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.explain_cost import explain_cost
from pipeline.domain.explain_interruption import explain_interruption
from pipeline.domain.explain_text import as_text
from pipeline.domain.explain_turn import explain_turn
from pipeline.domain.explanation import Explanation
from tests.builders import RULES, Story, latest, usage
from tests.builders import fold as folded
from tests.pipeline.domain.test_interruptions import agent_talks, user_speaks, yields
from tests.pipeline.domain.test_translation import hears, says, translation
from tests.pipeline.domain.test_turns import vad_turn

WRITTEN = Path(__file__).parent / "explanations"


def turn(story: Story, index: int = 0) -> Explanation:
    return explain_turn(story.events, index, RULES)


def interruption(story: Story) -> Explanation:
    """The first one."""
    [row, *_] = latest(folded(story.events))["interruptions"].values()
    return explain_interruption(story.events, row.seq, RULES)


def cost(story: Story, kind: str) -> Explanation:
    """The first one of that kind."""
    [row, *_] = [row for row in latest(folded(story.events))["costs"].values() if row.kind == kind]
    return explain_cost(story.events, row.seq, RULES, kind)


# --- turns


def push_to_talk() -> Story:
    story = Story().opened().configured(turn_detection=None).append(100, times=10)
    story.at(1000).client("input_audio_buffer.commit").at(1002).client("response.create")
    return story.at(1100).committed("u1").created("r1").at(1300).speaks("r1", 100).done("r1").at(5000).closed()


def tools() -> Story:
    story = Story().opened().configured().user_writes("Weather?").client("response.create").created("r1")
    story.at(100).calls("r1", "c1").calls("r1", "c2", name="").at(400).answers("c1").at(900).answers("c2").done("r1")
    return story.at(950).client("response.create").created("r2").at(1300).speaks("r2", 100).done("r2").at(3e3).closed()


def on_a_sideband() -> Story:
    story = Story().opened("sideband").reconfigured(silence_ms=500).at(1000).speech_started("u1", 0)
    story.at(3000).speech_stopped("u1", 2500).committed("u1").created("r1").at(3600)
    story.server("output_audio_buffer.started", response_id="r1")
    return story.server("response.output_audio.done", response_id="r1").at(3800).done("r1")


def played_elsewhere() -> Story:
    return on_a_sideband().at(6700).server("output_audio_buffer.stopped", response_id="r1").at(9000).closed()


def truncated_elsewhere() -> Story:
    story = on_a_sideband().server("response.output_item.added", response_id="r1", item={"id": "a1", "type": "message"})
    story.at(5000).speech_started("u2", 4000).at(5050).server("output_audio_buffer.cleared", response_id="r1")
    story.server("conversation.item.truncated", item_id="a1", audio_end_ms=1380)
    return story.at(7000).speech_stopped("u2", 6500).committed("u2").at(30_000).closed()


def two_items() -> Story:
    """Of the second the user hears 30.5 ms, of 1,000; then another response, cut off by the session's end."""
    story = Story().opened().configured(silence_ms=None).at(200).speech_started("u1").at(900).speech_stopped("u1")
    story.committed("u1").created("r1").at(1000).speaks("r1", 250, item_id="a1").speaks("r1", 1000, item_id="a2")
    return story.at(1280.5).cancelled("r1", "client_cancelled").created("r2").speaks("r2", 90).at(1300).closed()


TURNS: dict[str, Callable[[], Explanation]] = {
    "turn_server_vad": lambda: turn(vad_turn()),
    "turn_semantic_vad": lambda: turn(vad_turn(turn_detection="semantic_vad", silence_ms=None)),
    "turn_push_to_talk": lambda: turn(push_to_talk()),
    "turn_tools": lambda: turn(tools()),
    "turn_sideband": lambda: turn(played_elsewhere()),
    "turn_sideband_truncated": lambda: turn(truncated_elsewhere()),
    "turn_two_items": lambda: turn(two_items()),
    "turn_in_text": lambda: turn(
        Story().opened().configured().user_writes("Hi").at(10).client("response.create").created("r1").at(30.25)
        .writes("r1", "Hello").done("r1").at(100).closed()
    ),
    "turn_greeting": lambda: turn(
        Story().opened().configured().client("response.create").created("r1").at(300).speaks("r1", 2000).done("r1")
    ),
    "turn_idle": lambda: turn(
        Story().opened().configured().at(8000).server("input_audio_buffer.timeout_triggered", item_id="u1")
        .created("r1").at(8300).speaks("r1", 500).done("r1").at(20_000).closed()
    ),
    "turn_not_answered": lambda: turn(
        Story().opened().configured().append(100, times=9).speech_started("u1", 0).at(1000).append(100)
    ),
}  # fmt: skip


# --- interruptions


def barge_in() -> Story:
    return user_speaks(yields(agent_talks(transcription="whisper-1")), words="stop it please").at(20_000).closed()


def cut_in() -> Story:
    story = Story().opened().configured().append(100, times=9).at(1000).speech_started("u1", 0)
    story.client("response.create").created("r1").append(100, times=5).at(1500).speaks("r1", 4000)
    return story.append(100, times=10).at(2500).speech_stopped("u1", 2200).at(4000).append(10)


def talked_over(words: str | None) -> Story:
    return user_speaks(agent_talks(transcription="whisper-1"), words=words).at(30_000).closed()


def not_transcribable() -> Story:
    story = user_speaks(agent_talks(transcription="whisper-1"), ms=400)
    failed = "conversation.item.input_audio_transcription.failed"
    return story.server(failed, item_id="u1", error={"code": "unintelligible"}).at(30_000).closed()


def long_forgotten() -> Story:
    """The response was heard for so long that neither it nor the speech is remembered at the end."""
    story = agent_talks().speaks("r1", 900_000).done("r1").at(3000).speech_started("u0", 0)
    for index in range(1, 40):
        story.after(10).speech_started(f"u{index}").user_writes("?").client("response.create").created(f"x{index}")
    return story.at(9000).append(10)


INTERRUPTIONS: dict[str, Callable[[], Explanation]] = {
    "interruption_barge_in": lambda: interruption(barge_in()),
    "interruption_false": lambda: interruption(
        user_speaks(yields(agent_talks()), commit=False).at(20_000).closed()
    ),
    "interruption_backchannel": lambda: interruption(talked_over("Uh-huh.")),
    "interruption_talked_over": lambda: interruption(talked_over("and another thing")),
    "interruption_not_transcribable": lambda: interruption(not_transcribable()),
    "interruption_cut_in": lambda: interruption(cut_in()),
    "interruption_sideband": lambda: interruption(truncated_elsewhere()),
    "interruption_forgotten": lambda: interruption(long_forgotten()),
}  # fmt: skip


# --- costs


def transcribed(seconds: float | None) -> Story:
    story = Story().opened().configured(transcription="whisper-1" if seconds else "gpt-4o-transcribe").append(100)
    story.committed("u1")
    tokens = {"type": "tokens", "input_tokens": 14, "output_tokens": 9, "input_token_details": {"audio_tokens": 14}}
    spent = {"type": "duration", "seconds": seconds} if seconds else tokens
    return story.at(500).transcribed("u1", "hello", **spent).at(900).closed()


def answered(model: str = "gpt-realtime", **fields: Any) -> Story:
    story = Story().opened().configured(model=model).client("response.create")
    return story.created("r1").at(300).speaks("r1", 2000).done("r1", **fields).at(5000).closed()


COSTS: dict[str, Callable[[], Explanation]] = {
    "cost_response": lambda: cost(
        answered(usage=usage(1000, 200, 30, 40, cached_audio=64, cached_text=900)), "response"
    ),
    "cost_response_without_usage": lambda: cost(answered(usage=None), "response"),
    "cost_response_without_details": lambda: cost(
        answered(usage={"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}), "response"
    ),
    "cost_response_of_unknown_model": lambda: cost(answered(model="who-knows"), "response"),
    "cost_response_elsewhere": lambda: cost(played_elsewhere(), "response"),
    "cost_transcription_by_time": lambda: cost(transcribed(3.5), "transcription"),
    "cost_transcription_by_tokens": lambda: cost(transcribed(None), "transcription"),
    "cost_input_audio": lambda: cost(vad_turn(), "input_audio"),
    "cost_session_time": lambda: cost(says(hears(translation(), 200, 7), 400).closed(), "session_time"),
    "cost_output_audio": lambda: cost(says(hears(translation(), 200, 7), 400).closed(), "output_audio"),
}

ALL = TURNS | INTERRUPTIONS | COSTS


@pytest.mark.parametrize("name", ALL)
def test_an_explanation_reads_as_it_is_written_down(name: str) -> None:
    assert as_text(ALL[name]()) == (WRITTEN / f"{name}.txt").read_text(encoding="utf-8")


def test_each_text_that_is_written_down_is_asked_for() -> None:
    assert {path.stem for path in WRITTEN.iterdir()} == set(ALL)


@pytest.mark.parametrize(
    ("name", "kind", "key"), [("turn_tools", "turn", 0), ("interruption_cut_in", "interruption", 19)]
)
def test_an_explanation_says_of_which_row_it_is(name: str, kind: str, key: int) -> None:
    found = ALL[name]()

    assert (found.kind, found.session_id, found.key) == (kind, "s1", key)


if __name__ == "__main__":
    for name, explain in ALL.items():
        (WRITTEN / f"{name}.txt").write_text(as_text(explain()), encoding="utf-8")
