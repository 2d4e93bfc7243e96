"""How a call was set up, and when that changed: one line for each configuration that came into force."""

from collections.abc import Sequence
from itertools import pairwise

import streamlit as st

from dashboard import wording
from pipeline.domain import facts

BESIDE = ("session_id", "version", "seq", "trigger", "at", "elapsed_ms", "changed")
"""Not of the configuration itself."""


def config_timeline(changes: Sequence[facts.ConfigChange]) -> None:
    """What came into force when: all of it first, and then only what changed."""
    if not changes:
        st.caption("No configuration was seen in this call.")
        return
    rows = [
        f"| {wording.position(change.elapsed_ms / 1000)} | {change.seq} | {wording.words(change.trigger)} | {said} |"
        for change, said in zip(changes, _said(changes), strict=True)
    ]
    st.markdown("\n".join(["| at | event | by | what came into force |", "|--:|--:|---|---|", *rows]))


def _said(changes: Sequence[facts.ConfigChange]) -> list[str]:
    names = [name for name in facts.ConfigChange.__struct_fields__ if name not in BESIDE]
    said = [" · ".join(_value(changes[0], name) for name in names if _plain(changes[0], name) != wording.UNKNOWN)]
    for before, change in pairwise(changes):
        changed = [name.strip() for name in (change.changed or "").split(",")]
        known = [f"{_value(change, name)} (was {_plain(before, name)})" for name in changed if name in names]
        said.append(" · ".join([*known, *(["other settings"] if "other" in changed else [])]) or wording.UNKNOWN)
    return said


def _value(change: facts.ConfigChange, name: str) -> str:
    return f"{wording.plain(wording.words(name))} **{_plain(change, name)}**"


def _plain(change: facts.ConfigChange, name: str) -> str:
    value = getattr(change, name)
    if value is None or value == "":  # and not "not value": False and 0 are values
        return wording.UNKNOWN
    return wording.plain(str(value).lower() if isinstance(value, bool) else str(value))
