"""What the user is said to have said: the transcription events of a session (PROTOCOL 1.2 and 5.2)."""

import math
from typing import Any

from simulator.line import Appointment, Line
from simulator.scenario import Timing
from simulator.tokens import pieces, text_tokens, user_audio_tokens

PREFIX = "conversation.item.input_audio_transcription"
FAILED = "!"
STREAMING = "gpt-realtime-whisper"
"""The model whose deltas come while the user is still speaking."""
WORD_MS = 280.0
FIRST_WORD_MS = 650.0
BY_DURATION = ("whisper-1", STREAMING)


class Transcriber:
    """Follows the user's items from their first sound to their finished transcript."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._streams: dict[str, _Stream] = {}

    def speech_started(self, item_id: str, text: str, model: str | None) -> None:
        """Stream what is being said, where the model does so."""
        if model == STREAMING and text != FAILED:
            self._streams[item_id] = _Stream(self._line, item_id, text)

    def forget(self, item_id: str) -> None:
        """The audio was cleared: nothing more is said of it."""
        if stream := self._streams.pop(item_id, None):
            stream.stop()

    def committed(self, item_id: str, text: str, length_ms: float, model: str | None, timing: Timing) -> None:
        """Finish the transcript of a committed item some time from now; without a model there is none."""
        stream = self._streams.pop(item_id, None)
        if model is None:
            return
        after_ms = timing.transcript_ms * self._line.chance.vary(timing.jitter)
        stream = stream or _Stream(self._line, item_id, "" if model == "whisper-1" else text, begun=False)
        stream.hurry(after_ms * 0.8)
        self._line.later(after_ms, lambda: self._finish(item_id, text, length_ms, model))

    def _finish(self, item_id: str, text: str, length_ms: float, model: str) -> None:
        about = {"item_id": item_id, "content_index": 0}
        if text == FAILED:
            error = {
                "type": "transcription_error",
                "code": "audio_unintelligible",
                "message": "The audio could not be transcribed.",
                "param": None,
            }
            self._line.send(f"{PREFIX}.failed", **about, error=error)
            self._line.note("transcription_failed", item_id=item_id)
            return
        if model == "whisper-1" and text:
            self._line.send_piece(f"{PREFIX}.delta", text, **about)
        usage = usage_of(text, length_ms, model)
        self._line.send(f"{PREFIX}.completed", **about, transcript=text, usage=usage)
        self._line.note("transcribed", item_id=item_id, transcript=text, usage=usage, model=model)


class _Stream:
    """The deltas of one transcript, each due at its time, until they are told to hurry."""

    def __init__(self, line: Line, item_id: str, text: str, *, begun: bool = True) -> None:
        self._line = line
        self._item_id = item_id
        # The first delta has a space before it, as those of the API do; the finished transcript hasn't.
        self._words = pieces(" " + text) if text and text != FAILED else []
        self._due: list[Appointment] = []
        if begun:
            self._plan(FIRST_WORD_MS, WORD_MS, scaled=False)

    def hurry(self, within_ms: float) -> None:
        """The user has finished: say the rest within this time."""
        self.stop()
        if self._words:
            self._plan(within_ms / len(self._words) / 2, within_ms / len(self._words), scaled=True)

    def stop(self) -> None:
        for appointment in self._due:
            appointment.cancelled = True
        self._due.clear()

    def _plan(self, first_ms: float, each_ms: float, *, scaled: bool) -> None:
        for place in range(len(self._words)):
            self._due.append(self._line.later(first_ms + place * each_ms, self._say, scaled=scaled))

    def _say(self) -> None:
        word = self._words.pop(0)
        self._line.send_piece(f"{PREFIX}.delta", word, item_id=self._item_id, content_index=0)


def usage_of(text: str, length_ms: float, model: str) -> dict[str, Any]:
    """By seconds begun or by tokens, as the model is billed. Silence in which nothing was found costs 0 seconds."""
    if model in BY_DURATION:
        return {"type": "duration", "seconds": math.ceil(length_ms / 1000) if text else 0}
    audio, written = user_audio_tokens(length_ms), text_tokens(text) + 2
    return {
        "type": "tokens",
        "total_tokens": audio + written,
        "input_tokens": audio,
        "input_token_details": {"text_tokens": 0, "audio_tokens": audio},
        "output_tokens": written,
    }
