"""Translation sessions: speech goes in, and words and speech of another language come out, without turns or items."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tests.truth import money
from tests.truth.call import Call
from tests.truth.lengths import Length
from tests.truth.player import STREAM, Piece
from tests.truth.recorder import Seen, sound
from tests.truth.scenes import Director
from tests.truth.truths import Sentence, Stream
from tests.truth.units import to_ms, to_utc
from tests.truth.world import Process

_FRAME_MS = 200
_SPOKEN = (
    (" Where", " is", " the", " station", "?"),
    (" I", " would", " like", " to", " move", " my", " appointment", "."),
    (" Eine", " Fahrt", " kostet", " 3.", "50", "\N{EURO SIGN}", "."),
    ("\N{HIRAGANA LETTER HA}\N{HIRAGANA LETTER I}", "\N{IDEOGRAPHIC FULL STOP}"),
    (" Well", "\N{HORIZONTAL ELLIPSIS}"),
)


def translate(director: Director) -> Process:
    """Somebody speaks for a while, and is translated sentence by sentence, some way behind."""
    call, chance = director.call, director.chance
    director.client.pressed = True
    for _ in range(chance.randrange(1, 4)):
        yield chance.uniform(400, 1500)
        heard, translated = chance.choice(_SPOKEN), chance.choice(_SPOKEN)
        if director.settings.transcription is not None:
            call.world.go(_words(call, "user", heard))
        call.world.go(_words(call, "agent", translated))
        yield from _speech(call)


def another_language(director: Director) -> Process:
    """The listener changes the language, in the middle of it."""
    wanted = director.chance.choice(["es", "fr", "ja", "pt"])
    yield from director.configure(msgspec.structs.replace(director.settings, output_language=wanted))


def _words(call: Call, role: str, words: tuple[str, ...]) -> Process:
    side = "input" if role == "user" else "output"
    sentence = Sentence(role)
    for word in words:
        elapsed_ms = call.world.now_ns // 1_000_000

        def note(seen: Seen, word: str = word, elapsed_ms: int = elapsed_ms) -> None:
            _say(call, sentence, seen, word, elapsed_ms)

        call.server_says(f"session.{side}_transcript.delta", note, delta=word, elapsed_ms=elapsed_ms)
        yield call.chance.uniform(0, 40)


def _say(call: Call, sentence: Sentence, seen: Seen, word: str, elapsed_ms: int) -> None:
    if not sentence.words:
        call.truth.sentences.append(sentence)
        sentence.first, sentence.stream_ms = seen, elapsed_ms
    sentence.words.append(word)
    sentence.last = seen


def _speech(call: Call) -> Process:
    """Frames of audio, mostly in real time, sometimes all at once."""
    rate, channels = call.truth.stream_shape
    per_ms = rate * channels * 2 // 1000
    pace = call.chance.choice([1.0, 1.0, 10.0])
    for _ in range(call.chance.randrange(2, 14)):
        size = _FRAME_MS * per_ms - call.chance.choice([0, 0, 2 * channels])
        shape = {"sample_rate": rate, "channels": channels, "format": "pcm16"}
        note = lambda seen, size=size: _sounds(call, seen, size, per_ms)  # noqa: E731
        elapsed_ms = call.world.now_ns // 1_000_000
        call.server_says("session.output_audio.delta", note, delta=sound(size), elapsed_ms=elapsed_ms, **shape)
        yield _FRAME_MS / pace


def _sounds(call: Call, seen: Seen, size: int, per_ms: int) -> None:
    truth = call.truth
    if truth.stream is None:
        truth.stream = Stream(seen, Length())
    length_ns = truth.stream.length.add(size, per_ms)
    before = money.metered_audio(truth.player.generated_ns(STREAM), money.AUDIO_OUT_MINUTE)
    truth.player.feed(Piece(STREAM, STREAM, length_ns, seen.minute), seen.ns)
    after = money.metered_audio(truth.player.generated_ns(STREAM), money.AUDIO_OUT_MINUTE)
    truth.minute(seen).generated_ns += length_ns
    call.witness.book(seen, metered=after - before)


def bill_time(call: Call, seen: Seen) -> None:
    """At the close: the audio that was sent, by the minute."""
    nanos = money.metered_audio(call.truth.audio_in_ns, money.TRANSLATION_MINUTE)
    call.truth.session_time = nanos
    call.witness.book(seen, billed=nanos)


# --- its rows


def texts(call: Call) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    for sentence in call.truth.sentences:
        assert sentence.first is not None
        assert sentence.last is not None
        told = {
            "role": sentence.role,
            "kind": "audio",
            "text": "".join(sentence.words).strip(),
            "stream_elapsed_ms": sentence.stream_ms,
            "reason": None,
            "turn_index": None,
            "response_id": None,
            "first_delta_lag_ms": None,
            "first_delta_lag_reason": "not_transcribed",
            "at": to_utc(sentence.last.at_ns),
            "elapsed_ms": to_ms(sentence.last.ns),
        }
        yield (f"{sentence.role}#{sentence.first.seq}", 0), told


def costs(call: Call) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    truth = call.truth
    assert truth.closed is not None
    model = call.plan.settings.model
    if truth.stream is not None:
        length_ns = truth.player.generated_ns(STREAM)
        heard = {
            "at": to_utc(truth.stream.began.at_ns),
            "model": model,
            "audio_ms": to_ms(length_ns),
            "metered_usd_nanos": money.metered_audio(length_ns, money.AUDIO_OUT_MINUTE),
            "metered_reason": None,
            "billed_usd_nanos": None,
            "billed_reason": "not_billed",
        }
        yield (truth.stream.began.seq, "output_audio"), heard
    time = {
        "at": to_utc(truth.closed.at_ns),
        "model": model,
        "audio_ms": to_ms(truth.audio_in_ns),
        "metered_usd_nanos": None,
        "metered_reason": "not_metered",
        "billed_usd_nanos": truth.session_time,
        "billed_reason": None,
    }
    yield (truth.closed.seq, "session_time"), time
