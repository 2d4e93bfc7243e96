"""What keeps a table's folder small: sums its log up, deletes what was replaced, sweeps up what a dead writer left."""

import time

from pipeline.dataset_log import TableLog


def checkpoint(table: TableLog) -> None:
    """Sum the log up, so that opening the table needs not read it from the start; drop what is summed up."""
    with table.writing:
        delta = table.delta()
        delta.create_checkpoint()
        delta.cleanup_metadata()


def delete_replaced(table: TableLog, retain_minutes: float) -> int:
    """Delete files that left the table longer ago than that, since we keep track of it; gives how many."""
    latest = time.time_ns() // 1_000_000 - retain_minutes * 60_000
    replaced = {} if table.replaced is None else table.replaced
    old = [path for path, at in replaced.items() if at <= latest]
    table.remove(old)
    for path in old:
        del replaced[path]
    return len(old)


def sweep(table: TableLog, retain_hours: int) -> int:
    """Delete what nobody keeps track of and is older than that: what a dead writer left behind; gives how many.

    A file that another process has written and not committed yet is younger than two hours: see `FILES_OLD_S`.
    """
    with table.writing:
        gone = table.delta().vacuum(
            retention_hours=retain_hours, dry_run=False, enforce_retention_duration=False, full=True
        )
        table.refresh()
        return len(gone)
