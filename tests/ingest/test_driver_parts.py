"""What a driven session's client makes of what it hears, plays and sends: without a socket."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.driver_heard import GoOn, Heard, Interrupt, RunTool
from ingest.driver_playout import Playing, Playout
from ingest.driver_sound import SoundMissing, Sounds, SoundUnreadable, bytes_per_ms
from ingest.driver_tools import ToolFailed, answer
from ingest.scenario import Tool

AUDIO_100_MS = "A" * 6400
"""4,800 bytes in base64."""


def session(**input_: Any) -> dict[str, Any]:
    return {"type": "session.updated", "session": {"type": "realtime", "audio": {"input": input_, "output": {}}}}


def speaking(heard: Heard, now: float = 0.0) -> None:
    """The agent has sent a second of audio."""
    heard.take({"type": "response.created", "response": {"id": "r"}}, now)
    for _ in range(10):
        heard.take({"type": "response.output_audio.delta", "item_id": "a", "delta": AUDIO_100_MS}, now)


def done(status: str = "completed", reason: str | None = None) -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": "r", "status": status, "status_details": {"reason": reason}}}


# --- hearing


def test_who_cuts_in_says_how_much_was_heard() -> None:
    heard = Heard()
    speaking(heard)

    assert heard.take({"type": "input_audio_buffer.speech_started"}, 0.4) == [Interrupt(item_id="a", heard_ms=400)]
    assert heard.playout.playing(0.5) is None


def test_after_the_end_of_the_answer_nobody_cuts_in() -> None:
    heard = Heard()
    speaking(heard)

    assert heard.take({"type": "input_audio_buffer.speech_started"}, 1.1) == []


def test_an_agent_that_is_not_to_be_interrupted_goes_on() -> None:
    heard = Heard()
    heard.take(session(turn_detection={"type": "server_vad", "interrupt_response": False}), 0.0)
    speaking(heard)

    assert heard.take({"type": "input_audio_buffer.speech_started"}, 0.4) == []


def test_an_answer_is_there_when_its_response_is_done() -> None:
    heard = Heard()
    heard.ask()
    speaking(heard)
    assert not heard.answered

    heard.take(done(), 1.0)
    assert heard.answered


def test_an_answer_that_the_user_cut_short_is_followed_by_another() -> None:
    heard = Heard()
    heard.ask()
    speaking(heard)
    heard.take(done("cancelled", "turn_detected"), 0.5)
    assert not heard.answered

    heard.take(done("cancelled", "client_cancelled"), 0.6)
    assert heard.answered


def test_a_response_that_calls_functions_is_no_answer_until_they_have_answered() -> None:
    heard = Heard()
    heard.ask()
    heard.take({"type": "response.created", "response": {"id": "r"}}, 0.0)
    item = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    called = heard.take({"type": "response.output_item.done", "response_id": "r", "item": item}, 0.0)

    assert called == [RunTool(response_id="r", call_id="c", name="look", arguments="{}")]
    assert heard.take(done(), 0.0) == [GoOn(response_id="r")]
    assert not heard.answered
    heard.tools_answered("r")
    heard.take({"type": "response.created", "response": {"id": "r2"}}, 0.0)
    heard.take({"type": "response.done", "response": {"id": "r2", "status": "completed"}}, 0.0)
    assert heard.answered


def test_a_call_that_was_cut_short_is_not_run() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "look", "arguments": '{"a', "status": "incomplete"}

    assert Heard().take({"type": "response.output_item.done", "response_id": "r", "item": item}, 0.0) == []


def test_transcripts_are_owed_for_what_was_committed_while_something_transcribes() -> None:
    heard = Heard()
    heard.take({"type": "input_audio_buffer.committed", "item_id": "u0"}, 0.0)
    heard.take(session(transcription={"model": "whisper-1"}), 0.0)
    heard.take({"type": "input_audio_buffer.committed", "item_id": "u1"}, 0.0)
    heard.take({"type": "input_audio_buffer.committed", "item_id": "u2"}, 0.0)
    heard.take({"type": "conversation.item.input_audio_transcription.failed", "item_id": "u1"}, 0.0)

    assert heard.untranscribed == {"u2"}


@pytest.mark.parametrize("event", [{}, {"type": 7}, {"type": "response.done"}, {"type": "error", "error": "no"},
                                   {"type": "session.updated", "session": []},
                                   {"type": "response.output_audio.delta", "delta": None}])  # fmt: skip
def test_events_that_make_no_sense_do_no_harm(event: dict[str, Any]) -> None:
    assert Heard().take(event, 0.0) == []


def test_the_loudspeaker_plays_items_one_after_another_and_nothing_more_of_one_that_was_stopped() -> None:
    playout = Playout()
    playout.add("a", 100, 0.0)
    playout.add("b", 100, 0.0)
    assert playout.playing(0.1625) == Playing(item_id="b", heard_ms=62)

    playout.stop(0.1625)
    playout.add("b", 100, 0.1875)
    playout.add("c", 100, 0.1875)
    assert playout.playing(0.25) == Playing(item_id="c", heard_ms=62)


# --- sound


def wav(path: Path, *, rate: int, channels: int, width: int, seconds: float = 1.0) -> Path:
    time = np.arange(int(rate * seconds)) / rate
    tone = np.sin(2 * np.pi * 440 * time) * 0.5
    samples = np.repeat((tone * (2 ** (8 * width - 1) - 1)).astype(np.int64)[:, None], channels, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes())
    return path


@pytest.mark.parametrize(("rate", "channels", "width"), [(8000, 1, 2), (16000, 1, 2), (44100, 2, 2), (48000, 2, 3)])
@pytest.mark.parametrize("form", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_a_file_of_any_rate_lasts_as_long_in_any_format(
    tmp_path: Path, rate: int, channels: int, width: int, form: str
) -> None:
    wav(tmp_path / "tone.wav", rate=rate, channels=channels, width=width)

    sound = Sounds([tmp_path]).wire("tone.wav", form)

    assert len(sound) / bytes_per_ms(form) == pytest.approx(1000, abs=2)


def test_resampled_sound_keeps_its_pitch_and_its_loudness(tmp_path: Path) -> None:
    wav(tmp_path / "tone.wav", rate=44100, channels=2, width=2)

    samples = np.frombuffer(Sounds([tmp_path]).wire("tone", "audio/pcm"), dtype="<i2").astype(float)

    loudest = np.argmax(np.abs(np.fft.rfft(samples[2400:-2400])))
    assert loudest * 24000 / len(samples[2400:-2400]) == pytest.approx(440, abs=2)
    assert np.max(np.abs(samples)) == pytest.approx(16384, rel=0.02)


def test_a_recording_that_is_not_there_is_named_with_the_folders(tmp_path: Path) -> None:
    with pytest.raises(SoundMissing, match=f"no recording 'nope' in {tmp_path}"):
        Sounds([tmp_path]).wire("nope", "audio/pcm")


def test_a_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not a sound")

    with pytest.raises(SoundUnreadable, match=r"text\.wav"):
        Sounds([tmp_path]).wire("text", "audio/pcm")


# --- tools


async def test_a_tool_can_be_a_program_that_gets_the_arguments() -> None:
    assert await answer(Tool(name="echo", command=("cat",)), '{"city": "Lisbon"}') == '{"city": "Lisbon"}'


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("no-such-program",), "tool t: no-such-program can't be started: No such file or directory"),
        (("sh", "-c", "echo bad luck >&2; exit 3"), "tool t: sh ended with 3: bad luck"),
        (("sleep", "60"), "tool t: no answer within 0.2 s"),
    ],
)
async def test_a_program_that_gives_no_answer_is_told(command: tuple[str, ...], says: str) -> None:
    with pytest.raises(ToolFailed) as failed:
        await answer(Tool(name="t", command=command, timeout_s=0.2), "{}")

    assert str(failed.value) == says
