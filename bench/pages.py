"""How long the server takes to build each page over 10 million turns of 500,000 calls, and where the time goes.

    python -m bench.pages --dir /var/tmp/calltape-pages [--pages overview,latency] [--ranges 1,7,30]

The dataset is made once (see `bench.page_dataset`; about 3 GB) and used again as long as it lies there. A page is
built as a visit builds it, by Streamlit's own AppTest in this process: its script with all its questions and all its
elements, without the browser, the network and the navigation's bar. Two figures for each page and range of days:

    new      visits whose filters nobody used before, so no answer is at hand but what the filters offer, which is kept
             for a minute whatever is chosen
    again    the same visits once more: what all those cost who look at a page that somebody else looks at

Before, as in a dashboard that has been up for a few minutes, the rows are copied (`copies_gib`; 0 leaves that out).

Ratios are to the aim: 300 ms at the 95th percentile of new visits, 1 s for the page of a call of an hour.
"""

import argparse
import logging
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from streamlit.testing.v1 import AppTest

from bench import page_dataset
from bench.page_dataset import Made, Size
from dashboard import addresses, frame
from dashboard.addresses import Address
from dashboard.desk import Desk, copy_settings
from dashboard.queries import facets
from dashboard.settings import VARIABLE, DashboardSettings, from_environment
from pipeline.dataset import Reader
from pipeline.dataset_store import Where

AIM_MS: Final = 300
SESSION_AIM_MS: Final = 1000
UNSCOPED: Final = (addresses.SESSION.path, addresses.SQL.path)
WITHIN_S: Final = 120
FILTERS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"model": "gpt-realtime"},
    {"voice": "marin"},
    {"label": "sales", "language": "en"},
    {"source": "sideband"},
    {"vad": "server_vad 500 ms"},
    {"relay_key": "web", "model": "gpt-realtime-mini"},
)
STEADY: Final = (facets.values,)
SEARCHES: Final[tuple[dict[str, str], ...]] = ({}, {"search": "refund invoice"}, {"with": "errors"})
Query = dict[str, str]


class Timed(Desk):
    """A desk that writes down how long a page waited for each answer: less than it took where it was begun before."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.took_us = Counter[str]()

    def forget(self) -> None:
        """Keep no answer but those that no filter changes."""
        self._answers = {key: answer for key, answer in self._answers.items() if key[0] in STEADY}  # type: ignore[index]
        self.took_us.clear()

    def _kept_or_fresh(
        self, good: Callable[..., bool], query: Callable[..., Any], *arguments: Any, **named: Any
    ) -> Any:
        begun = time.perf_counter()
        try:
            return super()._kept_or_fresh(good, query, *arguments, **named)
        finally:
            self.took_us[f"{query.__module__.rpartition('.')[2]}.{query.__name__}"] += round(
                1e6 * (time.perf_counter() - begun)
            )


class Visits(msgspec.Struct, kw_only=True):
    """What was measured of one page over one range, in milliseconds."""

    page: Address
    days: int
    new_ms: list[float] = []
    again_ms: list[float] = []
    asked_ms: list[float] = []
    """Of a new visit, the waiting for all its answers."""
    took_us: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def aim_ms(self) -> float:
        return SESSION_AIM_MS if self.page is addresses.SESSION else AIM_MS


def visits(page: Address, made: Made, days: int, runs: int) -> Visits:
    """Visit a page with one filter after the other."""
    found = Visits(page=page, days=days)
    _desk().forget()
    queries = list(_queries(page, made, days))
    _visit(page, queries[0])  # what is loaded once is not the visits'
    for query in (queries * runs)[: max(runs, len(queries))]:
        desk = _desk()
        desk.forget()
        found.new_ms.append(_visit(page, query))
        found.asked_ms.append(desk.took_us.total() / 1000)
        found.took_us += desk.took_us
        found.again_ms.append(_visit(page, query))
    return found


def _queries(page: Address, made: Made, days: int) -> Iterator[Query]:
    if page is addresses.SESSION:
        yield {"session": made.long_call}
        return
    if page.path in UNSCOPED:
        yield {}
        return
    last = made.last_day
    for place, filters in enumerate(FILTERS):
        to = last - timedelta(days=place % 3) if days < (last - made.first_day).days - 1 else last
        extra = SEARCHES[place % len(SEARCHES)] if page is addresses.SESSIONS else {}
        yield {"from": str(to - timedelta(days=days - 1)), "to": str(to), **filters, **extra}


SCRIPT: Final = """
import time
import streamlit as st
from dashboard import {module}
begun = time.perf_counter()
{module}.page()
st.session_state["took_ms"] = 1000 * (time.perf_counter() - begun)
"""


def _visit(page: Address, query: Query) -> float:
    """How many milliseconds the page's script took. Ends the bench where the page failed."""
    script = SCRIPT.format(module=f"{page.path or 'overview'}_page")
    # AppTest itself looks ten times a second whether the script is over: the script tells the time.
    shown = AppTest.from_string(script, default_timeout=WITHIN_S)
    shown.query_params.update(query)
    shown.run()
    if shown.exception or shown.error:
        sys.exit(f"{page.title} {query}: the page failed: {[one.value for one in [*shown.exception, *shown.error]]}")
    return float(shown.session_state["took_ms"])


