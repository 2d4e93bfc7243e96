"""What all scenes of generated sessions are made of: speech, replies, tools that answer, and waiting until it is quiet."""

from collections.abc import Callable

from tests.truth.call import Call
from tests.truth.client import Client
from tests.truth.parts import Part, Reply, Say
from tests.truth.server import Server
from tests.truth.truths import Answer, Input, Text, Tool, Utterance
from tests.truth.world import Process

QUESTIONS = (
    "what is the weather in Ulm",
    "¿cuánto cuesta?",
    "können Sie das buchen",
    "I would like to move my appointment",
)


class Stage:
    """Who takes part in a session, and how a scene sees that it is over."""

    def __init__(self, call: Call, client: Client, server: Server) -> None:
        self.call = call
        self.client = client
        self.server = server
        self.chance = call.chance
        self.settings = call.plan.settings
        client.handle_tool = self._on_tool
        client.handle_done = self._on_done
        client.handle_reply = self._on_reply
        self._tools: dict[str, list[Tool]] = {}
        self._unanswered: dict[str, int] = {}
        self._finished: set[str] = set()
        self._asking = False
        """What comes after a tool was asked for, and neither begun nor refused."""
        self._tool_ms = (50.0, 2500.0)

    # --- what scenes are made of

    def _quiet(self) -> bool:
        now = self.call.world.now_ns
        silent = self.call.truth.player.playing(now) is None and self.client.player.playing(now) is None
        return silent and self.call.told and self.server.idle and not self._unanswered and not self._asking

    def settle(self) -> Process:
        """Until all has been said and heard, and the wires are empty."""
        yield self._quiet
        yield self.chance.uniform(300, 900)
        yield self._quiet
        yield self.chance.uniform(20, 400)

    def _speaks(self, least_ms: float = 0) -> Callable[[], bool]:
        """The agent can be heard, and has been for a while."""
        begun: list[int] = []

        def true() -> bool:
            now = self.call.world.now_ns
            playing = self.call.truth.holder(now)
            if playing is not None and not begun:
                begun.append(now)
            return bool(begun) and now - begun[0] >= least_ms * 1e6

        return true

    def _say(self, least_ms: float = 300, most_ms: float = 5000) -> Say:
        return Say(round(self.chance.uniform(least_ms, most_ms)), pace=self.chance.choice([2.0, 10.0, 10.0, 30.0]))

    def reply(self, *parts: Part, status: str = "completed", reason: str | None = None) -> None:
        think = self.chance.uniform(80, 600)
        self.server.replies.append(Reply(parts or (self._say(),), status, reason, think))

    def speech(self, words: str | None = "", length_ms: float = 0, meant: str = "speech") -> Utterance:
        words = self.chance.choice(QUESTIONS) if words == "" and meant == "speech" else words
        return self.client.speak(length_ms or self.chance.uniform(700, 4000), words=words, meant=meant)

    # --- tools

    def _input(self) -> Process:
        if self.settings.vad is None or self.settings.modality == "text":
            text = Text(text="do it")
            self.client.write(text)
            self.client.ask(text, lambda seen: self.call.witness.texted(seen, text))
            yield 300.0
        else:
            spoken = self.speech()
            yield lambda: spoken.stopped
        yield from self.settle()

    def _on_tool(self, answer: Answer, tool: Tool) -> None:
        self._unanswered[answer.id] = self._unanswered.get(answer.id, 0) + 1

        def respond() -> None:
            self.client.answer_tool(tool, f"fog in {tool.name}")
            self._unanswered[answer.id] -= 1
            self._go_on(answer)

        self.call.world.after(self.chance.uniform(*self._tool_ms), respond)

    def _on_done(self, answer: Answer) -> None:
        self._finished.add(answer.id)
        self._go_on(answer)

    def _go_on(self, answer: Answer) -> None:
        """All tools have answered, and the response is done: the client asks for what comes next."""
        if answer.id in self._finished and self._unanswered.get(answer.id) == 0:
            del self._unanswered[answer.id]
            if answer.status != "cancelled" and answer.turn is not None:
                self._asking = True
                self.client.ask(Input(turn=answer.turn))

    def _on_reply(self) -> None:
        self._asking = False
