"""Real calls through the real relay: the rows of a try-out against what the simulator says it did.

    calltape up --tryout --once --data-dir DIR
    python bench/truth_live.py DIR

The simulator writes what it did, and when by the monotonic clock of the machine, into DIR/truth.jsonl. Counts, positions,
lengths and money must be the same, or the exit code is 1. Times can't be: the simulator's are taken on the other side of
a socket. For them the differences are printed: an end of speech is seen by the relay before the simulator gets it, a
first audio after the simulator sent it, so the sign of each is known, and a busy machine makes them long.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.dataset import Reader

NS_PER_MS = 1_000_000
SPEECH_MS = 1.0
"""How far the length of a user's speech may be off: the detector tells its positions in whole frames."""
Line = dict[str, Any]


class Checked(msgspec.Struct):
    compared: int = 0
    differences: list[str] = []
    delays_ms: dict[str, list[float]] = {}

    def same(self, what: str, true: Any, told: Any) -> None:
        self.compared += 1
        if true != told:
            self.differences.append(f"{what}: true {true!r}, told {told!r}")

    def later(self, what: str, ms: float) -> None:
        self.delays_ms.setdefault(what, []).append(ms)


def check(folder: Path) -> Checked:
    lines = [msgspec.json.decode(line) for line in (folder / "truth.jsonl").read_bytes().splitlines()]
    utc_less_monotonic = _utc_ns(lines[0]) - lines[0]["at_ns"]
    found, reader = Checked(), Reader(folder / "dataset")
    try:
        for opened in [line for line in lines if line["what"] == "session_opened"]:
            mine = [line for line in lines if line["session"] == opened["session"]]
            _session(found, reader, opened, mine, utc_less_monotonic)
    finally:
        reader.close()
    return found


def _session(found: Checked, reader: Reader, opened: Line, lines: Sequence[Line], utc_less_monotonic: int) -> None:
    told = _rows(reader, "sessions", "upstream_session_id = ?", opened["openai_session_id"])
    found.same(f"sessions of {opened['session']}", 1, len(told))
    if len(told) != 1:
        return
    id_, began_ns = told[0]["session_id"], round(told[0]["opened_at"].timestamp() * 1e6) * 1000
    of = {
        table: _rows(reader, table, "session_id = ?", id_) for table in ("turns", "responses", "costs", "transcripts")
    }
    since_opened = lambda at_ns: (at_ns + utc_less_monotonic - began_ns) / NS_PER_MS  # noqa: E731
    ended = {line["item_id"]: line for line in lines if line["what"] == "speech_stopped"}
    for turn in of["turns"]:
        if turn["user_item_id"] in ended:
            _speech(found, turn, ended[turn["user_item_id"]], since_opened)
    answers = {row["response_id"]: row for row in of["responses"]}
    for line in lines:
        _line(found, line, answers, of, since_opened)
    found.same("audio in", round(lines[-1].get("input_ms", 0), 3), round(told[0]["audio_in_ms"], 3))
    found.same("responses", sum(line["what"] == "response_created" for line in lines), len(answers))


def _speech(found: Checked, turn: Line, truth: Line, since_opened: Any) -> None:
    if truth["speech_end_received_ns"] is not None and turn["latency_basis"] == "append_clock":
        delay = since_opened(truth["speech_end_received_ns"]) - turn["speech_ended_elapsed_ms"]
        found.later("end of speech: relay to simulator", delay)
        found.same(
            "a basis of the append clock has an end of speech", True, turn["speech_ended_elapsed_ms"] is not None
        )


def _line(found: Checked, line: Line, answers: dict[str, Line], of: dict[str, list[Line]], since_opened: Any) -> None:
    match line["what"]:
        case "first_audio":
            delay = answers[line["response_id"]]["first_output_elapsed_ms"] - since_opened(line["at_ns"])
            found.later("first audio: simulator to relay", delay)
        case "response_done":
            _done(found, line, answers[line["response_id"]], of["costs"])
        case "truncated":
            said = f"heard of {line['item_id']}"
            holders = [row for row in answers.values() if row["heard_basis"] == "truncate"]
            heard = min(line["audio_end_ms"], line["generated_ms"])
            found.same(said, True, any(abs(row["heard_ms"] - heard) < SPEECH_MS for row in holders))
        case "transcribed":
            texts = [row["text"] for row in of["transcripts"] if row["item_id"] == line["item_id"]]
            found.same(f"transcript of {line['item_id']}", [line["transcript"]], texts)


def _done(found: Checked, line: Line, row: Line, costs: Sequence[Line]) -> None:
    id_, usage = line["response_id"], line["usage"]
    found.same(f"status of {id_}", line["status"], row["status"])
    found.same(f"generated of {id_}", float(line["generated_ms"]), row["generated_ms"])
    found.same(f"input tokens of {id_}", usage["input_tokens"], row["input_tokens"])
    found.same(f"output tokens of {id_}", usage["output_tokens"], row["output_tokens"])
    [cost] = [cost for cost in costs if cost["response_id"] == id_ and cost["kind"] == "response"]
    found.same(f"bill of {id_}", line["billed_nanos"], cost["billed_usd_nanos"])


def _rows(reader: Reader, table: str, where: str, value: str) -> list[Line]:
    cursor = reader.cursor().sql(f"select * from {table} where {where}", params=[value])
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _utc_ns(line: Line) -> int:
    return round(datetime.fromisoformat(line["at"]).astimezone(UTC).timestamp() * 1e6) * 1000


def _summary(delays: Sequence[float]) -> Iterator[str]:
    ordered = sorted(delays)
    for name, at in (("min", 0.0), ("p50", 0.5), ("max", 1.0)):
        yield f"{name} {ordered[min(int(len(ordered) * at), len(ordered) - 1)]:.2f}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, help="data folder of a try-out")
    found = check(arguments.parse_args().folder)
    print(f"{found.compared} values compared, {len(found.differences)} differ")
    for difference in found.differences:
        print(f"  {difference}")
    for what, delays in found.delays_ms.items():
        print(f"  {what}: {len(delays)} times, ms: {', '.join(_summary(delays))}")
    sys.exit(1 if found.differences or not found.compared else 0)


if __name__ == "__main__":
    main()
