"""`calltape import`: files of events into the journal, but for the sessions that are there already."""

import contextlib
import gzip
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from calltape.mistakes import UserMistake
from calltape.settings import ImportSettings
from ingest.import_lines import unix_ns
from ingest.importing import ImportStopped, Inventory, Progress, inventory, write
from ingest.journal import Journal, JournalReader, JournalUnusable, workers

WORKER = "import"
_SUBJECT = re.compile(rb'"subject":"([0-9a-f-]{36})"')


def run(settings: ImportSettings) -> int:
    """Import; 1 where a line could not be read."""
    with tempfile.TemporaryDirectory(prefix="calltape-import-") as spool:
        return _run(settings, _files(settings.files, Path(spool)), Path(spool))


def _run(settings: ImportSettings, paths: list[Path], spool: Path) -> int:
    try:
        opened_at_ns = unix_ns(settings.opened_at) if settings.opened_at else None
    except ValueError as fault:
        raise UserMistake(f"--opened-at {settings.opened_at}: {fault}; write it like 2026-11-01T10:00:00Z") from fault
    try:
        with _bar(paths, "reading") as progress:
            seen = inventory(paths, opened_at_ns, progress)
        there = _there(settings, set(seen.session_ids))
        events = 0 if settings.dry_run else _written(paths, seen, there, settings.data_dir)
    except (gzip.BadGzipFile, EOFError) as fault:
        raise UserMistake(f"a .gz file can't be read: {fault}") from fault
    except OSError as fault:
        raise UserMistake(f"{fault.filename}: {fault.strerror}") from fault
    _tell(seen, there, events, dry_run=settings.dry_run)
    _tell_faults(seen, spool)
    return 1 if seen.unreadable else 0


def _files(names: list[str], spool: Path) -> list[Path]:
    """What to read. The files are read twice, so the input is set down first."""
    if not names:
        raise UserMistake("which files? JSON lines of events, or of a Calltape's journal; see docs/import.md")
    found = []
    for name in names:
        if name == "-":
            found.append(spool / "stdin")
            with found[-1].open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        elif Path(name).is_file():
            found.append(Path(name))
        else:
            raise UserMistake(f"{name}: there is no such file")
    return found


def _written(paths: list[Path], seen: Inventory, there: Collection[str], data_dir: Path) -> int:
    if not set(seen.session_ids) - set(there):
        return 0
    try:
        journal = Journal.open(data_dir / "journal", WORKER)
    except JournalUnusable as fault:
        raise UserMistake(str(fault)) from fault
    try:
        with _bar(paths, "writing") as progress:
            return write(paths, seen, there, journal, progress)
    except ImportStopped as fault:
        raise UserMistake(str(fault)) from fault
    finally:
        journal.close()


def _there(settings: ImportSettings, wanted: set[str]) -> set[str]:
    """Those of the sessions that the dataset or a journal has already."""
    return wanted & (_in_dataset(settings) | set(_in_journals(settings.data_dir / "journal")))


def _in_dataset(settings: ImportSettings) -> set[str]:
    from pipeline.dataset import DatasetUnreadable, Reader

    with contextlib.suppress(DatasetUnreadable):
        reader = Reader(settings.place)
        try:
            return {str(row[0]) for row in reader.cursor().sql("select session_id from sessions").fetchall()}
        finally:
            reader.close()
    return set()


def _in_journals(directory: Path) -> Iterator[str]:
    for worker in workers(directory):
        reader = JournalReader(directory / worker)
        try:
            while lines := reader.lines():
                yield from {found[1].decode() for line in lines if (found := _SUBJECT.search(line.line[:400]))}
        finally:
            reader.close()


@contextlib.contextmanager
def _bar(paths: list[Path], what: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=sum(path.stat().st_size for path in paths))
        yield lambda size: bar.update(task, advance=size)


def _tell(seen: Inventory, there: Collection[str], events: int, *, dry_run: bool) -> None:
    fresh = [found for found in seen.sessions.values() if found.session_id not in there]
    would = "would import" if dry_run else "imported"
    events = sum(found.events for found in fresh) if dry_run else events
    print(f"{would} {len(fresh):,} sessions, {events:,} events")
    if there:
        print(f"left out {len(there):,} sessions that are there already")
    untimed = [found for found in fresh if found.untimed]
    if untimed:
        print(f"{len(untimed):,} sessions have events without a time: nothing that takes time is measured in them")
    cut = [found for found in fresh if found.ours and not found.closed]
    if cut:
        print(f"{len(cut):,} sessions have no end in the files: they show as not complete")


def _tell_faults(seen: Inventory, spool: Path) -> None:
    if seen.unreadable:
        print(f"{seen.unreadable:,} lines could not be read:", file=sys.stderr)
        for fault in seen.faults:
            print(f"  {fault.removeprefix(f'{spool}/')}", file=sys.stderr)
