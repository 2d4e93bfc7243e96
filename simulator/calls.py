"""What the callers of a try-out do, as a TOML file tells it. The format is described in docs/simulator.md."""

from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec


class CallsUnreadable(ValueError):
    """A file of calls that can't be held; the message names it and what is wrong."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table. A key that nobody knows is an error, not a silent nothing."""


class Step(_Table, frozen=True, kw_only=True):
    """One thing that the caller does."""

    do: Literal["greet", "hear", "speak", "type", "press", "wait"]
    """greet: let the agent begin. hear: listen until the agent has finished. speak: say a recording into the open
    microphone. type: write. press: push to talk, say a recording, let go. wait: do nothing."""
    what: str = ""
    """speak, press: name of a recording. type: the text."""
    after_ms: int | None = None
    """speak: cut in when so much of the agent's answer has been heard. wait: how long."""


class Tool(_Table, frozen=True, kw_only=True):
    """A function that the caller's application offers to the agent."""

    name: str
    description: str
    parameters: dict[str, Any]
    answer: str
    """What it always gives back."""
    takes_ms: int = 0


class Call(_Table, frozen=True, kw_only=True):
    """One call from beginning to end."""

    name: str
    model: str = "gpt-realtime"
    instructions: str
    starts_ms: int = 0
    """After the first call."""
    turn_detection: Literal["server_vad", "semantic_vad", "none"] = "server_vad"
    silence_ms: int = 500
    transcription: str = "gpt-4o-mini-transcribe"
    format: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    chunk_ms: int = 40
    """Length of what the microphone sends at a time."""
    tools: tuple[Tool, ...] = ()
    steps: tuple[Step, ...]

    def session(self) -> dict[str, Any]:
        """The session that this call asks for."""
        form: dict[str, Any] = {"type": self.format}
        if self.format == "audio/pcm":
            form["rate"] = 24000
        listening = {
            "format": form,
            "transcription": {"model": self.transcription} if self.transcription else None,
            "turn_detection": self._turn_detection(),
        }
        return {
            "type": "realtime",
            "instructions": self.instructions,
            "audio": {"input": listening, "output": {"format": form}},
            "tools": [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                }
                for tool in self.tools
            ],
        }

    def _turn_detection(self) -> dict[str, Any] | None:
        if self.turn_detection == "none":
            return None
        if self.turn_detection == "semantic_vad":
            return {"type": "semantic_vad"}
        return {"type": "server_vad", "silence_duration_ms": self.silence_ms}


class _File(_Table, frozen=True, kw_only=True):
    calls: tuple[Call, ...]


def load(path: Path | None = None) -> tuple[Call, ...]:
    """The calls of a file, or those of the try-out. Raises CallsUnreadable."""
    source = path if path is not None else files("simulator") / "calls" / "tryout.toml"
    try:
        return msgspec.toml.decode(source.read_bytes(), type=_File).calls
    except (OSError, msgspec.DecodeError) as error:
        raise CallsUnreadable(f"{source}: {getattr(error, 'strerror', None) or error}") from error
