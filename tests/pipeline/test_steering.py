"""The view `steering`: what was decided about a call, a row each, and nothing else."""

from pathlib import Path

from tests.builders import Story
from tests.pipeline.builders import journal, rows_of, session_id
from tests.pipeline.test_runner import replayed, settings


def test_decisions_limits_and_keys_are_rows_with_their_parts(tmp_path: Path) -> None:
    story = Story(session_id(1)).opened("sideband").at(10)
    story.recorder("call.steered", action="accept", by="policy", status=200, detail="").at(20)
    story.server("input_audio_buffer.dtmf_event_received", event="9", received_at=1).at(30)
    story.client("input_audio_buffer.dtmf_event_received", event="no server says this").at(40)
    story.recorder("call.steered", action="refer", by="client", status=None, detail="").at(50)
    story.recorder("limit.reached", limit="spend", allowed=0.5, relay_key="shop").at(60)
    story.recorder("call.steered", action="hangup", by="limit", status=404, detail="").closed()
    replayed(settings(tmp_path), journal(tmp_path, story.events))

    rows = sorted(rows_of(tmp_path / "dataset", "steering"), key=lambda row: str(row["at"]))
    parts = [tuple(row[name] for name in ("elapsed_ms", "action", "by", "status", "detail", "allowed")) for row in rows]
    assert parts == [
        (10, "accept", "policy", 200, None, None),
        (20, "dtmf", "caller", None, "9", None),
        (40, "refer", "client", None, None, None),
        (50, "limit", "limit", None, "spend", 0.5),
        (60, "hangup", "limit", 404, None, None),
    ]
