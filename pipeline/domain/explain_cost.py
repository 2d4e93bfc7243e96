"""How a cost was computed on both bases: tokens and minutes, times prices of which list and day (METRICS section 5)."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from ingest.envelope import RecordedEvent
from pipeline.domain import facts, prices
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.draft import utc
from pipeline.domain.explain_steps import plain
from pipeline.domain.explain_trail import Trail, Watch
from pipeline.domain.explanation import Answer, Explanation, NothingToExplain, Step
from pipeline.domain.prices import PriceList
from pipeline.domain.reasons import meaning
from pipeline.domain.rules import Rules
from pipeline.domain.state import ResponseState, SessionState
from pipeline.domain.usage import TokenCounts

NANOS = "nano-dollars"

TITLES = {
    "response": "the agent's response",
    "transcription": "a transcription of the user's speech",
    "input_audio": "input audio, from one commit to the next",
    "output_audio": "the audio of a translation",
    "session_time": "the time of the session",
}
_USES = {"session_time": "session_minute", "transcription": "minute"}


def explain_cost(events: Iterable[RecordedEvent], seq: int, rules: Rules, kind: str | None = None) -> Explanation:
    """Everything about the cost row of that `seq`, and of that kind where there are two. Raises NothingToExplain."""
    return _Cost(events, seq, kind, rules).explanation()


class _Cost:
    def __init__(self, events: Iterable[RecordedEvent], seq: int, kind: str | None, rules: Rules) -> None:
        self.seq, self.kind, self.rules = seq, kind, rules
        self.known: dict[tuple[int, str], None] = {}
        self.trail = Trail[facts.Cost](rules, self._wanted)
        self.response: Watch[ResponseState] = Watch(self._response_of)
        self.trail.follow(events, self._watches)
        there = ", ".join(f"{kind} at seq {at}" for at, kind in self.known) or "none"
        self.row = self.trail.told(f"cost at seq {seq}", there)
        kinds = [name for at, name in self.known if at == seq]
        if len(kinds) > 1 and kind is None:
            raise NothingToExplain(f"there are {len(kinds)} costs at seq {seq}: say which, of {', '.join(kinds)}")

    def _wanted(self, row: facts.Fact) -> facts.Cost | None:
        if not isinstance(row, facts.Cost):
            return None
        self.known[row.seq, row.kind] = None
        return row if row.seq == self.seq and self.kind in {None, row.kind} else None

    def _response_of(self, state: SessionState) -> ResponseState | None:
        return next((one for one in state.call.responses.values() if one.began.seq == self.seq), None)

    def _watches(self, _: SessionState) -> list[Watch[Any]]:
        return [self.response]

    def explanation(self) -> Explanation:
        row = self.row
        answers = (self._billed(), self._metered())
        return Explanation(
            kind="cost",
            session_id=row.session_id,
            key=self.seq,
            title=f"Cost at seq {self.seq}: {TITLES.get(row.kind, row.kind)}, model {row.model or 'unknown'}",
            answers=answers,
            events=self.trail.events(answers),
        )

    # --- billed

    def _billed(self) -> Answer:
        row, listed = self.row, self.rules.billed
        steps = []
        if row.billed_usd_nanos is not None:
            name = prices.listed_model(listed, self._model())
            steps.append(Step(label=f"{row.model} is priced in {listed.name} as", value=name, seqs=self._usage_seqs()))
            steps += self._minutes(listed) or self._tokens(listed)
        return Answer(
            column="billed_usd_nanos",
            title=f"Billed, by {listed.name}",
            value=row.billed_usd_nanos,
            unit=NANOS,
            reason=row.billed_reason,
            words=meaning(row.billed_reason)
            or ("some tokens were not split by kind: an estimate" if row.estimated else ""),
            steps=tuple(steps),
        )

    def _model(self) -> str | None:
        return prices.at_provider(self.row.model, self.trail.told_in.call.upstream_host)

    def _usage_seqs(self) -> tuple[int, ...]:
        return self.response.by("tokens") if self.row.kind == "response" else (self.seq,)

    def _day(self) -> date:
        """The day whose prices hold: that of the event that reported the usage."""
        [*_, seq] = self._usage_seqs() or (self.seq,)
        return utc(self.trail.seen_at.get(seq, 0)).date()

    def _minutes(self, listed: PriceList) -> list[Step]:
        """Of what is billed by time; nothing where it is billed by tokens."""
        row, component = self.row, _USES.get(self.row.kind, "")
        seconds = row.audio_ms / 1000 if row.kind == "session_time" and row.audio_ms is not None else row.seconds
        price = prices.valid_price(listed, self._model(), component, self._day())
        if seconds is None or price is None:
            return []
        return [
            Step(label="time", value=seconds, unit="s", seqs=self._usage_seqs()),
            _priced(
                f"at the price of a minute ({component}) since {price.valid_from}",
                f"{plain(seconds, 9)} s",
                price,
                row.billed_usd_nanos,
            ),
        ]

    def _tokens(self, listed: PriceList) -> list[Step]:
        lines = prices.token_lines(listed, self._model(), self._counts(), self._day())
        steps = [
            Step(
                label=f"{line.component}: {line.tokens:,} tokens at the price since {line.price.valid_from}",
                value=line.usd_nanos,
                unit=NANOS,
                formula=f"{line.tokens:,} x {line.price.usd_nanos:,}",
                seqs=self._usage_seqs(),
            )
            for line in lines
            if line.price is not None
        ]
        formula = " + ".join(f"{line.usd_nanos:,}" for line in lines) or "0"
        return [*steps, Step(label="together", value=self.row.billed_usd_nanos, unit=NANOS, formula=formula)]

    def _counts(self) -> TokenCounts:
        row = self.row
        return TokenCounts(
            text_in=row.input_text_tokens,
            audio_in=row.input_audio_tokens,
            image_in=row.input_image_tokens,
            text_cached=row.cached_text_tokens,
            audio_cached=row.cached_audio_tokens,
            image_cached=row.cached_image_tokens,
            text_out=row.output_text_tokens,
            audio_out=row.output_audio_tokens,
        )

    # --- metered

    def _metered(self) -> Answer:
        row, listed = self.row, self.rules.metered
        return Answer(
            column="metered_usd_nanos",
            title=f"Metered, by {listed.name}",
            value=row.metered_usd_nanos,
            unit=NANOS,
            reason=row.metered_reason,
            words=meaning(row.metered_reason),
            steps=tuple(self._metered_steps(listed)) if row.metered_usd_nanos is not None else (),
        )

    def _metered_steps(self, listed: PriceList) -> list[Step]:
        row, steps = self.row, list[Step]()
        component = "audio_in_minute" if row.kind == "input_audio" else "audio_out_minute"
        price = prices.valid_price(listed, None, component, self._began())
        audio_ns = round((row.audio_ms or 0) * NS_PER_MS)
        if audio_ns and price is not None:
            label = f"audio at the price of a minute ({component})"
            steps.append(_priced(label, f"{plain(row.audio_ms)} ms", price, prices.nanos(audio_ns, price.usd_nanos)))
        if row.metered_reason is None:
            counts = TokenCounts(text_in=row.input_text_tokens, text_out=row.output_text_tokens)
            steps += [
                Step(
                    label=f"{line.component}: {line.tokens:,} tokens",
                    value=line.usd_nanos,
                    unit=NANOS,
                    formula=f"{line.tokens:,} x {line.price.usd_nanos:,}",
                    seqs=self._usage_seqs(),
                )
                for line in prices.token_lines(listed, None, counts, self._day())
                if line.price is not None
            ]
        formula = " + ".join(f"{step.value:,}" for step in steps) or "0"
        return [*steps, Step(label="together", value=row.metered_usd_nanos, unit=NANOS, formula=formula)]

    def _began(self) -> date:
        return self.row.at.date()


def _priced(label: str, amount: str, price: prices.Price, nanos: int | None) -> Step:
    formula = f"{amount} x {price.usd_nanos:,} a minute / {60_000 if amount.endswith('ms') else 60:,}, rounded down"
    return Step(label=label, value=nanos, unit=NANOS, formula=formula)
