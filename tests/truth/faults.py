"""The truth of a session's configuration over time, and of what is wrong with its log."""

from collections.abc import Iterator
from typing import Any

from tests.truth.call import Call
from tests.truth.shapes import Settings
from tests.truth.truths import Answer
from tests.truth.units import to_ms, to_utc
from tests.truth.world import NS_PER_MS

Columns = dict[str, Any]

STRANGE = ("response.dreamt", "session.hummed")
"""Types that no one knows, and at which nothing is looked at."""
_NOTICED_NS = 1000 * NS_PER_MS
"""A clock that is set by less is not worth a row."""


def configurations(call: Call) -> Iterator[tuple[tuple[Any, ...], Columns]]:
    for seen in call.truth.early_requests:
        yield (seen.seq,), {"trigger": "requested", "at": to_utc(seen.at_ns), "elapsed_ms": to_ms(seen.ns)}
    before: Settings | None = None
    for report in call.truth.reports:
        now, created = report.settings, report.type == "session.created"
        if created or now != before:
            values = configured(now, beta=call.plan.beta)
            earlier = {} if before is None else configured(before, beta=call.plan.beta)
            changed = [name for name, value in values.items() if value != earlier.get(name)]
            yield (
                (report.seen.seq,),
                {
                    **{name: value for name, value in values.items() if name != "instructions_digest"},
                    "trigger": "created" if created else "updated",
                    "at": to_utc(report.seen.at_ns),
                    "elapsed_ms": to_ms(report.seen.ns),
                    "changed": None if created else ", ".join(_in_order(changed)) or "other",
                },
            )
        before = now


def configured(settings: Settings, *, beta: bool) -> Columns:
    """In the columns of the table."""
    translates, talks = settings.kind == "translation", settings.kind == "realtime"
    vad = None if translates else settings.vad
    silence = vad == "server_vad"
    modality = "audio+text" if beta and settings.modality == "audio" else settings.modality
    return {
        "kind": settings.kind,
        "model": None if settings.kind == "transcription" else settings.model,
        "voice": settings.voice if talks else None,
        "input_format": None if translates else settings.input.name,
        "output_format": settings.output.name if talks else None,
        "turn_detection": None if translates else vad or "none",
        "silence_duration_ms": settings.silence_ms if silence else None,
        "prefix_padding_ms": settings.prefix_ms if silence else None,
        "transcription_model": settings.transcription,
        "language": None,
        "output_modalities": modality if talks else None,
        "speed": 1.0 if talks and not beta else None,
        "output_language": settings.output_language,
        "vad_threshold": 0.5 if silence else None,
        "idle_timeout_ms": settings.idle_ms if silence and not beta else None,
        "eagerness": "auto" if vad == "semantic_vad" else None,
        "create_response": settings.create if vad else None,
        "interrupt_response": settings.interrupt if vad else None,
        "noise_reduction": "near_field" if translates else None,
        "max_output_tokens": "inf" if beta and talks else None,
        "instructions_digest": settings.instructions if talks else None,
    }


_ORDER = [
    "kind",
    "model",
    "voice",
    "output_modalities",
    "input_format",
    "output_format",
    "speed",
    "turn_detection",
    "silence_duration_ms",
    "prefix_padding_ms",
    "vad_threshold",
    "idle_timeout_ms",
    "eagerness",
    "create_response",
    "interrupt_response",
    "noise_reduction",
    "transcription_model",
    "language",
    "output_language",
    "max_output_tokens",
    "instructions_digest",
]
"""As the table's columns stand."""


def _in_order(names: list[str]) -> list[str]:
    return sorted(names, key=_ORDER.index)


def faults(call: Call) -> Iterator[tuple[tuple[Any, ...], Columns]]:
    yield from _jumps(call)
    for answer in call.truth.answers:
        yield from _cut(call, answer)


def _jumps(call: Call) -> Iterator[tuple[tuple[Any, ...], Columns]]:
    """Found at the first event of a known type in the log thereafter; two in between show as one, of both together."""
    told, kept = 0, [event for event in call.recorder.events if event.type not in STRANGE]
    for event in kept:
        by = sum(step.by_ns for step in call.plan.steps if step.after_ns <= event.elapsed_ns)
        if abs(by - told) > _NOTICED_NS:
            amount, told = by - told, by
            row = {"at": to_utc(event.seen_at_ns), "elapsed_ms": to_ms(event.elapsed_ns), "amount_ms": to_ms(amount)}
            yield (event.seq, "clock_jump"), row


def _cut(call: Call, answer: Answer) -> Iterator[tuple[tuple[Any, ...], Columns]]:
    """Much more was billed than came: half of it, and half a second."""
    usage, player = answer.usage, call.truth.player
    counted = usage is not None and usage.told in {"whole", "no_split"}
    if usage is None or not counted or answer.status != "completed" or not player.items(answer.id):
        return
    billed = usage.audio_out * 50 * NS_PER_MS
    missing = billed - player.generated_ns(answer.id)
    if missing > max(500 * NS_PER_MS, billed // 2):
        assert answer.done is not None
        done = {"at": to_utc(answer.done.at_ns), "elapsed_ms": to_ms(answer.done.ns), "amount_ms": to_ms(missing)}
        yield (answer.done.seq, "audio_cut"), done
