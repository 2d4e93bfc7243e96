"""What things cost, on both bases, and the row of each (METRICS section 5, PROTOCOL section 5).

How things are booked:
- The agent's audio is metered as it arrives, into the minute that sees it; its text tokens, and what is billed, in
  the minute of `response.done`. A cancelled, failed or incomplete response costs what its usage says.
- Without usage (also: unfinished when the session ended) the billed cost is unknown and counts as `unpriced`; the
  metered cost is then that of the audio alone, and the row says why.
- Input audio is metered as it is appended, one row per stretch from one commit to the next. It is billed with the
  responses that take it in, so its own billed cost is `not_billed`.
- A transcription is billed by its usage, at the transcription model's price; it is `not_metered`.
- A model billed per minute of session is billed once, at the close, for the audio appended.
All amounts of growing audio are the price of the whole, rounded down, less what was booked before: so minutes, costs
and totals agree to the nano-dollar.
"""

from pipeline.domain import facts, playout, prices
from pipeline.domain import messages as m
from pipeline.domain.audio import NS_PER_MS, NS_PER_S
from pipeline.domain.draft import Draft, utc
from pipeline.domain.state import ResponseState, Stretch
from pipeline.domain.usage import transcription_tokens


def metered_price(draft: Draft, component: str) -> int | None:
    return prices.price(draft.rules.metered, None, component, draft.day)


def _priced_as(draft: Draft, model: str | None) -> str | None:
    return prices.at_provider(model, draft.call.upstream_host)


# --- responses


def bill_response(draft: Draft, response: ResponseState) -> None:
    """Book a response that ended, once."""
    bill = prices.token_bill(draft.rules.billed, _priced_as(draft, response.model), response.tokens, draft.day)
    response.billed, response.billed_reason = bill.usd_nanos, bill.reason
    response.metered_text = _metered_text(draft, response)
    draft.call.stale.costs.add(response.id)
    draft.book(
        metered=response.metered_text or 0,
        billed=bill.usd_nanos or 0,
        unpriced=int(bill.usd_nanos is None),
        unmetered=int(metered_reason(response) is not None),
    )


def _metered_text(draft: Draft, response: ResponseState) -> int | None:
    text_in, text_out = metered_price(draft, "text_in"), metered_price(draft, "text_out")
    tokens = response.tokens
    if tokens.reason is not None or text_in is None or text_out is None or playout.is_elsewhere(response):
        return None
    return (tokens.text_in or 0) * text_in + (tokens.text_out or 0) * text_out


def metered_reason(response: ResponseState) -> str | None:
    """Why not all of it could be metered."""
    if playout.is_elsewhere(response) and response.done_ns is not None:
        return "audio_elsewhere"
    return response.tokens.reason or ("no_price" if response.metered_text is None else None)


def response_row(draft: Draft, response: ResponseState) -> facts.Cost:
    tokens = response.tokens
    unknown = response.metered_text is None and not response.items
    return facts.Cost(
        session_id=draft.session_id,
        version=draft.version,
        seq=response.began.seq,
        kind="response",
        at=utc(response.began.seen_at_ns),
        response_id=response.id,
        turn_index=response.turn_index,
        model=response.model,
        audio_ms=None if playout.is_elsewhere(response) else response.generated_ns / NS_PER_MS,
        input_text_tokens=tokens.text_in,
        input_audio_tokens=tokens.audio_in,
        input_image_tokens=tokens.image_in,
        cached_text_tokens=tokens.text_cached,
        cached_audio_tokens=tokens.audio_cached,
        cached_image_tokens=tokens.image_cached,
        output_text_tokens=tokens.text_out,
        output_audio_tokens=tokens.audio_out,
        metered_usd_nanos=None if unknown else response.metered_audio + (response.metered_text or 0),
        metered_list=draft.rules.metered.name,
        metered_reason=metered_reason(response),
        billed_usd_nanos=response.billed,
        billed_list=draft.rules.billed.name,
        billed_reason=response.billed_reason,
        estimated=tokens.estimated,
    )


# --- input audio


def begin_stretch(draft: Draft) -> None:
    """The first append since the last commit."""
    position = draft.intake.position_ns
    draft.call.stretch = Stretch(
        began=draft.moment,
        begin_ns=position,
        booked_ns=position,
        per_minute=metered_price(draft, "audio_in_minute"),
        model=draft.call.config.model,
    )
    draft.call.stale.stretch = True


