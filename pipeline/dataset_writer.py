"""Writes the dataset: what a batch of events gave becomes rows, and the position of their origin moves with them.

An origin is a worker's journal, named by the worker, or a partition of a topic, named `<topic>/<partition>`. One batch
is several commits, one for each table that has rows. An origin's home (for events the archive's `events`) comes after
the other tables that take its rows, so its position says that everything before it is in all of them; a table whose
own position is beyond it (the writer died between two commits) takes no row twice, because each row knows the
position of what gave it.
"""

import itertools
import time
from collections.abc import Iterable, Mapping

import msgspec
import structlog

from pipeline.dataset_batch import ANYWHERE, Batch
from pipeline.dataset_files import uncommitted, write_files
from pipeline.dataset_lock import DatasetInUse
from pipeline.dataset_log import Overtaken, TableLog, TableLost
from pipeline.dataset_schemas import DAMAGED_LINES, EVENT_AUDIO, EVENTS, FACTS, TABLES
from pipeline.dataset_store import Lock, Store, Where, at_once, open_store
from pipeline.status import identify, identity

__all__ = ["ANYWHERE", "Batch", "DatasetInUse", "DatasetLost", "DatasetOutdated", "Fenced", "Writer"]

log = structlog.get_logger()

STAGES = ((DAMAGED_LINES.name, EVENT_AUDIO.name), tuple(FACTS), (EVENTS.name,))
"""In which the tables take a batch: first those that are nobody's home, `events` last."""


class DatasetLost(Exception):
    """The dataset's folder, or a table of it, is not there any more."""


class DatasetOutdated(Exception):
    """The tables are of another version: one process alone must bring them up to date before many write them."""


class Fenced(Exception):
    """Somebody else writes this origin: its position is not where we left it. Nothing of it was committed."""

    def __init__(self, origin: str, table: str, *, expected: int, found: int) -> None:
        super().__init__(f"{table}: {origin} is at {found}, where we left it at {expected}: somebody else writes it")
        self.origin, self.table, self.expected, self.found = origin, table, expected, found


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An origin that this writer writes."""

    home: str
    """The table whose position is the origin's."""
    position: int
    """Where we left it."""


