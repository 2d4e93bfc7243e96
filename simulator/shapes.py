"""The retired beta shape of the API, made from the GA shape and back (PROTOCOL 1.6). Pure."""

from typing import Any

Event = dict[str, Any]

TYPES = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
PARTS = {"output_text": "text", "output_audio": "audio"}
FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
GA_FORMATS = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
TEMPERATURE = 0.8


def to_beta(event: Event) -> Event | None:
    """An event as the beta API sends it; None for one that it doesn't have."""
    kind = event["type"]
    if kind == "conversation.item.done":
        return None
    if kind in {"session.created", "session.updated"}:
        return _session_event(event)
    beta = {**event, "type": TYPES.get(kind, kind)}
    if "item" in event:
        beta["item"] = _item(event["item"])
    if "response" in event:
        beta["response"] = _response(event["response"])
    return beta


def _session_event(event: Event) -> Event:
    session = event["session"]
    if session["type"] == "transcription":
        return {**event, "type": f"transcription_{event['type']}", "session": _transcription_session(session)}
    return {**event, "session": _session(session)}


def _session(session: Event) -> Event:
    listening, speaking = session["audio"]["input"], session["audio"]["output"]
    return {
        "object": session["object"],
        "id": session["id"],
        "model": session["model"],
        "modalities": _modalities(session["output_modalities"]),
        "instructions": session["instructions"],
        "voice": speaking["voice"],
        "output_audio_format": FORMATS[speaking["format"]["type"]],
        "tools": session["tools"],
        "tool_choice": session["tool_choice"],
        "temperature": TEMPERATURE,
        "max_response_output_tokens": session["max_output_tokens"],
        "turn_detection": listening["turn_detection"],
        "speed": speaking["speed"],
        "tracing": session["tracing"],
        "truncation": session["truncation"],
        "prompt": session["prompt"],
        "expires_at": session["expires_at"],
        **_listening(listening),
        "client_secret": None,
        "include": session["include"],
    }


def _transcription_session(session: Event) -> Event:
    listening = session["audio"]["input"]
    return {
        "object": session["object"],
        "id": session["id"],
        "expires_at": session["expires_at"],
        **_listening(listening),
        "turn_detection": listening["turn_detection"],
        "client_secret": None,
        "include": session["include"],
    }


def _listening(listening: Event) -> Event:
    return {
        "input_audio_noise_reduction": listening["noise_reduction"],
        "input_audio_format": FORMATS[listening["format"]["type"]],
        "input_audio_transcription": listening["transcription"],
    }


def _item(item: Event) -> Event:
    beta = {"id": item["id"], "object": "realtime.item", **{key: item[key] for key in item if key != "id"}}
    if "content" in item:
        beta["content"] = [{**part, "type": PARTS.get(part["type"], part["type"])} for part in item["content"]]
    return beta


def _response(response: Event) -> Event:
    speaking = response["audio"]["output"]
    return {
        "object": response["object"],
        "id": response["id"],
        "status": response["status"],
        "status_details": response["status_details"],
        "output": [_item(item) for item in response["output"]],
        "conversation_id": response["conversation_id"],
        "modalities": _modalities(response["output_modalities"]),
        "voice": speaking["voice"],
        "output_audio_format": FORMATS[speaking["format"]["type"]],
        "temperature": TEMPERATURE,
        "max_output_tokens": response["max_output_tokens"],
        "usage": response["usage"],
        "metadata": response["metadata"],
    }


def _modalities(ga: list[str]) -> list[str]:
    return ["audio", "text"] if "audio" in ga else ["text"]


def from_beta(event: Event) -> Event:
    """A client's beta event as its GA equivalent; what is the same in both, or no sense in either, is left as it is."""
    match event:
        case {"type": "session.update", "session": dict(session)}:
            return {**event, "session": _ga_session(session, "realtime")}
        case {"type": "transcription_session.update", "session": dict(session)}:
            return {**event, "type": "session.update", "session": _ga_session(session, "transcription")}
        case {"type": "response.create", "response": dict(response)}:
            return {**event, "response": _ga_session(response, None)}
        case {"type": "conversation.item.create", "item": {"content": list(content)}}:
            return {**event, "item": {**event["item"], "content": [_ga_part(part) for part in content]}}
    return event


RENAMED = {
    "input_audio_transcription": ("input", "transcription"),
    "input_audio_noise_reduction": ("input", "noise_reduction"),
    "turn_detection": ("input", "turn_detection"),
    "voice": ("output", "voice"),
    "speed": ("output", "speed"),
}
DROPPED = {"temperature", "client_secret"}


def _ga_session(beta: Event, kind: str | None) -> Event:
    """Flat names to nested ones, and nothing that was not there."""
    ga: Event = {"type": kind} if kind else {}
    sound: dict[str, Event] = {}
    for name, value in beta.items():
        if name in RENAMED:
            side, inner = RENAMED[name]
            sound.setdefault(side, {})[inner] = value
        elif name in {"input_audio_format", "output_audio_format"}:
            side = name.removesuffix("_audio_format")
            sound.setdefault(side, {})["format"] = GA_FORMATS.get(str(value), {"type": value})
        elif name == "modalities" and isinstance(value, list):
            ga["output_modalities"] = ["audio"] if "audio" in value else ["text"]
        elif name in {"max_response_output_tokens", "max_output_tokens"}:
            ga["max_output_tokens"] = value
        elif name not in DROPPED:
            ga[name] = value
    return {**ga, "audio": sound} if sound else ga


def _ga_part(part: Any) -> Any:
    match part:
        case {"type": "text"}:
            return {**part, "type": "output_text"}
        case {"type": "audio"}:
            return {**part, "type": "output_audio"}
    return part
