"""What would keep Calltape from working here: each check says what it found and, where it is bad, what to do."""

import asyncio
import importlib.util
import os
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from calltape.settings import DoctorSettings
from ingest.upstream import Upstream, UpstreamUnusable

FREE_DISK_MIN_BYTES = 5 * 2**30
"""About 21 hours of one call's audio in both directions, before compression."""
CONNECT_TIMEOUT_S = 5.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found."""

    subject: str
    good: bool
    text: str


def examine(settings: DoctorSettings) -> Iterator[Finding]:
    """All findings, as they are made."""
    yield _python()
    yield _data_dir(settings.data_dir)
    yield _disk(settings.data_dir)
    yield from (
        _port(name, port) for name, port in (("relay", settings.ingest_port), ("dashboard", settings.dashboard_port))
    )
    if not settings.offline:
        yield _upstream(settings.upstream)
    if settings.kafka:
        yield from _kafka(settings)
    yield _key()
    yield _tryout()


def run(settings: DoctorSettings, say: Callable[[str], None] = print) -> int:
    """Print the findings; 1 where one is bad."""
    bad = 0
    for finding in examine(settings):
        bad += not finding.good
        say(f"{'ok ' if finding.good else 'BAD'}  {finding.subject:<10} {finding.text}")
    say("all good" if not bad else f"{bad} to look at")
    return 1 if bad else 0


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding(subject="python", good=good, text=sys.version.split()[0] + ("" if good else ": 3.11 is needed"))


def _data_dir(data_dir: Path) -> Finding:
    nearest = next(parent for parent in (data_dir, *data_dir.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        return Finding(subject="data", good=False, text=f"{data_dir}: {error.strerror}; set --data-dir")
    return Finding(subject="data", good=True, text=f"{data_dir} can be written")


def _disk(data_dir: Path) -> Finding:
    nearest = next(parent for parent in (data_dir, *data_dir.absolute().parents) if parent.exists())
    free = shutil.disk_usage(nearest).free
    text = f"{free / 2**30:.1f} GiB free"
    if free < FREE_DISK_MIN_BYTES:
        return Finding(
            subject="disk", good=False, text=f"{text}: calls go on when it is full, their recording does not"
        )
    return Finding(subject="disk", good=True, text=text)


def _port(name: str, port: int) -> Finding:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return Finding(subject=name, good=True, text=f"port {port} is free")
    except OSError:
        return Finding(
            subject=name, good=False, text=f"port {port} is taken (by a Calltape that runs already?); choose another"
        )


def _upstream(url: str) -> Finding:
    try:
        upstream = Upstream.of(url)
    except UpstreamUnusable as fault:
        return Finding(subject="upstream", good=False, text=str(fault))
    try:
        with socket.create_connection((upstream.host, upstream.port), timeout=CONNECT_TIMEOUT_S) as connection:
            if upstream.tls:
                ssl.create_default_context().wrap_socket(connection, server_hostname=upstream.host).close()
    except (OSError, ValueError) as error:
        return Finding(subject="upstream", good=False, text=f"{url}: {error}; --offline leaves this check out")
    by_tls = " by TLS" if upstream.tls else ""
    return Finding(subject="upstream", good=True, text=f"{upstream.host}:{upstream.port} answers{by_tls}")


def _kafka(settings: DoctorSettings) -> Iterator[Finding]:
    from pipeline import topics

    try:
        found = asyncio.run(topics.check(settings))
    except topics.ClusterUnusable as error:
        yield Finding(subject="kafka", good=False, text=str(error))
        return
    for bad in (each for each in found if not each.good):
        yield Finding(subject="kafka", good=False, text=f"{bad.topic}: {bad.text}")
    if all(each.good for each in found):
        yield Finding(subject="kafka", good=True, text=f"{settings.kafka} has the {len(found)} topics that are needed")


def _key() -> Finding:
    given = "OPENAI_API_KEY" in os.environ
    text = (
        "OPENAI_API_KEY is set"
        if given
        else "OPENAI_API_KEY is not set; clients bring their own, the simulator needs none"
    )
    return Finding(subject="key", good=True, text=text)


def _tryout() -> Finding:
    missing = [name for name in ("openai",) if importlib.util.find_spec(name) is None]
    text = f"not here: {', '.join(missing)}; pip install 'calltape[tryout]'" if missing else "can be held"
    return Finding(subject="try-out", good=True, text=text)