class Writer:
    """Writes the dataset, alone or (opened with `shared`) beside others. One thread may commit while another compacts.

    A shared writer claims the origins that it is to write, and so has a fence around each: when another writer has
    claimed one and written it since, our next commit of it raises Fenced.
    """

    def __init__(self, store: Store, lock: Lock, *, shared: bool) -> None:
        self.store = store
        self._lock = lock
        self._shared = shared
        self._claims: dict[str, Claim] = {}
        self.id = identify(store)
        self.logs = {name: TableLog(table, store) for name, table in TABLES.items()}
        ready = at_once(store, lambda table: _ready(table, mend=not shared), self.logs.values())
        incomplete = {name for name, is_ready in zip(self.logs, ready, strict=True) if not is_ready}
        owed = [name for name in FACTS if self.logs[name].outdated or name in incomplete]
        self.owed = owed if self.logs[EVENTS.name].files else []
        """Tables of facts that are new, lack files or are of another version: the archive must be folded into them."""
        if outdated := [name for name, table in self.logs.items() if shared and table.outdated]:
            raise DatasetOutdated(f"{store}: {', '.join(outdated)}: of another version; run `calltape rebuild`")

    @classmethod
    def open(cls, place: Where, *, shared: bool = False) -> "Writer":
        """Open the dataset for writing, making it where there is none.

        Any number of processes may have it open `shared`, or one alone. Raises DatasetInUse where that can't be,
        DatasetOutdated where the tables must be rebuilt before they can be shared, OSError.
        """
        store = open_store(place)
        store.begin("")
        lock = store.lock(shared=shared)
        try:
            return cls(store, lock, shared=shared)
        except BaseException:
            lock.close()
            raise

    def close(self) -> None:
        """Let another writer have it."""
        self._lock.close()

    def position(self, origin: str, table: str = EVENTS.name) -> int:
        """How far that origin is, as far as we know; -1 where it never was. The table is the origin's home."""
        return self.logs[table].position(origin)

    def claim(self, origin: str, home: str = EVENTS.name) -> int:
        """Begin to write an origin: gives the position to go on from, -1 where nothing of it is there.

        `home` is the table whose position is the origin's: `events` for a topic of events, the fact's own table for
        a topic of facts. From now on commits hold for this origin only as long as nobody else moves that position.
        Claim it again to begin anew after Fenced, or when it was taken from us and given back: whatever was folded
        from it in memory must be forgotten then. Raises OSError.
        """
        table = self.logs[home]
        with table.writing:
            table.refresh()
            self._claims[origin] = Claim(home=home, position=table.position(origin))
        return self._claims[origin].position

    def disclaim(self, origin: str) -> None:
        """Write that origin no more."""
        self._claims.pop(origin, None)

    def commit(self, batch: Batch) -> int:
        """Make the batch's rows visible; gives how many. A batch touches the tables of its rows, and their homes.

        Raises DatasetLost; OSError where the disk refuses; Fenced where somebody else writes one of the origins:
        `batch.drop(origin)`, and the rest may be committed. After any failure the same batch may be committed again:
        a table that has it takes nothing twice.
        """
        self.check()
        written = 0
        try:
            for stage in STAGES:
                tables = [table for name in stage if self._origins(table := self.logs[name], batch)]
                written += sum(at_once(self.store, lambda table: self._commit_table(table, batch), tables))
        except TableLost as error:
            raise DatasetLost(str(error)) from error
        return written

    def rewind(self, origin: str, position: int) -> None:
        """Begin an origin anew: it was deleted, and what is in it now stands at positions passed before."""
        self.check()
        # The home comes last here too: until it has the new position, a restart rewinds again.
        for name in itertools.chain(*STAGES):
            table = self.logs[name]
            if name != self._home(origin) and table.position(origin) >= 0:
                table.commit(positions={origin: position})
        home = self.logs[self._home(origin)]
        with home.writing:
            home.refresh()
            known = {origin: home.position(origin)}
            self._fence(home, known)
            home.commit(positions={origin: position}, expected=known)
            self._moved(home, {origin: position})

    def check(self) -> None:
        """Raise DatasetLost where the folder is no more what was opened, OSError where we may not write it any more."""
        self._lock.check()
        if identity(self.store) != self.id:
            raise DatasetLost(f"{self.store}: the dataset was deleted or replaced while it was written")

    def _origins(self, table: TableLog, batch: Batch) -> set[str]:
        """The origins of which the batch has something for the table."""
        # The home's position is the origin's, so it moves even when the batch held nothing for the table.
        at_home = {origin for origin in batch.positions if self._home(origin) == table.table.name}
        return at_home | {found.origin for found in batch.rows(table.table.name)}

    def _commit_table(self, table: TableLog, batch: Batch) -> int:
        origins = self._origins(table, batch)
        with table.writing:
            while True:
                looked = time.time()
                table.refresh()
                known = {origin: table.position(origin) for origin in origins}
                try:
                    return self._commit_new(table, batch, known, looked)
                except Overtaken as error:
                    log.info("deciding anew what a table lacks", table=table.table.name, why=str(error))

    def _commit_new(self, table: TableLog, batch: Batch, known: Mapping[str, int], looked: float) -> int:
        """Commit what the table lacks of the batch, as far as the origins are where they are known to be."""
        self._fence(table, known)
        rows = [found.row for found in batch.rows(table.table.name) if found.position > known[found.origin]]
        positions = {o: at for o in known if (at := batch.positions.get(o, -1)) > known[o]}
        if not rows and not (positions and self._is_home(table, positions)):
            return 0
        with uncommitted(table, write_files(table, rows)) as files:
            table.commit(added=files, positions=positions, expected=known, began=looked, looked=looked)
        self._moved(table, positions)
        return len(rows)

    def _fence(self, table: TableLog, known: Mapping[str, int]) -> None:
        for origin, found in known.items():
            claim = self._claims.get(origin)
            assert claim or origin == ANYWHERE or not self._shared, f"{origin}: not claimed"
            if claim and claim.home == table.table.name and claim.position != found:
                raise Fenced(origin, claim.home, expected=claim.position, found=found)

    def _moved(self, table: TableLog, positions: Mapping[str, int]) -> None:
        for origin, at in positions.items():
            if origin in self._claims and self._is_home(table, [origin]):
                self._claims[origin] = Claim(home=table.table.name, position=at)

    def _home(self, origin: str) -> str:
        claim = self._claims.get(origin)
        return claim.home if claim else EVENTS.name

    def _is_home(self, table: TableLog, origins: Iterable[str]) -> bool:
        return any(self._home(origin) == table.table.name for origin in origins)


def _ready(table: TableLog, *, mend: bool) -> bool:
    """Have the table there and readable; False where it was not there, or where files of it are missing."""
    was_there = table.exists()
    table.create()
    table.refresh()
    # Beside other writers a file may well have been merged into another one since the log was read.
    there = table.store.names(table.table.name) if mend else set()
    missing = [path for path in table.files if f"{table.table.name}/{path}" not in there] if mend else []
    if missing:
        log.error("files of a table are gone", table=table.table.name, files=len(missing))
        table.commit(removed=missing, operation="FSCK")
    return was_there and not missing
