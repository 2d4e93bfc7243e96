"""What happens in generated sessions: one scene after another, each of them something that real calls are full of."""

from typing import Any

import msgspec

from tests.truth.parts import Mcp, Part, Reply, Ring, Say, Write
from tests.truth.shapes import ALAW, PCM, PCM_16K, ULAW, Settings, difference
from tests.truth.stage import QUESTIONS, Stage
from tests.truth.truths import Input, Text, Utterance
from tests.truth.world import Process

# What people say while the other speaks, to say "go on": as a speaker of the language would list them, not as we do.
ACKNOWLEDGEMENTS = (
    ("Yeah.", "Mhm", "uh-huh", "Okay!", "Right", "Got it", "I see", "yeah, yeah"),
    ("Sí", "claro", "vale", "Ajá", "de acuerdo"),
    ("Ja", "genau", "Mhm.", "ja, genau", "Alles klar", "okay", "stimmt"),
    ("Oui", "d'accord", "ouais", "D\u2019accord.", "bien sûr"),
    ("Sim", "tá bom", "certo", "uhum"),
    ("Sì", "va bene", "certo", "esatto"),
    ("はい", "うん", "そうですね", "なるほど"),
    ("嗯", "对", "好的", "是的"),
)
REMARKS = (
    "stop",
    "wait",
    "no, Tuesday",
    "and the price?",
    "nein danke",
    "what about the other one",
    "espera un momento",
    "不对",
    "ちょっと待って",
)


