"""The process that folds a growing journal and says on its standard output what each session has cost so far."""

import os
import signal
import sys
import time
from pathlib import Path

from ingest.envelope import RecordedEvent
from ingest.journal import JournalReader
from pipeline.domain.facts import Fact, Session
from pipeline.domain.fold import SessionState
from pipeline.runner import default_step

POLL_SECONDS = 0.05


def main(folder: Path, position: int) -> None:
    """Read on until whoever started this is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the recorder, which then ends this
    parent = os.getppid()
    reader = JournalReader(folder, position)
    meter = Meter()
    while os.getppid() == parent:
        for read in reader.events():
            for line in meter.take(read.event):
                print(line, flush=True)
        time.sleep(POLL_SECONDS)


class Meter:
    """The states of the running sessions; a session that is over is forgotten."""

    def __init__(self) -> None:
        self._step = default_step()
        self._states: dict[str, SessionState] = {}
        self._told: dict[str, int] = {}

    def take(self, event: RecordedEvent) -> list[str]:
        """What there is to say after this event."""
        state, facts = self._step(self._states.get(event.session_id, SessionState()), event)
        if state.closed:
            self._states.pop(event.session_id, None)
            return [f"{event.session_id} -"] if self._told.pop(event.session_id, 0) else []
        self._states[event.session_id] = state
        return [line for fact in facts if (line := self._changed(fact))]

    def _changed(self, fact: Fact) -> str:
        if not isinstance(fact, Session) or fact.billed_usd_nanos <= self._told.get(fact.session_id, 0):
            return ""
        self._told[fact.session_id] = fact.billed_usd_nanos
        return f"{fact.session_id} {fact.billed_usd_nanos}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
