"""One call under way: what the caller does, hears and is asked, over a connection of the `openai` SDK."""

import asyncio
import base64
import time
from collections.abc import Callable
from typing import Any

import msgspec
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosed

from simulator.audio import Format
from simulator.calls import Call, Step, Tool
from simulator.microphone import Microphone, recording
from simulator.playout import Playout

ANSWER_SECONDS = 30.0
"""How long a caller waits for an answer before hanging up."""
LINGER_SECONDS = 1.0
"""Before hanging up: late transcripts still come in."""

Progress = Callable[[str, str], None]
"""Gets the call's name and one line about what has just happened in it."""


class NoAnswer(Exception):
    """The agent did not answer in time, or not at all."""


class CallOutcome(msgspec.Struct, kw_only=True):
    """What came of a call, as the caller saw it."""

    name: str
    model: str
    openai_session_id: str = ""
    answers: int = 0
    """Responses heard or read."""
    cut_ins: int = 0
    """Times the caller interrupted the agent."""
    tool_calls: int = 0
    errors: list[str] = []
    """Messages of `error` events."""
    waits_ms: list[int] = []
    """From the last sound (or key stroke) of the caller to the first sound of the agent, each time."""
    seconds: float = 0.0
    problem: str = ""
    """Why the call could not be held to its end; empty: it could."""

    @property
    def went_well(self) -> bool:
        return not self.problem and not self.errors


