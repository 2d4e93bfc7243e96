"""The laws of METRICS section 6 as questions to the rows of any log."""

import base64
from typing import Any

import msgspec

from ingest.envelope import RecordedEvent, Source
from pipeline.domain.fold import Rules, SessionState
from pipeline.domain.reasons import MEASURED
from tests.builders import RULES, Rows, Story, fold_from, latest, rows

PCM16_BYTES_PER_MS = 48
"""Of the format that holds where none was named (METRICS section 4)."""
APPENDS = {
    (Source.CLIENT, "input_audio_buffer.append"),
    (Source.CLIENT, "session.input_audio_buffer.append"),
}


def money_adds_up(told: Rows) -> None:
    """Law 2: minutes = session = costs, to the nano-dollar, on both bases; and so does what could not be priced.

    Of what nobody counted the price is unknown, and never 0.
    """
    [session] = told["sessions"].values()
    minutes, costs = told["audio_minutes"].values(), told["costs"].values()
    for name in ("metered_usd_nanos", "billed_usd_nanos"):
        in_minutes = sum(getattr(row, name) for row in minutes)
        in_costs = sum(getattr(row, name) or 0 for row in costs)
        assert in_minutes == in_costs == getattr(session, name), name
    unpriced = sum(1 for row in costs if row.billed_reason not in {None, "not_billed", "in_progress"})
    assert unpriced == session.unpriced == sum(row.unpriced for row in minutes)
    assert session.unmetered == sum(row.unmetered for row in minutes)
    for row in costs:
        if row.kind in {"response", "transcription"} and not _is_counted(row):
            assert row.billed_usd_nanos is None, row


def _is_counted(row: Any) -> bool:
    counts = (row.seconds, row.input_text_tokens, row.input_audio_tokens, row.output_text_tokens)
    return any(count is not None for count in counts)


def audio_adds_up(told: Rows, events: list[RecordedEvent]) -> None:
    """Law 3: heard + unheard = generated, heard <= generated, and the same audio wherever it is counted.

    Audio that does not pass the recorder is unknown, and adds nothing.
    """
    [session] = told["sessions"].values()
    for table in ("responses", "turns", "interruptions"):
        for row in told[table].values():
            if row.audio_reason is None:
                assert about(row.heard_ms + row.unheard_ms, row.generated_ms), (table, row)
                assert 0 <= row.heard_ms <= row.generated_ms, (table, row)
    for name in ("generated_ms", "heard_ms", "audio_in_ms"):
        assert about(added(told, "audio_minutes", name), getattr(session, name) or 0), name
    costs = told["costs"].values()
    translated = sum(row.audio_ms for row in costs if row.kind == "output_audio")
    assert about(added(told, "responses", "generated_ms") + translated, session.generated_ms or 0)
    if not translated:
        here = [row.heard_ms for row in told["responses"].values() if row.audio_reason is None]
        assert about(sum(here), session.heard_ms or 0)
    assert about(sum(row.audio_ms or 0 for row in costs if row.kind == "input_audio"), session.audio_in_ms or 0)
    out_of_band = sum(row.generated_ms or 0 for row in told["responses"].values() if row.out_of_band)
    spoken = sum(row.generated_ms or 0 for row in told["responses"].values()) - out_of_band
    in_turns = added(told, "turns", "generated_ms")
    # A turn of which part was spoken elsewhere is unknown as a whole.
    assert about(in_turns, spoken) or any(row.audio_reason for row in told["turns"].values())
    assert len(events) >= session.events_client + session.events_server
    appended = bytes_appended(events, session.version)
    if appended is not None:
        whole_ns = appended * 1_000_000 // PCM16_BYTES_PER_MS
        assert about(session.audio_in_ms or 0, whole_ns / 1_000_000)


