"""What a session that the driver runs does and must bring, as a TOML file tells it. Format: docs/scenarios.md.

Read by the driver, which does the steps, and by whoever judges the outcome by `expect`.
"""

import re
from pathlib import Path
from typing import Any, Literal

import msgspec

Kind = Literal["realtime", "transcription", "translation"]


class ScenarioUnreadable(ValueError):
    """A scenario that can't be run; the message names the file and what is wrong with it."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table. A key that nobody knows is an error, not a silent nothing."""


class _Step(_Table, frozen=True, kw_only=True, tag_field="do"):
    """One thing that the driver does; `do` names it."""


class Update(_Step, frozen=True, kw_only=True, tag="update"):
    """Change the configuration, and wait until the server took it or refused it."""

    session: dict[str, Any]


class Respond(_Step, frozen=True, kw_only=True, tag="respond"):
    """Ask for a response: a greeting, or the answer where the server was told not to answer by itself."""

    response: dict[str, Any] = {}


class Type(_Step, frozen=True, kw_only=True, tag="type"):
    """Write something and ask for a response to it."""

    text: str


class Say(_Step, frozen=True, kw_only=True, tag="say"):
    """Say a recording into the open microphone; the server's VAD notices."""

    audio: str
    """A file beside the scenario, or the name of a recording that comes with Calltape."""
    after_heard_ms: int | None = None
    """Cut in when so much of the agent's answer has been heard."""


class Press(_Step, frozen=True, kw_only=True, tag="press"):
    """Push to talk: say a recording, commit it, and ask for a response where the session gives any."""

    audio: str


class Hear(_Step, frozen=True, kw_only=True, tag="hear"):
    """Listen until the agent has answered and its answer has been heard to the end."""


class Cancel(_Step, frozen=True, kw_only=True, tag="cancel"):
    """Stop the agent: cancel the response and say how much of it was heard."""

    after_heard_ms: int = 0


class Await(_Step, frozen=True, kw_only=True, tag="await"):
    """Wait for an event of a type. Each takes one of them, in the order in which they come."""

    event: str


class Wait(_Step, frozen=True, kw_only=True, tag="wait"):
    ms: int


class Send(_Step, frozen=True, kw_only=True, tag="send"):
    """Send any event, as it stands here."""

    event: dict[str, Any]


Step = Update | Respond | Type | Say | Press | Hear | Cancel | Await | Wait | Send


class Tool(_Table, frozen=True, kw_only=True):
    """A function that the session offers to the agent, and what it gives back."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "object", "properties": {}})
    answer: str = ""
    """What it always gives back."""
    command: tuple[str, ...] = ()
    """Instead: a program that gets the arguments (JSON) on its standard input and prints the answer."""
    takes_ms: int = 0
    """Before a canned answer is given."""
    timeout_s: float = 30.0


class Most(_Table, frozen=True, kw_only=True):
    """Upper bounds of figures."""

    median: float | None = None
    p95: float | None = None
    max: float | None = None


class Expected(_Table, frozen=True, kw_only=True):
    """What must come of each session; the bounds hold over all sessions of a run together.

    Every session must besides be recorded without a gap and end as agreed.
    """

    turns: int | None = None
    responses: int | None = None
    perceived_latency_ms: Most | None = None
    wire_latency_ms: Most | None = None
    model_latency_ms: Most | None = None
    tools: tuple[str, ...] = ()
    """Called and answered, each at least once."""
    agent_says: tuple[str, ...] = ()
    """Regular expressions (case counts for nothing), each found in what the agent said or wrote."""
    user_says: tuple[str, ...] = ()
    """The same in what was transcribed or typed of the user."""
    interruptions: dict[str, int] = {}
    """By class: how many at least."""
    errors: tuple[str, ...] = ()
    """Codes of errors that must come; any other is a failure."""
    usd_max: float | None = None
    """Of one session, on the billed basis."""


class Scenario(_Table, frozen=True, kw_only=True):
    """One kind of session, from beginning to end."""

    name: str = ""
    about: str = ""
    kind: Kind = "realtime"
    model: str = "gpt-realtime"
    """Of a transcription session it is in the configuration, not here."""
    parallel: int = 1
    ramp_s: float = 0.0
    """Over which the parallel sessions begin."""
    answer_s: float = 30.0
    """Longest wait for anything that the server owes."""
    chunk_ms: int = 40
    """Length of what the microphone sends at a time."""
    session: dict[str, Any] = {}
    """As in `session.update`; "none" under turn_detection, noise_reduction and transcription stands for null."""
    tools: tuple[Tool, ...] = ()
    steps: tuple[Step, ...]
    expect: Expected = Expected()
    folder: str = ""
    """Where its audio lies. Not for the file: the loader says it."""

    @property
    def speaks(self) -> bool:
        """Whether there is anything for a microphone to send."""
        return any(isinstance(step, Say | Press) for step in self.steps)

    def configuration(self) -> dict[str, Any]:
        """The session that the first `session.update` asks for; empty where the defaults are wanted."""
        tools = [_declared(tool) for tool in self.tools]
        return spelled_out(self.session) | ({"tools": [*self.session.get("tools", []), *tools]} if tools else {})


def load(path: Path) -> Scenario:
    """The scenario of a file. Raises ScenarioUnreadable."""
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=Scenario)
        _check(found)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise ScenarioUnreadable(f"{path}: {error}") from error
    return msgspec.structs.replace(found, name=found.name or path.stem, folder=str(path.parent))


def spelled_out(session: dict[str, Any]) -> dict[str, Any]:
    """A configuration with nulls, which TOML can't say."""
    nullable = {"turn_detection", "noise_reduction", "transcription"}
    said: dict[str, Any] = {}
    for name, value in session.items():
        if name in nullable and value == "none":
            said[name] = None
        else:
            said[name] = spelled_out(value) if isinstance(value, dict) else value
    return said


def _declared(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }


def _check(scenario: Scenario) -> None:
    """What would otherwise show only in the middle of a session. Raises ValueError."""
    if scenario.folder:
        raise ValueError("Object contains unknown field `folder`")
    for name, least in (("parallel", 1), ("chunk_ms", 1), ("ramp_s", 0), ("answer_s", 0.1)):
        if getattr(scenario, name) < least:
            raise ValueError(f"{name} must be at least {least} (got {getattr(scenario, name)})")
    for tool in scenario.tools:
        if bool(tool.command) is bool(tool.answer):
            raise ValueError(f"tool {tool.name!r} needs an answer or a command, and not both")
    for pattern in (*scenario.expect.agent_says, *scenario.expect.user_says):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"expect: {pattern!r} is no regular expression: {error}") from error
