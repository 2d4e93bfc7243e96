"""A port for a server that must be told it beforehand, as several servers of measurements and tests must.

Free when asked for, and apart from those that the system gives to whoever asks for any: between being found and being
used, no connection of anybody else can get it.
"""

import socket
from pathlib import Path
from random import SystemRandom

FIRST = 15_000
GIVEN_AWAY_FROM = 32_768
"""Linux's default; what it is on this machine is asked."""
TRIES = 1_000


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    chance = SystemRandom()
    for _ in range(TRIES):
        port = chance.randrange(FIRST, _given_away_from())
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise AssertionError(f"no port is free from {FIRST} to {_given_away_from()}")


def _given_away_from() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return GIVEN_AWAY_FROM
    return first if first > FIRST + TRIES else GIVEN_AWAY_FROM
