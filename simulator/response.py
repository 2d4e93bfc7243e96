"""One response: what it says, how far it has got, and how each of its events looks. Performs no plan by itself."""

import json
from typing import Any

import pybase64

from simulator import audio, voice
from simulator.checking import Config
from simulator.config import reasons
from simulator.conversation import Item
from simulator.line import Appointment, Chance, Line
from simulator.plan import Call, Output, Speech, Text
from simulator.scenario import Reply, Trigger
from simulator.tokens import agent_audio_tokens, text_tokens
from simulator.usage import Weight

SPOKEN_OVERHEAD = 9
WRITTEN_OVERHEAD = 2


def outputs_of(reply: Reply, session: Config) -> list[Output]:
    """The items of a reply, as this session wants them: spoken or written. Calls only of functions that it declared."""
    outputs: list[Output] = []
    if reply.say and "audio" in session["output_modalities"]:
        samples = voice.speak(reply.say, str(session["audio"]["output"]["voice"]))
        outputs.append(Speech(reply.say, voice.duration_ms(samples)))
    elif reply.say:
        outputs.append(Text(reply.say))
    outputs.extend(Call(call.name, json.dumps(call.arguments)) for call in reply.call)
    return outputs


class Response:
    """State of one response."""

    def __init__(
        self, response_id: str, session: Config, reply: Reply, overrides: Config, conversation_id: str
    ) -> None:
        self.id = response_id
        self.session = session
        self.reply = reply
        self.overrides = overrides
        self.trigger: Trigger = "none"
        self.in_conversation = overrides.get("conversation") != "none"
        self.announced = False
        self.context: list[Weight] = []
        self.outputs: list[Output] = []
        self.items: dict[int, Item] = {}
        self.previous: dict[int, str | None] = {}
        self.texts: dict[int, str] = {}
        self.said: set[int] = set()
        self.finished: dict[int, str] = {}
        self.due: list[Appointment] = []
        self._conversation_id = conversation_id

    @property
    def voice(self) -> str:
        return str(self.session["audio"]["output"]["voice"])

    @property
    def format(self) -> audio.Format:
        return audio.Format(self.session["audio"]["output"]["format"]["type"])

    @property
    def spoken_ms(self) -> float:
        return sum(item.spoken_ms for item in self.items.values())

    @property
    def audio_tokens(self) -> int:
        return agent_audio_tokens(self.spoken_ms)

    @property
    def text_tokens(self) -> int:
        """What was sent as text, transcript or arguments, and what the API adds for each item."""
        return sum(
            text_tokens(text) + (WRITTEN_OVERHEAD if self.is_written(index) else SPOKEN_OVERHEAD)
            for index, text in self.texts.items()
        )

    def is_written(self, index: int) -> bool:
        return isinstance(self.outputs[index], Text)

    def wire(self, status: str, details: Config | None = None, usage: Config | None = None) -> Config:
        """The response resource."""
        output = self.session["audio"]["output"]
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [self.items[index].wire for index in sorted(self.finished)],
            "conversation_id": self._conversation_id if self.in_conversation else None,
            "output_modalities": self.session["output_modalities"],
            "max_output_tokens": self.session["max_output_tokens"],
            "audio": {"output": {"format": output["format"], "voice": output["voice"]}},
            "usage": usage,
            "metadata": self.overrides.get("metadata"),
        }

    def new_item(self, chance: Chance, index: int) -> Item:
        """An item that has just begun."""
        self.texts[index] = ""
        output = self.outputs[index]
        item = Item(wire=self._new_wire(chance, index))
        if isinstance(output, Speech):
            item.text, item.voice = output.text, self.voice
        return item

    def _new_wire(self, chance: Chance, index: int) -> Config:
        output = self.outputs[index]
        wire: Config = {"id": chance.id("item")}
        if isinstance(output, Call):
            call_id = f"call_{chance.letters(16)}"
            return {**wire, "type": "function_call", "status": "in_progress", "name": output.name, "call_id": call_id,
                    "arguments": ""}  # fmt: skip
        wire |= {"type": "message", "status": "in_progress", "role": "assistant", "content": []}
        if reasons(self.session["model"]):
            last = index == len(self.outputs) - 1
            wire["phase"] = "final_answer" if last else "commentary"
        return wire

    def wire_item(self, index: int, status: str) -> Config:
        """An item as it stands."""
        wire = {**self.items[index].wire, "status": status}
        if wire["type"] == "function_call":
            return {**wire, "arguments": self.texts[index] if status != "in_progress" else ""}
        if status == "in_progress":
            return {**wire, "content": []}
        return {**wire, "content": [self._content(index)]}

    def _content(self, index: int) -> Config:
        if self.is_written(index):
            return {"type": "output_text", "text": self.texts[index]}
        return {"type": "output_audio", "transcript": self.texts[index]}

    def _where(self, index: int) -> dict[str, Any]:
        where: dict[str, Any] = {
            "response_id": self.id,
            "item_id": self.items[index].id,
            "output_index": index,
        }
        if isinstance(self.outputs[index], Call):
            return {**where, "call_id": self.items[index].wire["call_id"]}
        return {**where, "content_index": 0}

    def _part(self, index: int) -> Config:
        text = self.texts[index]
        return {"type": "text", "text": text} if self.is_written(index) else {"type": "audio", "transcript": text}

    def send_part_added(self, line: Line, index: int) -> None:
        if not isinstance(self.outputs[index], Call):
            line.send("response.content_part.added", **self._where(index), part=self._part(index))

    def say(self, line: Line, index: int, piece: str) -> None:
        """Send a delta of text, transcript or arguments."""
        self.texts[index] += piece
        kind = {Speech: "output_audio_transcript", Text: "output_text", Call: "function_call_arguments"}
        line.send_piece(f"response.{kind[type(self.outputs[index])]}.delta", piece, **self._where(index))

    def send_audio(self, line: Line, index: int, data: bytes) -> None:
        line.send("response.output_audio.delta", **self._where(index), delta=pybase64.b64encode(data).decode())

    def send_said(self, line: Line, index: int) -> None:
        """Say that the content is complete, once."""
        if index in self.said:
            return
        self.said.add(index)
        where, text = self._where(index), self.texts[index]
        match self.outputs[index]:
            case Call(name):
                line.send("response.function_call_arguments.done", **where, name=name, arguments=text)
                line.note("arguments_done", response_id=self.id, call_id=where["call_id"], name=name)
            case Text():
                line.send("response.output_text.done", **where, text=text)
                line.send("response.content_part.done", **where, part=self._part(index))
            case Speech():
                line.send("response.output_audio.done", **where)
                line.send("response.output_audio_transcript.done", **where, transcript=text)
                line.send("response.content_part.done", **where, part=self._part(index))
