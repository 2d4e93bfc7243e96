"""What shows the comparison of two cohorts: each measure of both sides, the difference, and how sure it is."""

from typing import Final

import msgspec
import streamlit as st

from dashboard import addresses, definitions, wording
from dashboard.addresses import Address
from dashboard.bootstrap import Interval
from dashboard.comparing import CALLS_MIN, VALUES_MIN, Difference, Sample

SIDE_B: Final = "b_"
SIDES: Final = {"A": "", "B": SIDE_B}
"""What stands before the names of a side's filters in the address."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """How a measure reads."""

    title: str
    help: str
    money: bool = False
    rate: bool = False
    of: str
    """What it is a median or a rate of: turn, interruption, call."""
    more: str
    less: str
    to: Address
    """The page with what is behind it."""


SHOWN: Final[dict[str, Shown]] = {
    "perceived": Shown(
        title="Perceived latency p50", help=definitions.PERCEIVED, of="turn", more="A waits longer",
        less="A waits less", to=addresses.LATENCY,
    ),
    "wire": Shown(
        title="Wire latency p50", help=definitions.WIRE, of="turn", more="A is slower on the wire",
        less="A is faster on the wire", to=addresses.LATENCY,
    ),
    "interruptions": Shown(
        title="Interruptions per call", help=definitions.INTERRUPTIONS_PER_CALL, rate=True, of="call",
        more="A has more", less="A has fewer", to=addresses.INTERRUPTIONS,
    ),
    "yielding": Shown(
        title="Time to yield p50", help=definitions.TIME_TO_YIELD_P50, of="yield", more="A yields later",
        less="A yields sooner", to=addresses.INTERRUPTIONS,
    ),
    "metered": Shown(
        title="Metered per minute", help=definitions.METERED, money=True, of="call", more="A costs more",
        less="A costs less", to=addresses.COST,
    ),
    "billed": Shown(
        title="Billed per minute", help=definitions.BILLED_WHOLE, money=True, of="call", more="A costs more",
        less="A costs less", to=addresses.COST,
    ),
}  # fmt: skip
TITLES: Final = {name: shown.title for name, shown in SHOWN.items()}


def measure(found: Difference) -> None:
    """One measure in a row that folds on narrow screens."""
    shown = SHOWN[found.measure]
    with st.container(border=True, key=f"measure-card-{found.measure}"):
        a, b, told = st.columns([2, 2, 3], gap="small", vertical_alignment="center")
        with a:
            _side(shown, "A", found.a)
        with b:
            _side(shown, "B", found.b)
        with told:
            st.markdown(_verdict(shown, found), help=definitions.INTERVAL)
            if found.interval is not None and found.difference is not None:
                st.caption(_sure(shown, found.difference, found.interval))


def _side(shown: Shown, name: str, found: Sample) -> None:
    st.metric(f"{name} · {shown.title}", _value(shown, found.value), help=shown.help)
    of = wording.count(found.calls, "call")
    counted = of if shown.of == "call" else f"{wording.count(found.count, shown.of)} in {of}"
    # Not a caption: it fades all that is in it, and a faded link is too pale to read.
    st.markdown(f":small[:gray[{counted} ·] [look]({addresses.href(shown.to, SIDES[name])})]")


def _verdict(shown: Shown, found: Difference) -> str:
    if found.verdict == "too few":
        return f":gray[**No verdict**: {_lacking(shown, found)}.]"
    if found.verdict == "no difference" or found.difference is None:
        return "**No difference can be told**: the interval holds 0."
    by = _difference(shown, abs(found.difference), sign=False)
    return f"**{shown.more if found.verdict == 'more' else shown.less}** by {by}."


def _lacking(shown: Shown, found: Difference) -> str:
    needs = f"{CALLS_MIN} calls" + (f" and {VALUES_MIN} {shown.of}s" if found.a.count_min else "")
    has = " and ".join(
        f"{name} has {wording.count(one.calls, 'call')}"
        + (f" with {wording.count(one.count, shown.of)}" if one.count_min else "")
        for name, one in (("A", found.a), ("B", found.b))
        if one.calls < CALLS_MIN or one.count < one.count_min
    )
    return f"each side needs {needs}; {has}" if has else "nothing was measured"


def _sure(shown: Shown, difference: float, found: Interval) -> str:
    low, high = _difference(shown, found.low), _difference(shown, found.high)
    return f"A less B: {_difference(shown, difference)} · 95 % interval {low} to {high}"


def _value(shown: Shown, value: float | None) -> str:
    if value is None:
        return wording.UNKNOWN
    if shown.money:
        return wording.dollars(value)
    return f"{value:,.2f}" if shown.rate else wording.milliseconds(value)


def _difference(shown: Shown, value: float, *, sign: bool = True) -> str:
    mark = "" if not sign else "-" if value < 0 else "+"
    return mark + wording.plain(_value(shown, abs(value)))


def drawing_note(found: tuple[Difference, ...], shared: int) -> None:
    """How the intervals were made, where some calls were left out of the drawing, and where the sides overlap."""
    fewer = [one for one in found if max(one.a.calls - one.a.drawn_from, one.b.calls - one.b.drawn_from) > 0]
    said = [definitions.INTERVAL]
    if fewer:
        least = min(min(one.a.drawn_from, one.b.drawn_from) for one in fewer)
        said.append(
            f"Figures are of all calls. Intervals are drawn from some of them where there are very many (at least "
            f"{least:,} a side), so they are wider than all of them would give."
        )
    if shared:
        said.append(
            f"At least {wording.count(shared, 'call is', 'calls are')} on both sides: A and B are not independent "
            "there, and the intervals are too wide."
        )
    st.caption(" ".join(said))
