"""GET /metrics of a program that serves nothing else: plain numbers of an object in Prometheus's shape."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

log = structlog.get_logger("calltape")

More = Callable[[], Iterable[Metric]]


class PortTaken(Exception):
    """The metrics' port can't be listened on; the message says what to set."""


class Numbers(Collector):
    """An object's numbers, read when they are asked for; what is in a Counter by its label."""

    def __init__(self, prefix: str, counts: object, falling: Collection[str], label: str, more: More) -> None:
        self._prefix, self._counts, self._falling, self._label = prefix, counts, falling, label
        self._more = more

    def collect(self) -> Iterable[Metric]:
        """A metric for each public number."""
        for name, value in list(vars(self._counts).items()):
            family = GaugeMetricFamily if name in self._falling else CounterMetricFamily
            if isinstance(value, Counter):
                found = family(self._prefix + name, name.replace("_", " "), labels=[self._label])
                for key, number in list(value.items()):
                    found.add_metric([str(key)], number)
                yield found
            elif isinstance(value, int | float):
                yield family(self._prefix + name, name.replace("_", " "), value=value)
        yield from self._more()


@contextmanager
def exposed(
    prefix: str,
    counts: object,
    host: str,
    port: int,
    *,
    falling: Collection[str] = (),
    label: str = "kind",
    more: More = tuple,
) -> Iterator[None]:
    """Serve the numbers within the block, and `more` that are computed; nothing where the port is negative.

    Raises PortTaken.
    """
    if port < 0:
        yield
        return
    registry = CollectorRegistry()
    registry.register(Numbers(prefix, counts, falling, label, more))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise PortTaken(f"metrics_port {port} on {host} is taken: choose another, 0 for any, -1 for none") from error
    log.info("metrics served", address=f"{host}:{server.server_port}")
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
