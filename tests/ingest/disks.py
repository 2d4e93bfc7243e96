"""File systems that say no: a small one that can be filled, and files that can't be changed."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class Disk:
    """A small file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            for size in (65_536, 4_096, 512, 1):
                with contextlib.suppress(OSError):
                    while True:
                        ballast.write(b"x" * size)

    def free(self) -> None:
        (self.folder / "ballast").unlink()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A disk of one MiB mounted there. Skips the test where nothing may be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small tmpfs (root)")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def unchangeable(folder: Path) -> Iterator[None]:
    """Nothing can be written in the folder, not even by root to a file that is open already. Skips where unsupported."""
    paths = [str(folder), *map(str, folder.rglob("*"))]
    marked = subprocess.run(["chattr", "+i", *paths], check=False, capture_output=True)
    try:
        if marked.returncode:
            pytest.skip("needs chattr +i (root, on a file system such as ext4)")
        yield
    finally:
        subprocess.run(["chattr", "-i", *paths], check=False, capture_output=True)
