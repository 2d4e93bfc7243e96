"""Media that does not pass the worker: on WebRTC and SIP the server plays it out, and says when it begins and ends."""

from typing import Any

from tests.truth.agent import Generation
from tests.truth.call import Call
from tests.truth.recorder import Seen
from tests.truth.truths import Answer
from tests.truth.world import Process


class Media:
    def __init__(self, call: Call) -> None:
        self.call = call
        self._playing: dict[str, tuple[Answer, float]] = {}
        """What plays out: response -> it, and since when, in milliseconds."""

    @property
    def silent(self) -> bool:
        return not self._playing

    def play(self, generation: Generation) -> Process:
        """WebRTC and SIP: the server plays the audio out itself, and says when it begins and ends."""
        answer, witness = generation.answer, self.call.witness
        yield lambda: generation.generated_ms > 0 or generation.over
        if generation.generated_ms <= 0:
            return
        began_ms = self.call.world.now_ns / 1e6
        self._playing[answer.id] = (answer, began_ms)
        start = lambda seen: witness.playout_started(seen, answer)  # noqa: E731
        self.call.server_says("output_audio_buffer.started", start, response_id=answer.id)
        yield (
            lambda: (
                answer.id not in self._playing
                or (generation.over and self.call.world.now_ns / 1e6 - began_ms >= generation.generated_ms)
            )
        )
        if self._playing.pop(answer.id, None) is not None:
            stop = lambda seen: witness.playout_stopped(seen, answer)  # noqa: E731
            self.call.server_says("output_audio_buffer.stopped", stop, response_id=answer.id)

    def clear(self) -> None:
        for response_id in list(self._playing):
            answer, began_ms = self._playing.pop(response_id)
            played_ms = self.call.world.now_ns / 1e6 - began_ms

            def note(seen: Seen, answer: Answer = answer) -> None:
                self.call.witness.cut(seen, answer, "cleared")
                self.call.witness.playout_stopped(seen, answer)

            self.call.server_says("output_audio_buffer.cleared", note, response_id=response_id)
            # How much was heard it says by itself, of the item that was playing.
            fields: dict[str, Any] = {
                "item_id": f"{response_id}_played",
                "content_index": 0,
                "audio_end_ms": int(played_ms),
            }
            self.call.server_says("conversation.item.truncated", **fields)
