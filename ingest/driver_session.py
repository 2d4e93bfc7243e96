"""One driven session under way: does the scenario's steps, one after another, through a client."""

import asyncio
import time
from collections import Counter
from typing import Any

from ingest.driver_client import Client
from ingest.scenario import (
    Await,
    Cancel,
    Hear,
    Press,
    Respond,
    Say,
    Scenario,
    Send,
    Step,
    Type,
    Update,
    Wait,
    spelled_out,
)

QUIET_S = 1.5
"""A translator that has said nothing for so long has said all."""
LATE_S = 5.0
"""Longest wait for the last transcripts before hanging up."""


class DrivenSession:
    """Holds one session from its configuration to the hang-up."""

    def __init__(self, scenario: Scenario, client: Client) -> None:
        self._scenario = scenario
        self._client = client
        self._heard = client.heard
        self._awaited: Counter[str] = Counter()

    async def hold(self) -> None:
        """Do all steps. Raises Overdue and HungUp, SoundMissing and SoundUnreadable, in a group."""
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(self._client.listen(group))]
            await self._client.until(lambda: self._heard.seen["session.created"] > 0, "session.created")
            if self._scenario.configuration():
                await self._update(self._scenario.configuration())
            if self._scenario.speaks:
                others.append(group.create_task(self._client.microphone.run()))
            for number, step in enumerate(self._scenario.steps, 1):
                await self._do(step, f"step {number}, {type(step).__name__.lower()}")
            await self._finish()
            for task in others:
                task.cancel()

    async def _do(self, step: Step, name: str) -> None:
        match step:
            case Update(session=session):
                await self._update(spelled_out(session))
            case Respond(response=response):
                await self._respond(response)
            case Type(text=text):
                await self._type(text)
            case Press(audio=audio):
                await self._press(audio)
            case Send(event=sent):
                self._client.tell(f"sends {sent.get('type')}")
                await self._client.send_as_it_is(sent)
            case _:
                await self._listen_to(step, name)

    async def _listen_to(self, step: Say | Hear | Cancel | Await | Wait, name: str) -> None:
        """The steps that wait for something."""
        match step:
            case Say(audio=audio, after_heard_ms=after):
                await self._say(audio, after, name)
            case Hear():
                await self._hear(name)
            case Cancel(after_heard_ms=after):
                await self._cancel(after, name)
            case Await(event=event):
                self._awaited[event] += 1
                awaited = self._awaited[event]
                await self._client.until(lambda: self._heard.seen[event] >= awaited, f"{name} of {event}")
            case Wait(ms=ms):
                await asyncio.sleep(ms / 1000)

    async def _update(self, session: dict[str, Any]) -> None:
        named = session if self._scenario.kind == "translation" else {"type": self._scenario.kind, **session}
        self._client.tell(f"configures {', '.join(sorted(session))}")
        answers = self._heard.seen["session.updated"]
        event_id = await self._client.send("session.update", session=named)
        await self._client.until(
            lambda: self._heard.seen["session.updated"] > answers or event_id in self._heard.errors, "session.updated"
        )

    async def _respond(self, response: dict[str, Any]) -> None:
        self._heard.ask()
        await self._client.send("response.create", **({"response": response} if response else {}))

    async def _type(self, text: str) -> None:
        self._client.tell(f"types: {text}")
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self._client.send("conversation.item.create", item=item)
        await self._respond({})

    async def _say(self, audio: str, after_heard_ms: int | None, name: str) -> None:
        if after_heard_ms is not None:
            await self._listen_for(after_heard_ms, name)
        self._client.tell(f"says {audio}")
        self._heard.ask()
        await self._client.microphone.say(audio)

    async def _press(self, audio: str) -> None:
        self._client.tell(f"pushes to talk: {audio}")
        self._heard.ask()
        await self._client.microphone.say(audio)
        await self._client.send("input_audio_buffer.commit")
        if self._scenario.kind == "realtime":
            await self._respond({})

    async def _cancel(self, after_heard_ms: int, name: str) -> None:
        await self._listen_for(after_heard_ms, name)
        playing = self._heard.playout.playing(time.monotonic())
        await self._client.send("response.cancel")
        if playing is not None:
            self._heard.playout.stop(time.monotonic())
            await self._client.truncate(playing.item_id, playing.heard_ms)
        self._client.tell("cancels the answer")

    async def _hear(self, name: str) -> None:
        """Until the agent has answered and the answer has been heard to its end."""
        translates = self._scenario.kind == "translation"
        while True:
            await self._client.until(lambda: self._heard.answered or self._heard.output_at is not None, name)
            left = self._heard.playout.ends - time.monotonic()
            if translates:
                left = max(left, (self._heard.output_at or 0.0) + QUIET_S - time.monotonic())
            if left <= 0:
                return
            await asyncio.sleep(left)

    async def _listen_for(self, length_ms: int, name: str) -> None:
        """Until so much of an answer has been heard."""
        await self._client.until(lambda: self._heard.playout.playing(time.monotonic()) is not None, name)
        while playing := self._heard.playout.playing(time.monotonic()):
            if playing.heard_ms >= length_ms:
                return
            await asyncio.sleep((length_ms - playing.heard_ms) / 1000)

    async def _finish(self) -> None:
        if self._scenario.kind == "translation":
            await self._client.send("session.close")
            await self._client.until(lambda: self._heard.seen["session.closed"] > 0, "session.closed")
            return
        try:
            async with asyncio.timeout(LATE_S):
                await self._client.wait_until(lambda: not self._heard.untranscribed)
        except TimeoutError:
            self._client.problems.append(f"no transcript within {LATE_S:g} s")
