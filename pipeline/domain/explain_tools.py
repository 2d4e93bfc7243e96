"""How a turn's waits for tools came about (METRICS section 2)."""

from collections.abc import Mapping

from pipeline.domain import facts
from pipeline.domain.explain_steps import answer, difference, ms, plain, text
from pipeline.domain.explain_trail import Watch
from pipeline.domain.explanation import Answer, Step
from pipeline.domain.spans import Span
from pipeline.domain.state import ToolState, TurnState


def answers(row: facts.Turn, turn: Watch[TurnState], tools: Mapping[str, Watch[ToolState]]) -> tuple[Answer, ...]:
    """None where the turn called no tool."""
    if not tools:
        return ()
    waits = [step for watch in tools.values() for step in _wait(watch)]
    if len(waits) > 1:
        formula = " + ".join(plain(step.value) for step in waits)
        waits.append(Step(label="together", value=row.tool_wait_ms, unit="ms", formula=formula))
    wait = Span(row.tool_wait_ms, row.tool_wait_reason)
    after = Span(row.after_tool_ms, row.after_tool_reason)
    return (
        answer("tool_wait_ms", "How long tools were waited for", wait, waits),
        answer("after_tool_ms", "How long until the agent went on", after, _after(turn, tools)),
    )


def _wait(watch: Watch[ToolState]) -> list[Step]:
    tool = watch.part
    if tool is None or tool.output_ns is None or tool.arguments_done_ns is None:
        return []
    return [
        Step(
            label=f"{tool.name or tool.kind} ({tool.id}): from its arguments to its output",
            value=ms(tool.output_ns - tool.arguments_done_ns),
            unit="ms",
            formula=f"{text(tool.output_ns)} - {text(tool.arguments_done_ns)}",
            seqs=watch.by("arguments_done_ns") + watch.by("output_ns"),
        )
    ]


def _after(turn: Watch[TurnState], tools: Mapping[str, Watch[ToolState]]) -> list[Step]:
    """From the last output that the agent waited for."""
    after_ns = turn.part.after_tool_ns if turn.part is not None else None
    last = [watch for watch in tools.values() if watch.part is not None and watch.part.after_ns == after_ns]
    if after_ns is None or not last or last[0].part is None or last[0].part.output_ns is None:
        return []
    output_ns = last[0].part.output_ns
    step = difference("from the last output to the next first delta", output_ns, output_ns + after_ns)
    seqs = last[0].by("output_ns") + turn.by("after_tool_ns")
    return [Step(label=step.label, value=step.value, unit=step.unit, formula=step.formula, seqs=seqs)]
