"""A stand-in for the user's own client: holds calls with the real `openai` SDK, as a person would.

Knows nothing of simulators: the same calls can be held with the API itself.
"""

import asyncio
import time
from collections.abc import Iterable

import openai
from openai import AsyncOpenAI
from websockets.exceptions import WebSocketException

from simulator.calls import Call
from simulator.holding import CallOutcome, Holding, NoAnswer, Progress
from simulator.microphone import RecordingMissing


async def hold_calls(base_url: str, api_key: str, calls: Iterable[Call], on_progress: Progress) -> list[CallOutcome]:
    """Hold all calls side by side through a base URL (`ws://host:port/v1`). Cancelled, it hangs up all of them."""
    async with AsyncOpenAI(api_key=api_key, websocket_base_url=base_url, max_retries=0) as client:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_hold(client, call, on_progress)) for call in calls]
        return [task.result() for task in tasks]


async def _hold(client: AsyncOpenAI, call: Call, on_progress: Progress) -> CallOutcome:
    outcome = CallOutcome(name=call.name, model=call.model)
    await asyncio.sleep(call.starts_ms / 1000)
    began = time.monotonic()
    try:
        async with client.realtime.connect(model=call.model) as connection:
            await Holding(call, connection, outcome, on_progress).hold()
    except* (openai.OpenAIError, WebSocketException, OSError, NoAnswer, RecordingMissing) as failed:
        outcome.problem = "; ".join(_messages(failed))
    outcome.seconds = round(time.monotonic() - began, 1)
    on_progress(call.name, outcome.problem or f"hung up after {outcome.seconds} s")
    return outcome


def _messages(failed: BaseExceptionGroup[BaseException]) -> list[str]:
    messages: list[str] = []
    for error in failed.exceptions:
        messages += _messages(error) if isinstance(error, BaseExceptionGroup) else [str(error) or repr(error)]
    return messages