def _opened(place: Where, copies_gib: float) -> Timed:
    """The desk once all is copied that there is room for."""
    begun, reader, files = time.perf_counter(), Reader(place, copies=copy_settings(copies_gib)), 0
    while reader.copy_one():
        files += 1
    print(f"{files} files copied in {time.perf_counter() - begun:.0f} s", flush=True)
    return Timed(reader)


def _desk() -> Timed:
    desk = frame._desk(from_environment().place, from_environment().copies_gib)  # noqa: SLF001  # the one that the pages share
    assert isinstance(desk, Timed)
    return desk


def told(found: Sequence[Visits]) -> None:
    """Print what was measured: a line for each page and range, then the dearest questions of each."""
    print(f"\n{'page':14}{'days':>5}{'new p50':>9}{'p95':>8}{'of aim':>8}{'again p50':>11}{'p95':>8}{'asking':>9}")
    for one in found:
        new = share(one.new_ms, 0.95)
        print(
            f"{one.page.title:14}{one.days or '':>5}{statistics.median(one.new_ms):6.0f} ms"
            f"{new:5.0f} ms{new / one.aim_ms:7.2f}x{statistics.median(one.again_ms):8.0f} ms"
            f"{share(one.again_ms, 0.95):5.0f} ms{sum(one.asked_ms) / sum(one.new_ms):9.0%}"
        )
    print(
        "\nwhere the time goes, in milliseconds of a new visit (mean): waits for answers, the longest first, and the rest:"
    )
    for one in found:
        count = len(one.new_ms)
        parts = [f"{name} {us / 1000 / count:.0f}" for name, us in one.took_us.most_common(9)]
        rest = (sum(one.new_ms) - sum(one.asked_ms)) / count
        print(f"  {one.page.title} {one.days or ''}: {', '.join(parts)}; layout and elements {rest:.0f}")


def share(values: Sequence[float], of: float) -> float:
    """The value that this share of them doesn't exceed: the nearest rank."""
    return sorted(values)[max(0, -(-len(values) * round(of * 100) // 100) - 1)]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--dir", type=Path, default=Path("/var/tmp/calltape-pages"), help="where the dataset lies")
    arguments.add_argument("--sessions", type=int, default=500_000)
    arguments.add_argument("--turns", type=int, default=10_000_000)
    arguments.add_argument("--days", type=int, default=30, help="that the calls are spread over")
    arguments.add_argument("--last-day", type=date.fromisoformat, help="UTC; yesterday if not given")
    arguments.add_argument("--pages", default="", help="by their path, with commas; all if not given")
    arguments.add_argument("--ranges", default="1,7,30", help="days that a visit is about")
    arguments.add_argument("--copies-gib", type=float, default=DashboardSettings().copies_gib, help="room for copies")
    arguments.add_argument("--runs", type=int, default=14, help="new visits of each page and range")
    given = arguments.parse_args()
    made = page_dataset.made(given.dir) or page_dataset.make(
        given.dir, _size(given), lambda line: print(line, flush=True)
    )
    print(f"{made.turns:,} turns of {made.sessions:,} calls, {made.first_day} to {made.last_day}; {_rows(made)}")
    os.environ[VARIABLE] = DashboardSettings(data_dir=given.dir, copies_gib=given.copies_gib).model_dump_json()
    page_dataset.write_running(given.dir)
    setattr(frame, "open_desk", _opened)  # noqa: B010  # the pages' desk, with a clock on it
    wanted = set(given.pages.split(",")) if given.pages else {page.path for page in addresses.ALL}
    _visit(addresses.SQL, {})  # what Python loads once is not the page's
    # AppTest runs pages without a browser, and Streamlit warns of that each time.
    logging.getLogger("streamlit").setLevel(logging.ERROR)
    found = []
    for page in (one for one in addresses.ALL if one.path in wanted or (one.path or "overview") in wanted):
        for days in (0,) if page.path in UNSCOPED else map(int, given.ranges.split(",")):
            found.append(visits(page, made, days, given.runs))
            print(".", end="", flush=True)
    told(found)


def _size(given: argparse.Namespace) -> Size:
    last = given.last_day or datetime.now(UTC).date() - timedelta(days=1)
    return Size(sessions=given.sessions, turns=given.turns, days=given.days, with_events=2_000, last_day=last)


def _rows(made: Made) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in made.rows.items() if count)


if __name__ == "__main__":
    main()