class Holding:
    """One call under way."""

    def __init__(
        self, call: Call, connection: AsyncRealtimeConnection, outcome: CallOutcome, on_progress: Progress
    ) -> None:
        self._call = call
        self._connection = connection
        self._outcome = outcome
        self._on_progress = on_progress
        self._format = Format(call.format)
        self._microphone = Microphone(self._send_sound, self._format, call.chunk_ms)
        self._playout = Playout()
        self._tools: dict[str, list[asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()
        self._ready = False
        self._responding = 0
        self._answered = False
        self._asked_at: float | None = None

    async def hold(self) -> None:
        """Configure the session, do all steps, hang up."""
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(group))
            session: Any = self._call.session()
            await self._connection.session.update(session=session)
            await self._until(lambda: self._ready)
            tasks = [reading]
            if self._call.turn_detection != "none":
                tasks.append(group.create_task(self._microphone.listen()))
            for step in self._call.steps:
                await self._do(step)
            await asyncio.sleep(LINGER_SECONDS)
            for task in tasks:
                task.cancel()

    async def _do(self, step: Step) -> None:
        match step.do:
            case "greet":
                self._ask()
                await self._connection.response.create()
            case "hear":
                await self._hear()
            case "speak":
                await self._speak(step)
            case "type":
                await self._type(step.what)
            case "press":
                await self._press(step.what)
            case "wait":
                await asyncio.sleep((step.after_ms or 0) / 1000)

    async def _speak(self, step: Step) -> None:
        if step.after_ms is not None:
            await self._listen_for(step.after_ms)
        self._say(f"says: {step.what.replace('_', ' ')}")
        self._answered = False
        self._asked_at = None  # what is still coming of the last answer is none to this
        await self._microphone.say(recording(step.what))
        self._asked_at = time.monotonic()

    async def _type(self, text: str) -> None:
        self._say(f"types: {text}")
        item: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self._connection.conversation.item.create(item=item)
        self._ask()
        await self._connection.response.create()

    async def _press(self, name: str) -> None:
        self._say(f"pushes to talk: {name.replace('_', ' ')}")
        await self._microphone.press(recording(name))
        await self._connection.input_audio_buffer.commit()
        self._ask()
        await self._connection.response.create()

    def _ask(self) -> None:
        """From now on an answer is owed."""
        self._answered = False
        self._asked_at = time.monotonic()

    async def _hear(self) -> None:
        """Listen until the agent has answered and its answer has been heard to the end."""
        while True:
            await self._until(lambda: self._answered and not self._responding)
            left = self._playout.ends - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(left)

    async def _listen_for(self, length_ms: int) -> None:
        """Listen to the first part of an answer."""
        await self._until(lambda: self._playout.playing(time.monotonic()) is not None)
        while playing := self._playout.playing(time.monotonic()):
            if playing.heard_ms >= length_ms:
                return
            await asyncio.sleep((length_ms - playing.heard_ms) / 1000)

    async def _until(self, true: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while not true():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise NoAnswer(f"no answer within {ANSWER_SECONDS:.0f} s") from None

    async def _send_sound(self, sound: bytes) -> None:
        await self._connection.input_audio_buffer.append(audio=base64.b64encode(sound).decode())

    async def _read(self, group: asyncio.TaskGroup) -> None:
        """Take in what the server sends, until it hangs up, which it should not."""
        while True:
            try:
                event = await self._connection.recv()
            except ConnectionClosed as closed:
                raise NoAnswer(f"the server hung up: {closed}") from closed
            await self._take(event.type, event, group)
            self._changed.set()

    async def _take(self, kind: str, event: Any, group: asyncio.TaskGroup) -> None:
        match kind:
            case "session.created":
                self._outcome.openai_session_id = getattr(event.session, "id", "")
            case "session.updated":
                self._ready = True
            case "input_audio_buffer.speech_started":
                await self._interrupt()
            case "response.created":
                self._responding += 1
            case "response.output_audio.delta":
                self._play(event.item_id, event.delta)
            case "response.function_call_arguments.done":
                self._run_tool(event, group)
            case "response.done":
                self._finish(event.response, group)
            case "conversation.item.input_audio_transcription.completed":
                self._say(f"was heard: {event.transcript}")
            case "error":
                self._outcome.errors.append(event.error.message)
                self._say(f"error: {event.error.message}")

    async def _interrupt(self) -> None:
        """The user speaks: be silent, and tell the server how much was heard."""
        self._answered = False
        playing = self._playout.playing(time.monotonic())
        if playing is None:
            return
        self._playout.stop(time.monotonic())
        self._outcome.cut_ins += 1
        self._say(f"cuts in after {playing.heard_ms} ms")
        await self._connection.conversation.item.truncate(
            item_id=playing.item_id, content_index=0, audio_end_ms=playing.heard_ms
        )

    def _play(self, item_id: str, delta: str) -> None:
        now = time.monotonic()
        if self._asked_at is not None:
            self._outcome.waits_ms.append(int((now - self._asked_at) * 1000))
            self._asked_at = None
        self._playout.add(item_id, len(base64.b64decode(delta)) / self._format.bytes_per_ms, now)

    def _run_tool(self, event: Any, group: asyncio.TaskGroup) -> None:
        self._outcome.tool_calls += 1
        tool = next((tool for tool in self._call.tools if tool.name == event.name), None)
        self._say(f"tool {event.name}({event.arguments.strip()})")
        self._tools.setdefault(event.response_id, []).append(group.create_task(self._answer_tool(event.call_id, tool)))

    async def _answer_tool(self, call_id: str, tool: Tool | None) -> None:
        await asyncio.sleep(tool.takes_ms / 1000 if tool else 0)
        output = tool.answer if tool else "there is no such tool"
        item: Any = {"type": "function_call_output", "call_id": call_id, "output": output}
        await self._connection.conversation.item.create(item=item)

    def _finish(self, response: Any, group: asyncio.TaskGroup) -> None:
        self._responding -= 1
        if tools := self._tools.pop(response.id, []):
            group.create_task(self._go_on_after(tools))
        elif response.status == "completed":
            self._answered = True
            self._outcome.answers += 1
            self._say(f"agent: {_words(response)}")
        elif response.status == "failed":
            self._answered = True
            self._outcome.errors.append(f"response failed: {response.status_details}")

    async def _go_on_after(self, tools: list[asyncio.Task[None]]) -> None:
        """All tools have answered: the agent may speak again."""
        await asyncio.wait(tools)
        await self._connection.response.create()

    def _say(self, line: str) -> None:
        self._on_progress(self._call.name, line)


def _words(response: Any) -> str:
    """What the agent said, written out."""
    parts = (part for item in response.output or () for part in getattr(item, "content", None) or ())
    return " ".join(part.transcript or part.text or "" for part in parts)