def bytes_appended(events: list[RecordedEvent], version: int) -> int | None:
    """Those of the input audio, decoded, up to that event. None where the log names a format, or holds no base64."""
    size, next_seq = 0, 0
    for event in events:
        if b"format" in event.data:
            return None
        if not next_seq <= event.seq <= version:
            continue
        next_seq = event.seq + 1
        if (event.source, event.type) == (Source.RECORDER, "session.closed"):
            break
        if (event.source, event.type) in APPENDS:
            try:
                size += len(base64.b64decode(msgspec.json.decode(event.data).get("audio", ""), validate=True))
            except (ValueError, TypeError, AttributeError, RecursionError):
                return None
    return size


def added(told: Rows, table: str, column: str) -> float:
    """Their sum; what is unknown adds nothing."""
    return float(sum(getattr(row, column) or 0 for row in told[table].values()))


def everything_has_its_place(told: Rows) -> None:
    """Law 4: a response is in exactly one turn or out-of-band, a tool call in one response; and the counts say so."""
    [session] = told["sessions"].values()
    turns = {row.turn_index for row in told["turns"].values()}
    for row in told["responses"].values():
        assert row.out_of_band == (row.turn_index is None)
        assert row.out_of_band or row.turn_index in turns
    for row in told["tool_calls"].values():
        assert (row.session_id, row.response_id) in told["responses"]
    assert sorted(turns) == list(range(session.turns))
    counted = (session.responses, session.interruptions, session.tool_calls, session.errors)
    tables = ("responses", "interruptions", "tool_calls", "session_errors")
    assert counted == tuple(len(told[table]) for table in tables)
    assert session.events_lost == sum(row.count for row in told["gaps"].values())


def time_goes_forward(told: Rows) -> None:
    """Law 5: turns do not start before the previous one; no duration is negative, in any row."""
    starts = [row.opened_elapsed_ms for _, row in sorted(told["turns"].items(), key=lambda held: held[1].turn_index)]
    assert starts == sorted(starts)
    for table in told.values():
        for row in table.values():
            for name, value in msgspec.structs.asdict(row).items():
                assert not (name.endswith("_ms") and name != "amount_ms" and value is not None and value < 0), (
                    name,
                    row,
                )


def reasons_are_given(told: Rows) -> None:
    """A quantity is known, or the column beside it says why not, by a reason that is in the list for that column.

    Never both, but for tokens that can't be priced and costs that are known only in part.
    """
    for measured in MEASURED:
        for row in told[measured.table].values():
            reason = getattr(row, measured.reason_column)
            assert reason in {None, *measured.reasons}, (measured.reason_column, row)
            for column in measured.columns:
                assert getattr(row, column) is not None or reason is not None, (column, row)
            if measured.table not in {"costs", "responses", "interruptions", "sessions", "turns"}:
                assert (getattr(row, measured.columns[0]) is None) == (reason is not None), (measured.columns, row)
    for row in told["costs"].values():
        assert (row.billed_usd_nanos is None) == (row.billed_reason is not None)
    for row in told["turns"].values():
        for name in ("endpointing", "wire_latency", "perceived_latency", "model_latency", "tool_wait", "after_tool"):
            assert (getattr(row, f"{name}_ms") is None) == (getattr(row, f"{name}_reason") is not None), (name, row)


def about(one: float, other: float) -> bool:
    """The same to the nanosecond, but for the last bits of floats that were added in different order."""
    return abs(one - other) < 5e-7 + 1e-12 * max(abs(one), abs(other))


# --- asked of every story


def all_hold(found: Rows, events: list[RecordedEvent]) -> None:
    everything_has_its_place(found)
    money_adds_up(found)
    audio_adds_up(found, events)
    time_goes_forward(found)
    reasons_are_given(found)


def told(story: Story, rules: Rules = RULES) -> Rows:
    """The rows of a story, which also keeps every law and survives a restart at every event."""
    found = rows(story, rules)
    assert latest(fold_from(SessionState(), story.events, rules, restart=True)[1]) == found
    all_hold(found, story.events)
    return found