class Director(Stage):
    # --- turns

    def ask(self) -> Process:
        """The user speaks, the agent answers, the user listens to the end."""
        self.reply()
        spoken = self.speech()
        yield lambda: spoken.stopped
        yield from self.settle()

    def press(self) -> Process:
        """Push-to-talk."""
        self.reply()
        spoken = self.speech()
        self.client.pressed = True
        yield lambda: self.client.position_ns / 1e6 >= spoken.end_ms + 40
        self.client.pressed = False
        yield self.chance.uniform(1, 200)
        self.client.commit(spoken)
        yield self.chance.choice([0.0, 30.0])
        self.client.ask(spoken)
        yield self.chance.uniform(100, 300)
        yield from self.settle()

    def commit_nothing(self) -> Process:
        """A key pressed by mistake: an error, and no turn."""
        self.client.commit(Input())
        yield from self.settle()

    def type(self) -> Process:
        self.reply(*((Write(),) if self.settings.modality == "text" else ()))
        text = Text(text=self.chance.choice(QUESTIONS))
        self.client.write(text)
        yield self.chance.choice([0.0, 0.0, 40.0, 900.0])
        self.client.ask(text, lambda seen: self.call.witness.texted(seen, text))
        yield 300.0
        yield from self.settle()

    def greet(self) -> Process:
        greeting = Input()
        self.reply()

        def note(seen: object) -> None:
            greeting.asked = seen  # type: ignore[assignment]

        self.client.ask(greeting, note)
        yield 300.0
        yield from self.settle()

    def nudge(self) -> Process:
        yield self.chance.uniform(500, 3000)
        self.reply()
        self.server.time_out(Input())
        yield from self.settle()

    def aside(self) -> Process:
        """A response that is no part of the conversation, while one that is comes out."""
        self.server.replies.append(Reply((Write("a summary"),) if self.chance.random() < 0.7 else (self._say(),)))
        overrides: dict[str, Any] = {"conversation": "none", "metadata": {"purpose": "summary"}}
        self.client.ask(None, **overrides)
        yield self.chance.choice([400.0, 1500.0])
        yield from self.settle()

    # --- tools

    def tools(self) -> Process:
        """Some calls, answered each in its time, and the agent goes on; or calls more."""
        calls = self.chance.randrange(1, 4)
        rings = [Ring(f"tool_{n}") for n in range(calls)]
        first: tuple[Part, ...] = tuple(rings)
        if self.settings.modality == "audio" and self.chance.random() < 0.4:
            names = tuple(ring.name for ring in rings)
            first = (
                (Say(1200, "one moment", calls=names),)
                if self.chance.random() < 0.6
                else (self._say(400, 1500), *rings)
            )
        self.reply(*first)
        if self.chance.random() < 0.3:
            self.reply(Ring("then"))
        self.reply()
        yield from self._input()

    def mcp(self) -> Process:
        say = (self._say(400, 1500),) if self.chance.random() < 0.5 else ()
        call = Mcp(takes_ms=self.chance.uniform(100, 2000), fails=self.chance.random() < 0.2)
        self.reply(*say, call, self._say())
        yield from self._input()

    # --- overlaps

    def overlap(self) -> Process:
        """The user speaks while the agent does, and means something or other by it."""
        self.reply(self._say(3000, 9000))
        yield from self._begin_answer()
        yield self._speaks(self.chance.uniform(100, 2500))
        self.reply()
        spoken = self._interjection()
        yield lambda: spoken.stopped
        yield from self.settle()

    def _begin_answer(self) -> Process:
        spoken = self.speech()
        yield lambda: spoken.stopped

    def _interjection(self) -> Utterance:
        meant = self.chance.choice(["speech", "speech", "acknowledgement", "noise"])
        length = self.chance.choice([320.0, 640.0, 900.0, 1100.0, 2300.0])
        if meant == "acknowledgement":
            words: str | None = self.chance.choice(self.chance.choice(ACKNOWLEDGEMENTS))
            length = min(length, 900.0)
        elif meant == "noise":
            words = "" if self.chance.random() < 0.5 else "..."
        else:
            words = self.chance.choice(REMARKS)
        if self.chance.random() < 0.15:
            words = None
        return self.client.speak(length, words=words, meant=meant)

    def chatter(self) -> Process:
        """Several interjections into one long answer."""
        self.reply(self._say(9000, 15000))
        yield from self._begin_answer()
        yield self._speaks(400)
        for _ in range(self.chance.randrange(2, 4)):
            self.reply()
            spoken = self._interjection()
            yield lambda spoken=spoken: spoken.stopped  # type: ignore[misc]
            yield self.chance.uniform(200, 1500)
        yield from self.settle()

    def late(self) -> Process:
        """The user speaks just as the agent falls silent, before or after."""
        self.reply(self._say(600, 1500))
        yield from self._begin_answer()
        yield self._speaks(self.chance.uniform(300, 1500))
        self.reply()
        spoken = self._interjection()
        yield lambda: spoken.stopped
        yield from self.settle()

    def hasten(self) -> Process:
        """The user goes on speaking before the agent has begun."""
        self.reply()
        yield from self._begin_answer()
        yield self.chance.uniform(10, 500)
        self.reply()
        spoken = self.speech(length_ms=self.chance.uniform(600, 2500))
        yield lambda: spoken.stopped
        yield from self.settle()

    def forget(self) -> Process:
        """The user makes a noise while the agent speaks; the client throws the audio away."""
        self.reply(self._say(3000, 6000))
        yield from self._begin_answer()
        yield self._speaks(300)
        spoken = self.client.speak(4000, words=None, meant="noise")
        yield lambda: spoken.started
        yield self.chance.uniform(300, 900)
        self.client.clear(spoken)
        yield 200.0
        yield from self.settle()

    def stop(self) -> Process:
        """The user presses a button that silences the agent."""
        self.reply(self._say(2000, 4000))
        yield from self._begin_answer()
        yield self._speaks(200)
        self.client.cancel()
        yield from self.settle()

    def fail(self) -> Process:
        status, reason = self.chance.choice([("failed", "server_error"), ("incomplete", "max_output_tokens")])
        self.reply(*((self._say(),) if self.chance.random() < 0.5 else ()), status=status, reason=reason)
        yield from self._input()

    # --- changes

    def reconfigure(self) -> Process:
        """Another voice, another silence, another format, in the middle of the call."""
        yield from self.configure(self._changed())

    def configure(self, wanted: Settings) -> Process:
        before, self.settings = self.settings, wanted
        self.client.update(wanted, difference(before, wanted, beta=self.call.plan.beta))
        yield self.chance.choice([0.0, 400.0])

    def _changed(self) -> Settings:
        now, chance = self.settings, self.chance
        formats = [PCM, ULAW, ALAW] if self.call.plan.beta else [PCM, PCM_16K, ULAW, ALAW]
        what = chance.choice(["voice", "silence", "input", "output", "words", "model"])
        if what == "silence" and now.vad == "server_vad":
            return msgspec.structs.replace(now, silence_ms=chance.choice([200, 350, 500, 800]))
        if what == "input" and not self.call.plan.sideband:
            return msgspec.structs.replace(now, input=chance.choice(formats))
        if what == "output" and not self.call.plan.sideband:
            return msgspec.structs.replace(now, output=chance.choice(formats))
        if what == "model" and now.transcription:
            models = ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-realtime-whisper"]
            return msgspec.structs.replace(now, transcription=chance.choice(models))
        if what == "words":
            return msgspec.structs.replace(now, instructions=f"be {chance.choice(['kind', 'quick', 'brief'])}")
        return msgspec.structs.replace(now, voice=chance.choice(["marin", "cedar"]))
