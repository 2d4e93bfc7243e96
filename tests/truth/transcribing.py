"""The server's transcription of what the user says, and what that costs."""

from typing import Any

from tests.truth import money
from tests.truth.call import Call
from tests.truth.recorder import Seen
from tests.truth.truths import Utterance
from tests.truth.world import Process


def transcribe(call: Call, spoken: Utterance, item_id: str, model: str) -> Process:
    """What was said in a committed piece of audio, some time later; or that it could not be made out."""
    yield call.chance.choice([200, 600, 900, 3000, 12_500])
    ids: dict[str, Any] = {"item_id": item_id, "content_index": 0}
    if spoken.words is None:
        fault = {"type": "transcription_error", "code": "audio_unintelligible", "message": "could not"}

        def failed(seen: Seen) -> None:
            call.witness.transcribed(seen, spoken, item_id, None)
            said = {"code": fault["code"], "error_type": fault["type"], "message": fault["message"]}
            call.witness.failed(seen, "transcription_failed", **said)

        call.server_says("conversation.item.input_audio_transcription.failed", failed, **ids, error=fault)
        return
    for word in spoken.words.split():
        call.server_says("conversation.item.input_audio_transcription.delta", **ids, delta=word)
    usage, bill = _bill(call, spoken, model)

    def done(seen: Seen) -> None:
        call.witness.transcribed(seen, spoken, item_id, spoken.words)
        call.witness.transcription_billed(seen, item_id, spoken, model, **bill)

    fields: dict[str, Any] = {**ids, "transcript": spoken.words} | ({"usage": usage} if usage else {})
    call.server_says("conversation.item.input_audio_transcription.completed", done, **fields)


def _bill(call: Call, spoken: Utterance, model: str) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The usage that it tells, and what that costs."""
    nothing = {"seconds": None, "input_audio_tokens": None, "input_text_tokens": None, "output_text_tokens": None}
    if call.chance.random() < 0.05:
        return None, {**nothing, "billed_usd_nanos": None, "billed_reason": "no_usage"}
    if model in money.TRANSCRIPTION_MINUTES:
        seconds = float(-int(-spoken.length_ms // 1000) if spoken.words else 0)
        nanos = money.minutes(seconds, money.TRANSCRIPTION_MINUTES[model])
        bill = {**nothing, "seconds": seconds, "billed_usd_nanos": nanos, "billed_reason": None}
        return {"type": "duration", "seconds": seconds}, bill
    text, audio, out = call.chance.randrange(0, 9), int(spoken.length_ms // 100), len(spoken.words or "")
    usage = {
        "type": "tokens",
        "total_tokens": text + audio + out,
        "input_tokens": text + audio,
        "input_token_details": {"text_tokens": text, "audio_tokens": audio},
        "output_tokens": out,
    }
    nanos = money.tokens((text, audio, out), money.TRANSCRIPTION_TOKENS[model])
    counts = {"input_text_tokens": text, "input_audio_tokens": audio, "output_text_tokens": out}
    return usage, {"seconds": None, **counts, "billed_usd_nanos": nanos, "billed_reason": None}
