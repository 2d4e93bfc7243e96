"""The sessions of a seed: which kinds there are, what happens in each, and over what network, clock and log."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.truth.call import Plan
from tests.truth.money import TOKEN_PRICES, TRANSLATION_MODEL, UNKNOWN_MODEL
from tests.truth.recorder import ClockStep
from tests.truth.scenes import Director
from tests.truth.shapes import ALAW, PCM, PCM_16K, ULAW, Settings
from tests.truth.translating import another_language, translate
from tests.truth.world import NS_PER_MS, Process, Weather

Scene = Callable[[Director], Process]

_TALK: tuple[Scene, ...] = (Director.ask, Director.overlap, Director.greet)
KINDS: dict[str, tuple[Scene, ...]] = {
    "server_vad": (*_TALK, Director.late, Director.hasten, Director.fail, Director.stop, Director.chatter),
    "server_vad_beta": (*_TALK, Director.late, Director.type, Director.tools, Director.stop),
    "not_interruptible": (*_TALK, Director.chatter, Director.hasten, Director.late),
    "semantic_vad": (*_TALK, Director.late, Director.chatter),
    "manual": (Director.press, Director.press, Director.commit_nothing, Director.type, Director.greet, Director.tools),
    "manual_beta": (Director.press, Director.press, Director.commit_nothing, Director.type),
    "text": (Director.type, Director.type, Director.greet, Director.tools, Director.fail, Director.mcp),
    "mixed": (Director.greet, Director.ask, Director.type, Director.overlap, Director.aside, Director.tools),
    "idle": (Director.ask, Director.nudge, Director.nudge),
    "out_of_band": (Director.ask, Director.aside, Director.aside, Director.overlap, Director.type),
    "tools": (Director.tools, Director.tools, Director.ask, Director.mcp),
    "mcp": (Director.mcp, Director.mcp, Director.ask),
    "transcription": (Director.ask, Director.ask),
    "sideband": (*_TALK, Director.late, Director.type, Director.tools),
    "reconfigured": (*_TALK, Director.reconfigure, Director.reconfigure, Director.type),
    "forgotten": (Director.forget, Director.ask),
    "translation": (translate, translate, translate, another_language),
}
_BETA = frozenset({"server_vad_beta", "manual_beta"})
_MINUTE_NS = 60_000 * NS_PER_MS
_STEPS_MS = (-3_600_000, -70_000, -5_000, -400, 400, 5_000, 70_000, 3_600_000)
_LOSABLE = (
    frozenset({"input_audio_buffer.append", "session.input_audio_buffer.append"}),
    frozenset({"input_audio_buffer.append", "response.output_audio_transcript.delta", "rate_limits.updated"}),
    frozenset({"response.done"}),
    frozenset({"conversation.item.input_audio_transcription.completed"}),
    frozenset({"response.output_audio.delta", "response.audio.delta", "session.output_audio.delta"}),
    frozenset({"conversation.item.truncate", "conversation.item.truncated"}),
)


def plans(seed: int, count: int) -> Iterator[Plan]:
    """Sessions of all kinds in turn."""
    kinds = list(KINDS)
    for number in range(count):
        yield plan(kinds[number % len(kinds)], seed * 1_000_003 + number)


def plan(kind: str, seed: int) -> Plan:
    chance = Random(seed)
    beta = kind in _BETA or (kind in {"reconfigured", "transcription"} and chance.random() < 0.3)
    lossy = chance.random() < 0.15
    settings = _settings(kind, chance, beta=beta)
    preset = kind == "sideband" or chance.random() < 0.3
    plain = Settings(model=settings.model, kind=settings.kind, silence_ms=200, voice="alloy")
    return Plan(
        seed=seed,
        kind=kind,
        settings=settings,
        begins_as=settings if preset else plain,
        waits=preset or chance.random() < 0.5,
        beta=beta,
        sideband=kind == "sideband",
        chunk_ms=chance.choice([10.0, 20.0, 20.0, 32.0, 40.0, 85.3125, 100.0, 200.0]),
        odd_sizes=chance.random() < 0.2,
        hurry=1.0 if kind == "sideband" else chance.choice([1.0, 1.0, 1.0, 4.0]),
        truncates=chance.random() < 0.75,
        cancels=chance.random() < 0.2,
        names_items=chance.random() < 0.3,
        gives_event_ids=chance.random() < 0.5,
        near=_weather(chance, 4, 40),
        far=_weather(chance, 5, 80),
        opened_at_ns=1_790_000_000_000_000_000
        + chance.randrange(0, 60_000) * NS_PER_MS
        + chance.randrange(0, NS_PER_MS),
        steps=_steps(chance),
        loses=chance.choice(_LOSABLE) if lossy else frozenset(),
        loss=chance.choice([0.02, 0.2, 0.7]) if lossy else 0.0,
        explains_loss=chance.random() < 0.5,
        usage_told=chance.choice(["whole"] * 12 + ["no_split", "sums", "zeros", "nothing"]),
        end=chance.choice(["client"] * 5 + ["abrupt", "expired", "died", "cut"]),
    )


def _settings(kind: str, chance: Random, *, beta: bool) -> Settings:
    formats = (PCM, PCM, PCM, ULAW, ALAW) if beta else (PCM, PCM, PCM, PCM_16K, ULAW, ALAW)
    wanted: dict[str, Any] = {
        "model": chance.choice([*TOKEN_PRICES, UNKNOWN_MODEL]),
        "silence_ms": chance.choice([200, 500, 500, 700]),
        "prefix_ms": chance.choice([0, 100, 300, 300]),
        "transcription": chance.choice([None, "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"]),
        "input": chance.choice(formats),
        "output": chance.choice(formats),
    }
    model: str = wanted["model"]
    if not beta and model in TOKEN_PRICES and TOKEN_PRICES[model][6] is not None:
        wanted["instructions"] = chance.choice(["be brief", "look at the image"])
    special: dict[str, dict[str, Any]] = {
        "not_interruptible": {"interrupt": False},
        "semantic_vad": {"vad": "semantic_vad", "transcription": "gpt-realtime-whisper"},
        "manual": {"vad": None},
        "manual_beta": {"vad": None},
        "text": {"modality": "text"},
        "idle": {"idle_ms": 5000, "transcription": None},
        "transcription": {"kind": "transcription", "create": False, "transcription": "gpt-4o-transcribe"},
    }
    if kind == "translation":
        heard = chance.choice([None, "gpt-realtime-whisper"])
        special[kind] = {"kind": kind, "vad": None, "model": TRANSLATION_MODEL, "input": PCM, "transcription": heard}
        special[kind]["output_language"] = "de"
    if kind == "transcription":
        special[kind]["transcription"] = chance.choice(["gpt-4o-transcribe", "whisper-1", "gpt-realtime-whisper"])
    return Settings(**(wanted | special.get(kind, {})))


def _weather(chance: Random, base_ms: float, jitter_ms: float) -> Weather:
    """Mostly fair; sometimes restless, with stalls of up to two seconds and the burst that follows."""
    jitter = chance.choice([0.0, jitter_ms / 8, jitter_ms])
    stalls = chance.choice([0.0, 0.0, 0.0, 0.002, 0.01])
    return Weather(base_ms + chance.random() * base_ms, jitter, stalls, chance.choice([200.0, 2000.0]))


def _steps(chance: Random) -> tuple[ClockStep, ...]:
    if chance.random() < 0.75:
        return ()
    steps = [ClockStep(chance.randrange(1, 60_000) * NS_PER_MS, chance.choice(_STEPS_MS) * NS_PER_MS) for _ in range(2)]
    return tuple(steps[: chance.randrange(1, 3)])


def scenes(director: Director, kind: str) -> Process:
    """Some of what happens in sessions of a kind, with time between."""
    call = director.call
    for scene in call.chance.choices(KINDS[kind], k=call.chance.randrange(2, 5)):
        yield from scene(director)
        yield call.chance.uniform(50, 800)
