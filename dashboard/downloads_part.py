"""What of a call can be taken along: its sound, its events as they were recorded, and its rows."""

from typing import Final

import streamlit as st

from dashboard.calls import CSV_TABLES

FIRST: Final = (
    ("audio.wav?download", "Sound as WAV", "Stereo: the user left, the agent right, as far as it was heard."),
    ("events.jsonl", "Events as JSON lines", "CloudEvents as the journal holds them, every message byte for byte."),
)


def downloads(session_id: str) -> None:
    """Links that the server answers by itself, piece by piece: an hour of a call is larger than a page may be."""
    lines = [f"- [{label}](./calls/{session_id}/{path}): {said}" for path, label, said in FIRST]
    tables = " · ".join(f"[{name}](./calls/{session_id}/{name}.csv)" for name in CSV_TABLES)
    st.markdown("\n".join([*lines, f"- Rows as CSV: {tables}"]))
