"""The two shapes of the protocol, as a server writes them: GA, and the retired beta that older logs are full of."""

from typing import Any

import msgspec

BETA_TYPES = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
NOT_IN_BETA = frozenset({"conversation.item.done"})
BETA_FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}


class Sound(msgspec.Struct, frozen=True):
    """An audio format."""

    type: str
    rate: int
    bytes_per_ms: int

    @property
    def name(self) -> str:
        """As our tables call it."""
        usual = BETA_FORMATS[self.type]
        return f"{usual}@{self.rate}" if self.type == "audio/pcm" and self.rate != PCM.rate else usual


PCM = Sound("audio/pcm", 24_000, 48)
PCM_16K = Sound("audio/pcm", 16_000, 32)
ULAW = Sound("audio/pcmu", 8_000, 8)
ALAW = Sound("audio/pcma", 8_000, 8)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A session's configuration."""

    model: str
    kind: str = "realtime"
    """realtime, transcription, translation."""
    vad: str | None = "server_vad"
    """server_vad, semantic_vad, or None: the client says when the user has finished."""
    silence_ms: int = 500
    prefix_ms: int = 300
    interrupt: bool = True
    create: bool = True
    idle_ms: int | None = None
    transcription: str | None = None
    input: Sound = PCM
    output: Sound = PCM
    voice: str = "marin"
    modality: str = "audio"
    instructions: str = "be brief"
    output_language: str | None = None
    """What a translation session speaks."""


def session(settings: Settings, session_id: str, *, beta: bool) -> dict[str, Any]:
    """The session object, whole, as the server reports it."""
    if settings.kind == "translation":
        return _translation_session(settings, session_id)
    return _beta_session(settings, session_id) if beta else _ga_session(settings, session_id)


def _translation_session(settings: Settings, session_id: str) -> dict[str, Any]:
    listening = {"transcription": _transcription(settings), "noise_reduction": {"type": "near_field"}}
    return {
        "id": session_id,
        "type": "translation",
        "model": settings.model,
        "expires_at": 1_790_000_000,
        "audio": {"input": listening, "output": {"language": settings.output_language}},
    }


def _ga_session(settings: Settings, session_id: str) -> dict[str, Any]:
    audio: dict[str, Any] = {
        "input": {
            "format": _format(settings.input),
            "noise_reduction": None,
            "transcription": _transcription(settings),
            "turn_detection": _vad(settings),
        }
    }
    if settings.kind == "realtime":
        audio["output"] = {"format": _format(settings.output), "voice": settings.voice, "speed": 1.0}
    found = {
        "type": settings.kind,
        "object": f"realtime.{'session' if settings.kind == 'realtime' else 'transcription_session'}",
        "id": session_id,
        "expires_at": 1_790_000_000,
        "audio": audio,
    }
    if settings.kind == "realtime":
        found |= {
            "model": settings.model,
            "output_modalities": [settings.modality],
            "instructions": settings.instructions,
        }
    return found


def _beta_session(settings: Settings, session_id: str) -> dict[str, Any]:
    listening = {
        "id": session_id,
        "object": "realtime.transcription_session",
        "input_audio_format": BETA_FORMATS[settings.input.type],
        "input_audio_transcription": _transcription(settings),
        "turn_detection": _vad(settings),
    }
    if settings.kind == "transcription":
        return listening
    return listening | {
        "object": "realtime.session",
        "model": settings.model,
        "modalities": ["audio", "text"] if settings.modality == "audio" else ["text"],
        "instructions": settings.instructions,
        "voice": settings.voice,
        "output_audio_format": BETA_FORMATS[settings.output.type],
        "temperature": 0.8,
        "max_response_output_tokens": "inf",
    }


def response(
    settings: Settings, response_id: str, status: str, *, beta: bool, conversation: str | None, **fields: Any
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": None,
        "output": [],
    }
    if beta:
        own = {"modalities": ["audio", "text"], "voice": settings.voice}
        found |= own | {"output_audio_format": BETA_FORMATS[settings.output.type]}
    else:
        output = {"format": _format(settings.output), "voice": settings.voice}
        found |= {"output_modalities": [settings.modality], "audio": {"output": output}}
    return {**found, "conversation_id": conversation, "metadata": None, "usage": None, **fields}


def _vad(settings: Settings) -> dict[str, Any] | None:
    if settings.vad is None:
        return None
    answers = {"create_response": settings.create, "interrupt_response": settings.interrupt}
    if settings.vad == "semantic_vad":
        return {"type": "semantic_vad", "eagerness": "auto", **answers}
    silence = {"prefix_padding_ms": settings.prefix_ms, "silence_duration_ms": settings.silence_ms}
    return {"type": "server_vad", "threshold": 0.5, **silence, "idle_timeout_ms": settings.idle_ms, **answers}


def _transcription(settings: Settings) -> dict[str, Any] | None:
    return {"model": settings.transcription} if settings.transcription else None


def _format(sound: Sound) -> dict[str, Any]:
    return {"type": sound.type, "rate": sound.rate} if sound.type == "audio/pcm" else {"type": sound.type}


def difference(before: Settings, wanted: Settings, *, beta: bool) -> dict[str, Any]:
    """What a client sends to have it changed: only what it wants changed."""
    changed = _changed(session(before, "", beta=beta), session(wanted, "", beta=beta))
    return changed if beta else {"type": wanted.kind, **changed}


def _changed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in new.items():
        was = old.get(name)
        # A format is always said whole: a rate alone would mean nothing.
        if isinstance(value, dict) and isinstance(was, dict) and name != "format":
            inner = _changed(was, value)
            found |= {name: inner} if inner else {}
        elif value != was:
            found[name] = value
    return found
