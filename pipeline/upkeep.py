"""The thread that keeps the dataset's files few while they are written: by the pipeline, or by one of many sinks."""

import contextlib
import threading
import time

import structlog

from pipeline.dataset_compaction import CompactionFailed, Compactor
from pipeline.dataset_writer import Writer
from pipeline.writing_settings import WritingSettings

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
CLEAN_EVERY_S = 30.0
SWEEP_EVERY_S = 3600.0
SWEEP_RETAIN_HOURS = 2
"""What is swept up is older than any merge or commit in the making."""


class Upkeep:
    """Merges and cleans in the background, until it is closed.

    Of the writers that share a dataset one does it: make one when elected, close it when not any more. Nothing is
    lost where two overlap.
    """

    def __init__(self, settings: WritingSettings, writer: Writer) -> None:
        self._settings = settings
        self._compactor = Compactor(writer)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Break off what is going on and end the thread."""
        self._stopping.set()
        self._compactor.interrupt()
        self._thread.join()
        self._compactor.close()

    def _run(self) -> None:
        compacted = cleaned = time.monotonic()
        swept = -SWEEP_EVERY_S
        while not self._stopping.wait(LOOK_EVERY_S):
            try:
                if self._is_due(compacted):
                    compacted = time.monotonic()
                    gone = self._compactor.compact()
                    log.debug("files merged", gone=gone, seconds=round(time.monotonic() - compacted, 3))
                if time.monotonic() - cleaned >= CLEAN_EVERY_S:
                    cleaned = time.monotonic()
                    self._compactor.clean(self._settings.retain_superseded_minutes)
                if time.monotonic() - swept >= SWEEP_EVERY_S:
                    swept = time.monotonic()
                    self._compactor.sweep(max(SWEEP_RETAIN_HOURS, self._settings.retain_superseded_minutes // 60 + 1))
            except CompactionFailed as error:
                # The rows are all there, in more files than they need; the next round tries again.
                if not self._stopping.is_set():
                    # The log may go to the very disk that is full.
                    with contextlib.suppress(OSError):
                        log.warning("files not merged", why=str(error))

    def _is_due(self, compacted: float) -> bool:
        waited = time.monotonic() - compacted
        return (
            waited >= self._settings.compact_every_seconds
            or self._compactor.fullest() >= self._settings.compact_files_max
        )
