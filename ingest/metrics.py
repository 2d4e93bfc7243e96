"""GET /healthz and GET /metrics: what load balancers and Prometheus ask of a worker. Reads counts, keeps none."""

from collections.abc import Callable, Iterable

import h11
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.counts import Counts
from ingest.heads import Refusal
from ingest.http_end import HttpEnd
from ingest.journal_counters import JournalCounters
from ingest.wire import Wire

_PREFIX = "calltape_ingest_"
_CAN_FALL = frozenset({"sessions_open", "journal_bytes_on_disk", "journal_sessions_owed"})
"""All else only grows until the worker ends."""


class Exposed(Collector):
    """The worker's plain numbers in Prometheus's shape, read when they are asked for."""

    def __init__(self, counts: Counts, journal: JournalCounters) -> None:
        self._counts = counts
        self._journal = journal

    def collect(self) -> Iterable[Metric]:
        """A metric for each number; losses by their reason."""
        numbers = {name: getattr(self._counts, name) for name in Counts.__slots__}
        numbers |= {f"journal_{name}": value for name, value in vars(self._journal).items() if isinstance(value, int)}
        for name, value in numbers.items():
            family = GaugeMetricFamily if name in _CAN_FALL else CounterMetricFamily
            yield family(_PREFIX + name, name.replace("_", " "), value=value)
        lost = CounterMetricFamily(_PREFIX + "events_lost", "seen but not in the journal", labels=["reason"])
        for reason, count in self._journal.events_lost.items():
            lost.add_metric([reason], count)
        yield lost


def exposition(counts: Counts, journal: JournalCounters) -> Callable[[], bytes]:
    """What makes the text of /metrics."""
    registry = CollectorRegistry()
    registry.register(Exposed(counts, journal))
    return lambda: generate_latest(registry)


async def answer(wire: Wire, *, healthy: Callable[[], bool], metrics: Callable[[], bytes]) -> None:
    """Answer one request: 200 or, while draining, 503 on /healthz; the numbers on /metrics; 404 elsewhere."""
    end = HttpEnd(wire, h11.SERVER)
    request = await end.happening()
    if not isinstance(request, h11.Request):
        wire.transport.close()
        return
    match request.target.partition(b"?")[0]:
        case b"/healthz" if healthy():
            await _text(end, 200, b"ok\n", "text/plain")
        case b"/healthz":
            await _text(end, 503, b"draining\n", "text/plain")
        case b"/metrics":
            await _text(end, 200, metrics(), CONTENT_TYPE_LATEST)
        case _:
            await end.refuse(Refusal(status=404, code="not_found", message="there are /healthz and /metrics here"))


async def _text(end: HttpEnd, status: int, body: bytes, content_type: str) -> None:
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body))), ("Connection", "close")]
    await end.send(h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage())
    await end.wire.finish()
