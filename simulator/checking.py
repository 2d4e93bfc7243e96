"""What the API takes in `session.update` and `response.create`, and how it refuses the rest (PROTOCOL 3.4). Pure."""

from typing import Any

Config = dict[str, Any]

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")


class Rejected(Exception):
    """An update or a request that the API answers with an `error` event and ignores as a whole."""

    def __init__(self, message: str, *, code: str | None = "invalid_value", param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param


# None: any JSON. A tuple: one of these. A type: of this type. A dict: an object with these keys.
_FORMAT: Config = {"type": ("audio/pcm", "audio/pcmu", "audio/pcma"), "rate": int}
_INPUT: Config = {
    "format": _FORMAT,
    "transcription": {
        "model": str, "language": None, "languages": None, "prompt": None, "keywords": None, "delay": None,
    },
    "noise_reduction": {"type": ("near_field", "far_field"), "strength": float},
    "turn_detection": {
        "type": ("server_vad", "semantic_vad"),
        "threshold": float,
        "prefix_padding_ms": int,
        "silence_duration_ms": int,
        "idle_timeout_ms": int,
        "create_response": bool,
        "interrupt_response": bool,
        "eagerness": ("low", "medium", "high", "auto"),
    },
}  # fmt: skip
_OUTPUT: Config = {"format": _FORMAT, "voice": None, "speed": float}
_SHAPES: dict[str, Config] = {
    "realtime": {
        "type": ("realtime",),
        "model": str,
        "output_modalities": list,
        "instructions": str,
        "tools": list,
        "tool_choice": None,
        "parallel_tool_calls": bool,
        "max_output_tokens": None,
        "tracing": None,
        "truncation": None,
        "prompt": None,
        "reasoning": None,
        "audio": {"input": _INPUT, "output": _OUTPUT},
        "include": list,
    },
    "transcription": {"type": ("transcription",), "audio": {"input": _INPUT}, "include": list},
}


_RESPONSE: Config = {
    "conversation": ("auto", "none"),
    "input": list,
    "instructions": str,
    "tools": list,
    "tool_choice": None,
    "parallel_tool_calls": bool,
    "output_modalities": list,
    "audio": {"output": _OUTPUT},
    "max_output_tokens": None,
    "metadata": dict,
    "prompt": None,
    "reasoning": None,
}


def check_session(config: Config, changes: Config, *, model: str, kind: str, spoken: bool) -> None:
    """Rejected where a `session.update` can't be followed. `spoken`: the agent has been heard."""
    if "type" not in changes:
        raise Rejected(
            "Missing required parameter: 'session.type'.", code="missing_required_parameter", param="session.type"
        )
    _check(changes, _SHAPES[kind], "session")
    _check_values(config, changes, model=model, spoken=spoken)


def check_response(overrides: Any) -> Config:
    """The overrides of a `response.create`, or Rejected."""
    _check(overrides, _RESPONSE, "response")
    modalities = overrides.get("output_modalities")
    if modalities is not None and modalities not in (["audio"], ["text"]):
        raise Rejected(_modalities_message(modalities), param="response.output_modalities")
    whole: Config = overrides
    return whole


_TRANSLATION: Config = {
    "type": ("translation",),
    "audio": {
        "input": {"transcription": {"model": str, "language": None}, "noise_reduction": _INPUT["noise_reduction"]},
        "output": {"language": str},
    },
}


def check_translation(changes: Any) -> Config:
    """The changes that a translation session's `session.update` asks for, or Rejected (PROTOCOL 4.11)."""
    if not isinstance(changes, dict):
        raise Rejected("Missing required parameter: 'session'.", code="missing_required_parameter", param="session")
    _check(changes, _TRANSLATION, "session")
    return changes


def _check(value: Any, shape: Any, path: str) -> None:
    if value is None or shape is None:
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise Rejected(f"Invalid type for '{path}': expected an object.", code="invalid_type", param=path)
        for key, inner in value.items():
            if key not in shape:
                raise Rejected(f"Unknown parameter: '{path}.{key}'.", code="unknown_parameter", param=f"{path}.{key}")
            _check(inner, shape[key], f"{path}.{key}")
    elif isinstance(shape, tuple):
        if value not in shape:
            allowed = ", ".join(f"'{name}'" for name in shape)
            raise Rejected(f"Invalid value: '{value}'. Supported values are: {allowed}.", param=path)
    elif not isinstance(value, (int, float) if shape is float else shape) or isinstance(value, bool) is not (
        shape is bool
    ):
        raise Rejected(f"Invalid type for '{path}': got {value!r}.", code="invalid_type", param=path)


def _check_values(config: Config, changes: Config, *, model: str, spoken: bool) -> None:
    _check_below(changes)
    if "model" in changes and changes["model"] != model:
        raise Rejected("Cannot update model once the session has begun.", param="session.model")
    sound = changes.get("audio") or {}
    voice = (sound.get("output") or {}).get("voice")
    if isinstance(voice, str) and voice not in VOICES:
        allowed = ", ".join(f"'{name}'" for name in VOICES)
        raise Rejected(
            f"Invalid value: '{voice}'. Supported values are: {allowed}.", param="session.audio.output.voice"
        )
    if voice is not None and spoken and voice != config["audio"]["output"]["voice"]:
        raise Rejected(
            "Cannot update a conversation's voice if assistant audio is present.",
            code="cannot_update_voice",
            param="session.audio.output.voice",
        )
    modalities = changes.get("output_modalities")
    if modalities is not None and modalities not in (["audio"], ["text"]):
        raise Rejected(_modalities_message(modalities), param="session.output_modalities")
    if not all(isinstance(tool, dict) for tool in changes.get("tools") or []):
        raise Rejected(
            "Invalid type for 'session.tools': expected objects.", code="invalid_type", param="session.tools"
        )


def _modalities_message(modalities: Any) -> str:
    return f"Invalid modalities: {modalities}. Supported combinations are: ['text'] and ['audio']."


def _check_below(changes: Config) -> None:
    listening = (changes.get("audio") or {}).get("input") or {}
    rate = (listening.get("format") or {}).get("rate")
    if rate is not None and rate < 24_000:  # noqa: PLR2004 - the one rate that the API takes
        _below("session.audio.input.format.rate", rate, 24_000)
    for name in ("prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms"):
        value = (listening.get("turn_detection") or {}).get(name)
        if value is not None and value < 0:
            _below(f"session.audio.input.turn_detection.{name}", value, 0)
    tokens = changes.get("max_output_tokens")
    if isinstance(tokens, int) and tokens < 1:
        _below("session.max_output_tokens", tokens, 1)


def _below(param: str, value: float, least: int) -> None:
    message = f"Invalid '{param}': integer below minimum value. Expected a value >= {least}, but got {value} instead."
    raise Rejected(message, code="integer_below_min_value", param=param)
