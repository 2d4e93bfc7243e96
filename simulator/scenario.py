"""What the agent says and does, as a small TOML file tells it. The format is described in docs/simulator.md."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

Kind = Literal["realtime", "transcription", "translation"]
"""What a session is for."""
Trigger = Literal["speech", "text", "tool_output", "none", "idle", "out_of_band"]
"""What made the agent answer. `none`: asked to speak without new input, a greeting."""


class ScenarioUnreadable(ValueError):
    """A scenario that can't be played; the message names the file and what is wrong."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table. A key that nobody knows is an error, not a silent nothing."""


class Stall(_Table, frozen=True, kw_only=True):
    """Audio stops flowing for a while, as on a bad day."""

    after_ms: int
    """Of audio sent."""
    for_ms: int


class Timing(_Table, frozen=True, kw_only=True):
    """When things happen, in milliseconds after `response.created` where nothing else is said (PROTOCOL 4.1)."""

    created_ms: float = 8.0
    """From the end of the user's turn, or `response.create`, to `response.created`."""
    first_words_ms: float = 330.0
    first_audio_ms: float = 450.0
    pace: float = 10.0
    """Audio is sent this many times faster than it plays."""
    delta_ms: tuple[int, ...] = (100, 150, 250, 250, 250, 600)
    """Lengths of the audio deltas; the last one repeats."""
    jitter: float = 0.15
    """Delays vary by up to this part of themselves, by the seed."""
    transcript_ms: float = 600.0
    """From the commit of the user's audio to its finished transcript."""


class ToolCall(_Table, frozen=True, kw_only=True):
    """A function that the agent calls."""

    name: str
    arguments: dict[str, Any] = {}


class Reply(_Table, frozen=True, kw_only=True):
    """One response of the agent."""

    to: Trigger | Literal["any"] = "any"
    heard: str = ""
    """Regular expression that the user's text or transcript must contain; empty: any."""
    say: str = ""
    call: tuple[ToolCall, ...] = ()
    repeat: bool = False
    """May be used again. Otherwise a reply is used once in a session."""
    timing: dict[str, Any] = {}
    """Overrides of the scenario's timing for this reply."""
    stall: Stall | None = None
    status: Literal["completed", "incomplete", "failed"] = "completed"
    reason: str = ""
    """With `incomplete`: max_output_tokens or content_filter. With `failed`: the error's code."""


class Ending(_Table, frozen=True, kw_only=True):
    """The server ends the session by itself."""

    after_ms: int
    """Since the session was created."""
    code: int
    reason: str = ""
    error: str = ""
    """Code of an `error` event that is sent just before; empty: none."""


class Script(_Table, frozen=True, kw_only=True):
    """How the agent of one kind of session behaves."""

    name: str
    instructions: str = ""
    """Regular expression looked for in the session's instructions; the first script that matches is played."""
    session: Kind = "realtime"
    """The kind of session in which it is played; where no script is for transcription, one of a conversation is."""
    language: str = ""
    """Of a translation: the language into which it goes."""
    transcripts: tuple[str, ...] = ()
    """What the user's spoken turns are said to say, over and over. "" is silence, "!" a failed transcription."""
    translations: tuple[str, ...] = ()
    """What each of them is in the script's language."""
    replies: tuple[Reply, ...] = ()
    ending: Ending | None = None


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """What a speaker says and what a translator makes of it."""

    heard: str
    translated: str


UNTRANSLATED = Sentence(heard="Hello there.", translated="Hello there.")


class Scenario(_Table, frozen=True, kw_only=True):
    """All scripts of one file."""

    timing: Timing = Timing()
    scripts: tuple[Script, ...] = ()

    def script(self, instructions: str, kind: Kind = "realtime") -> Script:
        """The script for a session with these instructions: the first that matches."""
        for wanted in (kind, "realtime"):
            for script in self.scripts:
                if script.session == wanted and re.search(script.instructions, instructions, re.IGNORECASE):
                    return script
        return Script(name="silent")

    def sentence(self, language: str, number: int) -> Sentence:
        """The sentence of that number, and what it is in a language; without a script for that, both are the same."""
        for script in self.scripts:
            if script.session == "translation" and script.language == language and script.transcripts:
                place = number % len(script.transcripts)
                return Sentence(heard=script.transcripts[place], translated=script.translations[place])
        return UNTRANSLATED

    def timing_of(self, reply: Reply) -> Timing:
        return _merged(self.timing, reply.timing)


def load(path: Path | None) -> Scenario:
    """The scenario of a file, or the one built in. Raises ScenarioUnreadable."""
    source = path if path is not None else files("simulator") / "scenarios" / "default.toml"
    try:
        scenario = msgspec.toml.decode(source.read_bytes(), type=Scenario)
        _check(scenario)
    except (OSError, msgspec.DecodeError, re.error) as error:
        raise ScenarioUnreadable(f"{source}: {getattr(error, 'strerror', None) or error}") from error
    return scenario


def _check(scenario: Scenario) -> None:
    """What would otherwise show only in the middle of a session."""
    for script in scenario.scripts:
        re.compile(script.instructions)
        if script.session == "translation" and len(script.translations) != len(script.transcripts):
            raise msgspec.ValidationError(f"script {script.name!r}: each of the transcripts needs one of translations")
        for reply in script.replies:
            re.compile(reply.heard)
            scenario.timing_of(reply)


def _merged(timing: Timing, overrides: dict[str, Any]) -> Timing:
    return msgspec.convert({**msgspec.to_builtins(timing), **overrides}, type=Timing)