def book_intake(draft: Draft) -> None:
    """Book the audio appended since the last draft into the current minute."""
    stretch, position = draft.call.stretch, draft.intake.position_ns
    if stretch is None or stretch.booked_ns == position:
        return
    draft.call.stale.stretch = True
    metered = prices.nanos(position - stretch.begin_ns, stretch.per_minute)
    draft.minute_state(draft.minute).audio_in_ns += position - stretch.booked_ns
    draft.book(metered=metered - stretch.booked_nanos)
    stretch.booked_ns, stretch.booked_nanos = position, metered


def end_stretch(draft: Draft, turn_index: int | None, item_id: str | None = None) -> None:
    """A commit, a clearing, another format, or the session's end."""
    book_intake(draft)
    if draft.call.stretch is not None:
        draft.facts.append(stretch_row(draft, draft.call.stretch, turn_index, item_id))
        if draft.call.stretch.per_minute is None:
            draft.book(unmetered=1)
    draft.call.stretch, draft.call.stale.stretch = None, False


def unseen_input(draft: Draft, turn_index: int | None, item_id: str | None) -> None:
    """Input audio was committed that did not pass the recorder (WebRTC, SIP): how much, nobody here knows."""
    draft.book(unmetered=1)
    draft.facts.append(
        facts.Cost(
            session_id=draft.session_id,
            version=draft.version,
            seq=draft.moment.seq,
            kind="input_audio",
            at=draft.at,
            item_id=item_id,
            turn_index=turn_index,
            model=draft.call.config.model,
            metered_list=draft.rules.metered.name,
            metered_reason="audio_elsewhere",
            billed_reason="not_billed",
        )
    )


def stretch_row(
    draft: Draft, stretch: Stretch, turn_index: int | None = None, item_id: str | None = None
) -> facts.Cost:
    return facts.Cost(
        session_id=draft.session_id,
        version=draft.version,
        seq=stretch.began.seq,
        kind="input_audio",
        at=utc(stretch.began.seen_at_ns),
        item_id=item_id,
        turn_index=turn_index,
        model=stretch.model,
        audio_ms=(stretch.booked_ns - stretch.begin_ns) / NS_PER_MS,
        metered_usd_nanos=None if stretch.per_minute is None else stretch.booked_nanos,
        metered_list=draft.rules.metered.name,
        metered_reason="no_price" if stretch.per_minute is None else None,
        billed_reason="not_billed",
    )


# --- transcriptions and session time


def transcribed(draft: Draft, message: m.Transcribed) -> None:
    usage = message.usage or m.Usage()
    # The configuration may have changed since the audio was committed.
    model = draft.call.item_transcribers.get(message.item_id or "") or draft.call.config.transcription_model
    counts = transcription_tokens(usage)
    bill = _transcription_bill(draft, model, usage)
    draft.book(billed=bill.usd_nanos or 0, unpriced=int(bill.usd_nanos is None))
    draft.facts.append(
        facts.Cost(
            session_id=draft.session_id,
            version=draft.version,
            seq=draft.moment.seq,
            kind="transcription",
            at=draft.at,
            item_id=message.item_id,
            turn_index=draft.call.item_turns.get(message.item_id or ""),
            model=model,
            seconds=usage.seconds,
            input_text_tokens=counts.text_in,
            input_audio_tokens=counts.audio_in,
            output_text_tokens=counts.text_out,
            metered_reason="not_metered",
            billed_usd_nanos=bill.usd_nanos,
            billed_list=draft.rules.billed.name,
            billed_reason=bill.reason,
        )
    )


def _transcription_bill(draft: Draft, model: str | None, usage: m.Usage) -> prices.Bill:
    if usage.seconds is not None:
        return prices.minute_bill(
            draft.rules.billed, _priced_as(draft, model), "minute", round(usage.seconds * NS_PER_S), draft.day
        )
    return prices.token_bill(draft.rules.billed, _priced_as(draft, model), transcription_tokens(usage), draft.day)


def bill_session_time(draft: Draft) -> None:
    """Of a model that is billed per minute of session: by the audio appended (PROTOCOL section 6)."""
    model = draft.call.config.model or draft.call.asked_model
    bill = prices.minute_bill(
        draft.rules.billed, _priced_as(draft, model), "session_minute", draft.intake.position_ns, draft.day
    )
    if bill.usd_nanos is None:
        return
    draft.book(billed=bill.usd_nanos)
    draft.facts.append(
        facts.Cost(
            session_id=draft.session_id,
            version=draft.version,
            seq=draft.moment.seq,
            kind="session_time",
            at=draft.at,
            model=model,
            audio_ms=draft.intake.position_ns / NS_PER_MS,
            metered_reason="not_metered",
            billed_usd_nanos=bill.usd_nanos,
            billed_list=draft.rules.billed.name,
        )
    )
