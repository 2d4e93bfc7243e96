"""How many events a second one core folds, over calls of a realistic mix, and where the time goes.

    python bench/fold.py [--turns 60] [--append-ms 100]

A call here: server VAD, an append every 100 ms, turns of some ten seconds with a transcribed question, four seconds of
answer in deltas of 250 ms at ten times real time, its transcript word by word, a barge-in or a tool call now and then.
Each event is timed by itself, so the sum by kind holds ~0.1 us an event for the clock; the total above it does not.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from sys import path

path.insert(0, str(Path(__file__).parent.parent))

from ingest.envelope import RecordedEvent
from pipeline.domain import protocol
from pipeline.domain.fold import Rules, SessionState, dump, step
from pipeline.price_lists import default_rules
from tests.builders import Story, usage

ROUNDS = 3


def call(turns: int, append_ms: float) -> list[RecordedEvent]:
    """The events of one call of so many turns."""
    story = Story("bench").opened().configured(transcription="gpt-realtime-whisper")
    for turn in range(turns):
        _exchange(story, turn, append_ms)
    return story.closed().events


def _exchange(story: Story, turn: int, append_ms: float) -> None:
    base = turn * 10_000
    _listens(story, base, 1500, append_ms)
    story.speech_started(f"u{turn}", base + 900)
    _listens(story, base + 1500, 3000, append_ms)
    story.speech_stopped(f"u{turn}", base + 4400).committed(f"u{turn}")
    item = {"id": f"u{turn}", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    story.server("conversation.item.added", item=item).server("conversation.item.done", item=item)
    story.created(f"r{turn}")
    _listens(story, base + 4500, 400, append_ms)
    _answers(story, turn)
    for word in range(6):
        story.server("conversation.item.input_audio_transcription.delta", item_id=f"u{turn}", delta=f"word{word} ")
    story.transcribed(f"u{turn}", "words and words", type="duration", seconds=4)
    if turn % 7 == 3:
        story.calls(f"r{turn}", f"c{turn}").answers(f"c{turn}")
    story.done(f"r{turn}", usage=usage(60, 120, 40, 80, cached_audio=64)).server("rate_limits.updated", rate_limits=[])
    if turn % 5 == 4:
        story.client("conversation.item.truncate", item_id=f"r{turn}_item", audio_end_ms=900)
    _listens(story, base + 5300, 4700, append_ms)


def _listens(story: Story, from_ms: float, length_ms: float, append_ms: float) -> None:
    for index in range(round(length_ms / append_ms)):
        story.at(from_ms + index * append_ms).append(append_ms)


def _answers(story: Story, turn: int) -> None:
    ids = {"response_id": f"r{turn}", "item_id": f"r{turn}_item"}
    item = {"id": f"r{turn}_item", "type": "message", "role": "assistant", "content": []}
    story.server("response.output_item.added", response_id=f"r{turn}", item=item)
    story.server("conversation.item.added", item=item).server("response.content_part.added", **ids)
    for _ in range(16):
        story.after(25).speaks(f"r{turn}", 250).server("response.output_audio_transcript.delta", delta=" word", **ids)
    story.server("response.output_audio.done", **ids)
    story.server("response.output_audio_transcript.done", transcript="word " * 16, **ids)
    for type_ in ("response.content_part.done", "conversation.item.done"):
        story.server(type_, **ids)
    story.server("response.output_item.done", response_id=f"r{turn}", item=item)


def fold(events: list[RecordedEvent], rules: Rules) -> Iterator[int]:
    """How many rows each event renewed."""
    state = SessionState()
    for event in events:
        state, rows = step(state, event, rules)
        yield len(rows)


def timed(events: list[RecordedEvent], rules: Rules) -> float:
    """Seconds of CPU for all of them."""
    begun = time.process_time()
    for _ in fold(events, rules):
        pass
    return time.process_time() - begun


def by_kind(events: list[RecordedEvent], rules: Rules) -> None:
    spent, reading, counts, rows = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    state = SessionState()
    for event in events:
        begun = time.perf_counter_ns()
        protocol.read(event.source, event.type, event.data)
        read = time.perf_counter_ns()
        state, told = step(state, event, rules)
        spent[event.type] += time.perf_counter_ns() - read
        reading[event.type] += read - begun
        counts[event.type] += 1
        rows[event.type] += len(told)
    whole = sum(spent.values())
    print(f"{'type':58}{'events':>8}{'rows':>7}{'us/event':>10}{'of it read':>12}{'share':>8}")
    for type_, ns in spent.most_common(16):
        count = counts[type_]
        print(
            f"{type_:58}{count:8}{rows[type_]:7}{ns / count / 1000:10.2f}{reading[type_] / count / 1000:12.2f}{ns / whole:8.1%}"
        )
    print(f"state at the end: {len(dump(state))} bytes as MessagePack")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--turns", type=int, default=60, help="turns of the call, ten seconds each")
    arguments.add_argument("--append-ms", type=float, default=100, help="length of an append")
    given = arguments.parse_args()
    events, rules = call(given.turns, given.append_ms), default_rules()
    best = min(timed(events, rules) for _ in range(ROUNDS))
    rows = sum(fold(events, rules))
    print(f"{len(events)} events, {sum(len(event.data) for event in events) / 1e6:.0f} MB, {rows} rows")
    print(f"{len(events) / best:,.0f} events a second of one core, {best / len(events) * 1e6:.1f} us an event\n")
    by_kind(events, rules)


if __name__ == "__main__":
    main()
