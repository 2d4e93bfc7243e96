"""What recording one frame costs, step by step: `python -m bench.journal`. Read the shares; this machine's numbers vary.

Nothing else runs beside it but the journal's own thread, which syncs once a second as it does in a worker.
"""

import argparse
import base64
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ingest import envelope
from ingest.entries import message_entry, pieces
from ingest.envelope import Source
from ingest.journal import Journal
from ingest.markers import SessionOpened
from ingest.messages import SeenMessage
from ingest.recording import Recorder
from ingest.redaction import redact

SIZES = {"small (transcript delta)": 60, "6.5 KB (append, 100 ms)": 4_800, "14 KB (output delta)": 10_400}
REPEATS = 5


def frame(audio_bytes: int) -> bytes:
    """A delta as it comes, with so much audio."""
    audio = base64.b64encode(random.Random(audio_bytes).randbytes(audio_bytes)).decode()
    return (
        '{"type":"response.output_audio.delta","event_id":"event_CtTXbF2Pk1gQpE8tQ0WJr","response_id":"resp_CtTXaY",'
        f'"item_id":"item_CtTXaQ","output_index":0,"content_index":0,"delta":"{audio}"}}'
    ).encode()


def microseconds(step: Callable[[], object], times: int) -> float:
    """CPU of one call, in the best of several runs: what disturbs only adds."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.thread_time()  # CPU, so that what else runs on the machine counts little
        for _ in range(times):
            step()
        best = min(best, time.thread_time() - start)
    return best / times * 1e6


class _Typed(msgspec.Struct):
    type: str


def measure(folder: Path, message: bytes, times: int) -> dict[str, float]:
    """Each step's time for one message, in microseconds."""
    seen, decoder = SeenMessage(message, False), msgspec.json.Decoder(_Typed)
    entry, prefix = message_entry(Source.SERVER, seen), envelope.line_prefix("0" * 36, "w1")
    line = pieces(prefix, 7, 1, time.time_ns(), entry)
    recorder = Recorder(Journal.open(folder, "bench", segment_max_bytes=256 << 20))
    session = recorder.open(SessionOpened(mode="bench", path="/v1/realtime"))
    fd = os.open(folder / "plain", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    steps = {
        "search for secrets": lambda: redact(message),
        "read the type, check the JSON": lambda: decoder.decode(message),
        "assemble the line": lambda: pieces(prefix, 7, 1, time.time_ns(), entry),
        "write it (writev alone)": lambda: os.writev(fd, line),
        "see(): all of it": lambda: session.see(Source.SERVER, [seen]),
    }
    found = {name: microseconds(step, times) for name, step in steps.items()}
    five = [seen] * 5
    found["see(): each of five at once"] = microseconds(lambda: session.see(Source.SERVER, five), times // 5) / 5
    os.close(fd)
    recorder.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=2_000, help="frames per run")
    parser.add_argument("--folder", type=Path, help="file system to write on; default: the temporary folder's")
    chosen = parser.parse_args()
    for name, size in SIZES.items():
        with tempfile.TemporaryDirectory(prefix="journal-", dir=chosen.folder) as folder:
            found = measure(Path(folder), frame(size), chosen.times)
        whole = found["see(): all of it"]
        print(f"{name}, {len(frame(size)):,} bytes")
        for step, cost in found.items():
            print(f"  {step:32} {cost:7.2f} us  {cost / whole:6.2f}")


if __name__ == "__main__":
    main()
