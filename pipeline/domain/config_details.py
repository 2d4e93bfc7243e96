"""The parts of a session's configuration that no analytic needs, but whoever compares calls does.

A table of where each stands in the GA shape and in the beta shape, and of what kind it must be. As everywhere: what is
absent stays as it was, a null clears it, and what makes no sense is absent.
"""

import zlib
from collections.abc import Callable
from typing import Any

import msgspec

Convert = Callable[[Any], Any]


def of_session(session: dict[str, Any], *, ga: bool) -> dict[str, Any]:
    """Field -> value, of those that the session object speaks of."""
    found: dict[str, Any] = {}
    for field, path, beta_path, convert in _DETAILS:
        value = _at(session, path if ga else beta_path)
        if value is None:
            found[field] = None
        elif value is not msgspec.UNSET:
            converted = convert(value)
            if converted is not None:
                found[field] = converted
    return found


def _at(session: Any, path: tuple[str, ...]) -> Any:
    """What stands there, None also where the way there is null; UNSET where nothing does."""
    for name in path:
        if session is None:
            return None
        if not isinstance(session, dict) or name not in session:
            return msgspec.UNSET
        session = session[name]
    return session if path else msgspec.UNSET


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9 else None  # noqa: PLR2004


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _limit(value: Any) -> str | None:
    """A number, or `inf`."""
    return value if isinstance(value, str) else None if _whole(value) is None else str(_whole(value))


def _joined(value: Any) -> str | None:
    return "+".join(sorted(one for one in value if isinstance(one, str))) if isinstance(value, list) else None


def _names(value: Any) -> str | None:
    """Of tools: a function's name, an MCP server's label."""
    if not isinstance(value, list):
        return None
    named = (tool.get("name") or tool.get("server_label") for tool in value if isinstance(tool, dict))
    return ", ".join(sorted(name for name in named if isinstance(name, str)))


def _digest(value: Any) -> str | None:
    """Tells one text from another without holding it: eight hexadecimal digits; of an empty one, nothing."""
    return f"{zlib.crc32(value.encode(errors='replace')):08x}" if isinstance(value, str) else None


_VAD, _BETA_VAD = ("audio", "input", "turn_detection"), ("turn_detection",)

_DETAILS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], Convert], ...] = (
    ("output_modalities", ("output_modalities",), ("modalities",), _joined),
    ("speed", ("audio", "output", "speed"), ("speed",), _number),
    ("output_language", ("audio", "output", "language"), (), _text),
    ("vad_threshold", (*_VAD, "threshold"), (*_BETA_VAD, "threshold"), _number),
    ("idle_timeout_ms", (*_VAD, "idle_timeout_ms"), (), _whole),
    ("eagerness", (*_VAD, "eagerness"), (*_BETA_VAD, "eagerness"), _text),
    ("create_response", (*_VAD, "create_response"), (*_BETA_VAD, "create_response"), _flag),
    ("interrupt_response", (*_VAD, "interrupt_response"), (*_BETA_VAD, "interrupt_response"), _flag),
    ("noise_reduction", ("audio", "input", "noise_reduction", "type"), ("input_audio_noise_reduction", "type"), _text),
    ("max_output_tokens", ("max_output_tokens",), ("max_response_output_tokens",), _limit),
    ("reasoning_effort", ("reasoning", "effort"), (), _text),
    ("prompt_id", ("prompt", "id"), (), _text),
    ("tools", ("tools",), ("tools",), _names),
    ("instructions_digest", ("instructions",), ("instructions",), _digest),
)
