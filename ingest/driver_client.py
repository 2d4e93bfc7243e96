"""What any client of a realtime session does, whatever it is there for: it listens, plays, yields, answers tools.

What a scenario has it do besides is in `driver_session`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pybase64

from ingest import driver_tools
from ingest.driver_heard import GoOn, Heard, Interrupt, Reaction, RunTool
from ingest.driver_line import Event, HungUp, Line
from ingest.driver_microphone import Microphone
from ingest.driver_sound import Sounds
from ingest.scenario import Scenario

Tell = Callable[[str], None]
"""Gets a line about what has just happened."""


class Overdue(Exception):
    """Something that the server owes did not come in time; the message says what."""


class Client:
    """One session's client. `listen` must run."""

    def __init__(self, scenario: Scenario, line: Line, sounds: Sounds, tell: Tell) -> None:
        self.heard = Heard()
        self.microphone = Microphone(self._append, sounds, scenario.chunk_ms)
        self.problems: list[str] = []
        """What went wrong without ending the session."""
        self.tell = tell
        self._scenario = scenario
        self._line = line
        self._changed = asyncio.Event()
        self._numbers = 0
        self._tools: dict[str, list[asyncio.Task[None]]] = {}

    async def send(self, kind: str, **fields: Any) -> str:
        """Send an event with an id of its own, which is returned: by that the server's refusal names it."""
        self._numbers += 1
        event_id = f"driver_{self._numbers}"
        await self._line.send({"type": kind, "event_id": event_id, **fields})
        return event_id

    async def send_as_it_is(self, event: Event) -> None:
        await self._line.send(event)

    async def truncate(self, item_id: str, heard_ms: int) -> None:
        """Say how much of an item was heard."""
        await self.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=heard_ms)

    async def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait until something is true of what was heard. Raises Overdue."""
        try:
            async with asyncio.timeout(self._scenario.answer_s):
                await self.wait_until(true)
        except TimeoutError:
            raise Overdue(f"{what}: nothing within {self._scenario.answer_s:g} s") from None

    async def wait_until(self, true: Callable[[], bool]) -> None:
        while not true():
            self._changed.clear()
            await self._changed.wait()

    async def listen(self, group: asyncio.TaskGroup) -> None:
        """Take in what the server says, and do what a client does about it, until cancelled. Raises HungUp."""
        while True:
            event = await self._next()
            for reaction in self.heard.take(event, time.monotonic()):
                await self._react(reaction, group)
            self.microphone.open = self.heard.vad
            self.microphone.form = self.heard.input_form
            self._tell_of(event)
            self._changed.set()

    async def _next(self) -> Event:
        try:
            return await self._line.receive()
        except HungUp:
            if not self.heard.seen["session.closed"]:
                raise
            return await asyncio.Future()  # as agreed: nothing follows, and whoever asked for the end cancels this

    async def _append(self, sound: bytes) -> None:
        """Without an id: nothing is ever answered to it."""
        kind = "input_audio_buffer.append"
        prefix = "session." if self._scenario.kind == "translation" else ""
        await self._line.send({"type": prefix + kind, "audio": pybase64.b64encode(sound).decode()})

    async def _react(self, reaction: Reaction, group: asyncio.TaskGroup) -> None:
        match reaction:
            case Interrupt(item_id=item_id, heard_ms=heard_ms):
                self.tell(f"cuts in after {heard_ms} ms")
                await self.truncate(item_id, heard_ms)
            case RunTool(response_id=response_id):
                self._tools.setdefault(response_id, []).append(group.create_task(self._run_tool(reaction)))
            case GoOn(response_id=response_id):
                group.create_task(self._go_on(response_id))

    async def _run_tool(self, call: RunTool) -> None:
        self.tell(f"tool {call.name}({call.arguments})")
        tool = next((tool for tool in self._scenario.tools if tool.name == call.name), None)
        try:
            output = await driver_tools.answer(tool, call.arguments) if tool else "there is no such tool"
        except driver_tools.ToolFailed as failed:
            self.problems.append(str(failed))
            output = "the tool failed"
        item = {"type": "function_call_output", "call_id": call.call_id, "output": output}
        await self.send("conversation.item.create", item=item)

    async def _go_on(self, response_id: str) -> None:
        """All tools of a response have answered: the agent may speak again."""
        await asyncio.wait(self._tools.pop(response_id))
        self.heard.tools_answered(response_id)
        await self.send("response.create")

    def _tell_of(self, event: Event) -> None:
        match event.get("type"):
            case "response.output_audio_transcript.done":
                self.tell(f"agent: {event.get('transcript')}")
            case "response.output_text.done":
                self.tell(f"agent: {event.get('text')}")
            case "conversation.item.input_audio_transcription.completed":
                self.tell(f"was heard: {event.get('transcript')}")
            case "error":
                error = event.get("error")
                self.tell(f"error: {error.get('message') if isinstance(error, dict) else error}")
