"""The retired beta shape of the API and the GA shape: what a message of one is in the other (PROTOCOL 1.6). Pure.

Clients of that age send beta and understand beta; the upstream speaks GA. What is the same in both, or belongs to
neither, goes through as it is; what has no counterpart is left out.
"""

from typing import Any

Event = dict[str, Any]

TEMPERATURE = 0.8
"""What the beta API reported unless told otherwise. GA has none, and what a client asks for has no effect."""

_BETA_TYPES = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
_LEFT_OUT = frozenset({"conversation.item.done"})
"""Beta tells of an item once, when it is created."""
_BETA_PARTS = {"output_text": "text", "output_audio": "audio"}
_BETA_FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
_GA_FORMATS: dict[str, Event] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}


# --- what the client sends


def to_ga(event: Event) -> Event:
    """A client's event as the GA API takes it."""
    match event:
        case {"type": "session.update", "session": dict(session)}:
            return {**event, "session": {"type": "realtime", **_ga_session(session)}}
        case {"type": "transcription_session.update", "session": dict(session)}:
            return {**event, "type": "session.update", "session": {"type": "transcription", **_ga_session(session)}}
        case {"type": "response.create", "response": dict(response)}:
            return {**event, "response": _ga_response(response)}
        case {"type": "conversation.item.create", "item": dict(item)}:
            return {**event, "item": _ga_item(item)}
    return event


_NESTED = {
    "input_audio_transcription": ("input", "transcription"),
    "input_audio_noise_reduction": ("input", "noise_reduction"),
    "turn_detection": ("input", "turn_detection"),
    "input_audio_format": ("input", "format"),
    "output_audio_format": ("output", "format"),
    "voice": ("output", "voice"),
    "speed": ("output", "speed"),
}
_NOT_IN_GA = frozenset({"temperature", "client_secret", "model", "id", "object", "expires_at"})
"""`model` is the connection's matter in GA, and the others are what a server says of a session."""


def _ga_session(beta: Event) -> Event:
    """Flat names to nested ones, and nothing that was not there."""
    ga: Event = {}
    sound: Event = dict(beta["audio"]) if isinstance(beta.get("audio"), dict) else {}
    for name, value in beta.items():
        if name in _NESTED:
            side, inner = _NESTED[name]
            sound[side] = {**sound.get(side, {}), inner: _ga_format(value) if inner == "format" else value}
        elif name == "modalities":
            ga["output_modalities"] = _ga_modalities(value)
        elif name == "max_response_output_tokens":
            ga["max_output_tokens"] = value
        elif name not in _NOT_IN_GA and name != "audio":
            ga[name] = value
    return {**ga, "audio": sound} if sound else ga


def _ga_response(beta: Event) -> Event:
    ga = _ga_session(beta)
    if isinstance(ga.get("input"), list):
        ga["input"] = [_ga_item(item) for item in ga["input"]]
    return ga


def _ga_modalities(beta: Any) -> Any:
    """GA knows either; audio always has its transcript."""
    if not isinstance(beta, list):
        return beta
    return ["audio"] if "audio" in beta else ["text"]


def _ga_format(beta: Any) -> Any:
    return _GA_FORMATS.get(beta, {"type": beta}) if isinstance(beta, str) else beta


def _ga_item(item: Any) -> Any:
    if not isinstance(item, dict) or not isinstance(item.get("content"), list):
        return item
    side = "output" if item.get("role") == "assistant" else "input"
    return {**item, "content": [_ga_part(part, side) for part in item["content"]]}


def _ga_part(part: Any, side: str) -> Any:
    if isinstance(part, dict) and part.get("type") in {"text", "audio"}:
        return {**part, "type": f"{side}_{part['type']}"}
    return part


# --- what the server sends


def to_beta(event: Event) -> Event | None:
    """A server's event as a client of the beta API understands it; None for one that beta doesn't have."""
    kind: Any = event.get("type")
    if not isinstance(kind, str):
        return event
    if kind in _LEFT_OUT:
        return None
    if kind in {"session.created", "session.updated"} and isinstance(event.get("session"), dict):
        return _beta_session_event(event)
    beta = {**event, "type": _BETA_TYPES.get(kind, kind)}
    for name, reshaped in (("item", _beta_item), ("response", _beta_response), ("part", _beta_part)):
        if name in event:
            beta[name] = reshaped(event[name])
    return beta


def _beta_session_event(event: Event) -> Event:
    session: Event = event["session"]
    flat = _beta_session(session)
    if session.get("type") == "transcription":
        return {**event, "type": f"transcription_{event['type']}", "session": flat}
    return {**event, "session": {"temperature": TEMPERATURE, **flat}}


_FLAT = {place: name for name, place in _NESTED.items()}


def _beta_session(ga: Event) -> Event:
    """Nested names to flat ones, and nothing that was not there."""
    flat: Event = {}
    for name, value in ga.items():
        if name == "audio" and isinstance(value, dict):
            flat |= _beta_audio(value)
        elif name == "output_modalities":
            flat["modalities"] = _beta_modalities(value)
        elif name == "max_output_tokens":
            flat["max_response_output_tokens"] = value
        elif name != "type":
            flat[name] = value
    return flat


def _beta_audio(audio: Event) -> Event:
    flat: Event = {}
    for side, settings in audio.items():
        for name, value in settings.items() if isinstance(settings, dict) else ():
            flat[_FLAT.get((side, str(name)), str(name))] = _beta_format(value) if name == "format" else value
    return flat


def _beta_response(ga: Any) -> Any:
    if not isinstance(ga, dict):
        return ga
    flat = _beta_session(ga)
    if "max_response_output_tokens" in flat:
        flat["max_output_tokens"] = flat.pop("max_response_output_tokens")
    if isinstance(flat.get("output"), list):
        flat["output"] = [_beta_item(item) for item in flat["output"]]
    return {**flat, "temperature": TEMPERATURE}


def _beta_modalities(ga: Any) -> Any:
    return (["text", "audio"] if "audio" in ga else ["text"]) if isinstance(ga, list) else ga


def _beta_format(ga: Any) -> Any:
    return _BETA_FORMATS.get(str(ga.get("type")), ga.get("type")) if isinstance(ga, dict) else ga


def _beta_item(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    beta = {**item, "object": "realtime.item"}
    if isinstance(item.get("content"), list):
        beta["content"] = [_beta_part(part) for part in item["content"]]
    return beta


def _beta_part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    return {**part, "type": _BETA_PARTS.get(str(part.get("type")), part.get("type"))}
