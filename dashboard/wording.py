"""How quantities read on the pages: one unit and one rounding for each kind, and a dash for what is not known."""

from datetime import UTC, datetime
from decimal import Decimal

UNKNOWN = "\N{EN DASH}"
MINUTE_S = 60
HOUR_S = 3600


def milliseconds(value: float | None) -> str:
    """`840 ms`; from ten seconds on `12.3 s`."""
    if value is None:
        return UNKNOWN
    return f"{value / 1000:,.1f} s" if value >= 10_000 else f"{value:,.0f} ms"  # noqa: PLR2004  # reads as it says


def seconds(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.1f} s"


def duration(milliseconds_: float | None) -> str:
    """`0:42`, `12:05`, `1:02:33`."""
    return UNKNOWN if milliseconds_ is None else clock(milliseconds_ / 1000)


def clock(at_s: float) -> str:
    """A position in a call, to the second."""
    hours, rest = divmod(int(at_s), HOUR_S)
    minutes, second = divmod(rest, MINUTE_S)
    return f"{hours}:{minutes:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"


def position(at_s: float) -> str:
    """A position in a call, to the tenth of a second."""
    minutes, second = divmod(at_s, MINUTE_S)
    return f"{int(minutes)}:{second:04.1f}"


def dollars(value: float | None) -> str:
    """Cents where there are whole dollars, four decimals where there is less: calls cost fractions of a cent."""
    if value is None:
        return "unknown"
    return f"${value:,.2f}" if abs(value) >= 10 else f"${value:,.4f}"  # noqa: PLR2004  # reads as it says


def money(nanos: int, unpriced: int = 0) -> str:
    """Nano-dollars as dollars. With things in it that have no price it is a lower bound, or unknown if that is all."""
    if unpriced and not nanos:
        return "unknown"
    text = dollars(float(Decimal(nanos) / 10**9))
    return f"≥ {text}" if unpriced else text


def share(part: int, whole: int) -> str:
    """`96.2 %`; a dash where there is nothing to be a part of."""
    return f"{100 * part / whole:.1f} %" if whole else UNKNOWN


def rate(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.1f}"


def change(now: float | None, before: float | None) -> str | None:
    """`+12 %`, `-3.4 %`, `±0 %`; None where one is unknown or there is nothing to compare with."""
    if now is None or not before:
        return None
    percent = 100 * (now - before) / abs(before)
    digits = 0 if abs(percent) >= 9.95 else 1  # noqa: PLR2004  # 10 % needs no tenths
    text = f"{percent:+,.{digits}f}"
    return f"{'±0' if float(text.replace(',', '')) == 0 else text} %"


def points(now: float | None, before: float | None) -> str | None:
    """`+1.2 pp`: a difference of two percentages."""
    if now is None or before is None:
        return None
    text = f"{now - before:+.1f}"
    return f"{'±0' if float(text) == 0 else text} pp"


def count(value: int, noun: str, plural: str = "") -> str:
    """`1 turn`, `2,310 turns`."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(value: datetime, now: datetime) -> str:
    """`12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`."""
    passed = max(0.0, (now - value).total_seconds())
    for size, unit in ((86_400, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if passed >= size:
            return f"{passed // size:.0f} {unit} ago"
    return f"{passed:.0f} s ago"


def short(session_id: str) -> str:
    """The end of an id, which is random; its beginning is the time and alike for calls of one day."""
    return f"…{session_id[-8:]}"


def words(identifier: str | None) -> str:
    """`barge_in` as `barge in`."""
    return (identifier or UNKNOWN).replace("_", " ")


def cohort(input_kind: str, ended_by: str | None, basis: str) -> str:
    """Which turns a latency is of: `speech · server VAD · append clock`."""
    ended = {"server_vad": "server VAD", "semantic_vad": "semantic VAD", "client": "push to talk"}
    kind = {"none": "greeting", "idle": "idle nudge"}.get(input_kind, input_kind)
    return " · ".join(part for part in (kind, ended.get(ended_by or "", ended_by), words(basis)) if part)


def plain(text: str | None) -> str:
    """Words as they are: nothing in them is markup."""
    return "".join(f"\\{mark}" if mark in "\\`*_{}[]()#+-.!|$:<>~" else mark for mark in text or "")
