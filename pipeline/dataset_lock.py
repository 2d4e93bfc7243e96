"""Who may write a dataset: any number of processes that share it, or one that has it for itself."""

import fcntl
import os
import socket
from pathlib import Path


class DatasetInUse(Exception):
    """Other processes write this dataset; the message says which."""


def lock_dataset(path: Path, *, shared: bool) -> int:
    """Lock a dataset by its lock file; gives what is to be closed to unlock it. Raises DatasetInUse, OSError.

    The lock ends with its process, however that ends. It works between machines where the file system passes locks
    on, as NFS 4 does.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        # One write of one length: those who share may do it at once.
        os.pwrite(lock, _signature(shared=shared).ljust(_LENGTH)[:_LENGTH].encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(lock, _LENGTH, 0).decode(errors="replace").strip()
        os.close(lock)
        raise DatasetInUse(f"{path.parent}: {_words(holder)}") from error
    except OSError:
        os.close(lock)
        raise
    return lock


_LENGTH = 120


def _signature(*, shared: bool) -> str:
    return f"{os.getpid()} {socket.gethostname()}{' shared' if shared else ''}"


def _words(holder: str) -> str:
    process, _, rest = holder.partition(" ")
    host, _, shared = rest.partition(" ")
    who = f"process {process or '?'}" + (f" on {host}" if host and host != socket.gethostname() else "")
    if shared:
        return f"sinks write this dataset, {who} was the last of them to start; stop them first"
    return f"{who} writes this dataset; stop it first"
