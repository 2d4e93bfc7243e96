"""The truth of what a session cost, in the columns of the tables: costs and audio minutes."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.truth import money
from tests.truth.player import STREAM
from tests.truth.truths import Answer, Truth
from tests.truth.units import EPOCH, item_heard_ns, to_ms, to_utc

Columns = dict[str, Any]


def costs(truth: Truth) -> Iterator[tuple[tuple[Any, ...], Columns]]:
    for answer in truth.answers:
        yield (answer.created.seq, "response"), _response_cost(truth, answer)
    for stretch in truth.stretches:
        yield (
            (stretch.began.seq, "input_audio"),
            {
                "at": to_utc(stretch.began.at_ns),
                "turn_index": stretch.turn_index,
                "item_id": stretch.item_id,
                "model": stretch.model,
                "audio_ms": to_ms(stretch.length_ns),
                "metered_usd_nanos": money.metered_audio(stretch.length_ns, money.AUDIO_IN_MINUTE),
                "metered_reason": None,
                "billed_usd_nanos": None,
                "billed_reason": "not_billed",
            },
        )
    for row in truth.unseen_inputs:
        told = {name: value for name, value in row.items() if name != "seen"}
        unknown = {"metered_usd_nanos": None, "metered_reason": "audio_elsewhere"}
        yield (row["seen"].seq, "input_audio"), {**told, **unknown, "billed_reason": "not_billed"}
    for row in truth.costs:
        told = {name: value for name, value in row.items() if name != "seen"}
        seen = row["seen"]
        yield (seen.seq, "transcription"), {**told, "at": to_utc(seen.at_ns), "metered_reason": "not_metered"}


def _response_cost(truth: Truth, answer: Answer) -> Columns:
    bill = money.billed(answer.usage, answer.model or "", did_work=answer.did_work)
    text = None if answer.elsewhere else money.metered_text(answer.usage, did_work=answer.did_work)
    generated = truth.player.generated_ns(answer.id)
    audio = money.metered_audio(generated, money.AUDIO_OUT_MINUTE)
    unknown = text is None and not truth.player.items(answer.id)
    return {
        "at": to_utc(answer.created.at_ns),
        "response_id": answer.id,
        "turn_index": None if answer.turn is None else answer.turn.index,
        "model": answer.model,
        "audio_ms": None if answer.elsewhere else to_ms(generated),
        **_tokens(answer),
        "metered_usd_nanos": None if unknown else audio + (text or 0),
        "metered_reason": "audio_elsewhere"
        if answer.elsewhere
        else money.untold(answer.usage, did_work=answer.did_work),
        "billed_usd_nanos": bill.nanos,
        "billed_reason": bill.reason,
        "estimated": bool(answer.usage and answer.usage.told == "no_split" and answer.usage.cached),
    }


def _tokens(answer: Answer) -> Columns:
    usage = answer.usage
    told = None if usage is None or usage.told in {"nothing", "sums"} else money.as_told(usage)
    return {
        "input_text_tokens": told and told.text_in,
        "input_audio_tokens": told and told.audio_in,
        "input_image_tokens": told and told.image_in,
        "cached_text_tokens": told and told.text_cached,
        "cached_audio_tokens": told and told.audio_cached,
        "cached_image_tokens": told and told.image_cached,
        "output_text_tokens": told and told.text_out,
        "output_audio_tokens": told and told.audio_out,
    }


def minutes(truth: Truth, *, sideband: bool) -> Iterator[tuple[tuple[Any, ...], Columns]]:
    heard = Counter[int]()
    for answer in truth.answers:
        for item_id in truth.player.items(answer.id):
            left = item_heard_ns(truth, answer, item_id)
            for piece in truth.player.of_item(answer.id, item_id):
                part = min(left, piece.length_ns)
                heard[piece.minute] += part
                left -= part
    for piece in truth.player.of_item(STREAM, STREAM):  # nothing ever stops it, so all before the end was heard
        heard[piece.minute] += piece.ends_ns - (piece.starts_ns or 0)
    for minute, state in truth.minutes.items():
        yield (
            (EPOCH + timedelta(minutes=minute),),
            {
                "model": state.model,
                "audio_in_ms": None if sideband else to_ms(state.audio_in_ns),
                "generated_ms": None if sideband else to_ms(state.generated_ns),
                "heard_ms": None if sideband else to_ms(heard[minute]),
                "audio_reason": "audio_elsewhere" if sideband else None,
                "metered_usd_nanos": state.metered,
                "billed_usd_nanos": state.billed,
                "unpriced": state.unpriced,
                "unmetered": state.unmetered,
            },
        )
