"""One class per table: the rows that the fold yields. Field docstrings are the columns' definitions (METRICS.md).

`seq` in a key is where the thing began; `version` is the `seq` of the event that last changed the row, so of two
rows with one key the higher version holds. Times named `*_elapsed_ms` are positions on the session's monotonic
clock; `*_at` are UTC. A quantity that the log can't support is None with a reason in the column named beside it.
How a row becomes Parquet is `pipeline.dataset`'s business.
"""

from pipeline.domain.facts.call import ConfigChange, Gap, LogFault, Session, SessionError
from pipeline.domain.facts.money import AudioMinute, Cost
from pipeline.domain.facts.row import Row
from pipeline.domain.facts.talk import Interruption, Response, ToolCall, Transcript, Turn

__all__ = [
    "TABLES",
    "AudioMinute",
    "ConfigChange",
    "Cost",
    "Fact",
    "Gap",
    "Interruption",
    "LogFault",
    "Response",
    "Row",
    "Session",
    "SessionError",
    "ToolCall",
    "Transcript",
    "Turn",
]

Fact = (
    Session
    | Turn
    | Response
    | Interruption
    | ToolCall
    | Transcript
    | Cost
    | AudioMinute
    | SessionError
    | Gap
    | ConfigChange
    | LogFault
)

TABLES: dict[str, type[Row]] = {
    "sessions": Session,
    "turns": Turn,
    "responses": Response,
    "interruptions": Interruption,
    "tool_calls": ToolCall,
    "transcripts": Transcript,
    "costs": Cost,
    "audio_minutes": AudioMinute,
    "session_errors": SessionError,
    "gaps": Gap,
    "config_changes": ConfigChange,
    "log_faults": LogFault,
}
