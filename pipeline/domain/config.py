"""The session's effective configuration, followed through its changes (PROTOCOL sections 1.5, 1.6 and 4.12).

What the server reports in `session.created` and `session.updated` is in force from when it was seen; what a client
asks for in `session.update` is not, until then. Only of a server that never reports anything is the request taken
at its word. A report without a field leaves the field as it was; a null clears it.

The format of the input audio is the exception: the server reads what the client sends in order, so it is in force
for the very audio that follows the request (`sessions` sees to that), unless the request is refused.
"""

import zlib
from typing import Any

import msgspec

from pipeline.domain import config_details as details
from pipeline.domain.audio import AudioFormat, audio_format
from pipeline.domain.lenient import salvage
from pipeline.domain.messages import Format

_VOLATILE = frozenset({"id", "object", "expires_at", "client_secret"})
"""Members of the session that say nothing about how it is configured."""

_KINDS = ("transcription", "translation", "realtime")
"""`realtime` comes last: the object of a transcription session is called `realtime.transcription_session`."""

_RATE_MAX = 10**6


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force. None: never said, or cleared."""

    upstream_session_id: str | None = None
    api_shape: str | None = None
    model: str | None = None
    voice: str | None = None
    input_format: AudioFormat | None = None
    output_format: AudioFormat | None = None
    turn_detection: str | None = None
    """server_vad, semantic_vad (or what another server calls its own), none."""
    silence_duration_ms: int | None = None
    prefix_padding_ms: int | None = None
    transcription_model: str | None = None
    language: str | None = None
    """What the input is transcribed as, as the client configured it: `en`, `de`."""
    kind: str | None = None
    """realtime, transcription, translation."""
    output_modalities: str | None = None
    speed: float | None = None
    output_language: str | None = None
    vad_threshold: float | None = None
    idle_timeout_ms: int | None = None
    eagerness: str | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    noise_reduction: str | None = None
    max_output_tokens: str | None = None
    reasoning_effort: str | None = None
    prompt_id: str | None = None
    tools: str | None = None
    instructions_digest: str | None = None
    label: str | None = None
    """What the client calls this kind of call: `tracing.workflow_name`."""
    reported: bool = False
    """The server has said so itself."""
    digest: int | None = None
    """Of all that was last reported, also of what is not kept here, to tell whether anything changed."""


def reported(config: Config, session: Any) -> Config:
    """The configuration after the server reported this session object."""
    if not isinstance(session, dict):
        return config
    return msgspec.structs.replace(_merged(config, session), reported=True, digest=_digest(session))


def requested(config: Config, session: Any) -> Config:
    """The configuration after the client asked for this: unchanged, unless the server never says what is in force."""
    return config if config.reported or not isinstance(session, dict) else _merged(config, session)


def asked_input_format(session: Any) -> AudioFormat | None:
    """The format of the input audio that a client's update asks for; None where it asks for no other."""
    return _merged(Config(), session).input_format if isinstance(session, dict) else None


def is_semantic(config: Config) -> bool:
    """Such a VAD holds for an unknown time: there is no silence to subtract (PROTOCOL section 3.5)."""
    return "semantic" in (config.turn_detection or "")


def _digest(session: dict[str, Any]) -> int | None:
    kept = {name: value for name, value in session.items() if name not in _VOLATILE}
    try:
        return zlib.crc32(msgspec.json.encode(kept, order="deterministic"))
    except RecursionError:
        return None


def _merged(config: Config, session: dict[str, Any]) -> Config:
    audio = session.get("audio")
    ga = isinstance(audio, dict) or "output_modalities" in session or session.get("type") in _KINDS
    fields = _ga_fields(audio if isinstance(audio, dict) else {}) if ga else _beta_fields(session)
    fields |= {"api_shape": "ga" if ga else "beta"}
    fields |= _text(session, "id", "upstream_session_id") | _text(session, "model", "model")
    fields |= _label(session.get("tracing", msgspec.UNSET)) | _kind(session)
    fields |= _turn_detection(config, fields.pop("turn_detection", msgspec.UNSET))
    fields |= details.of_session(session, ga=ga)
    return msgspec.structs.replace(config, **fields)


def _kind(session: dict[str, Any]) -> dict[str, Any]:
    """GA says it by `type`; beta only by `object`, and most sessions say `realtime` in neither."""
    said = session.get("type") if session.get("type") in _KINDS else session.get("object")
    found = [kind for kind in _KINDS if isinstance(said, str) and kind in said]
    return {"kind": found[0]} if found else {}


def _ga_fields(audio: dict[str, Any]) -> dict[str, Any]:
    input_, output = _member(audio, "input"), _member(audio, "output")
    return (
        _voice(output)
        | _format(input_.get("format"), "input_format")
        | _format(output.get("format"), "output_format")
        | _transcription(input_.get("transcription", msgspec.UNSET))
        | {"turn_detection": input_.get("turn_detection", msgspec.UNSET)}
    )


def _beta_fields(session: dict[str, Any]) -> dict[str, Any]:
    rate = session.get("input_audio_sampling_rate")
    return (
        _voice(session)
        | _format(session.get("input_audio_format"), "input_format", rate)
        | _format(session.get("output_audio_format"), "output_format")
        | _transcription(session.get("input_audio_transcription", msgspec.UNSET))
        | {"turn_detection": session.get("turn_detection", msgspec.UNSET)}
    )


def _member(holder: dict[str, Any], name: str) -> dict[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _text(holder: dict[str, Any], name: str, field: str) -> dict[str, Any]:
    found = holder.get(name)
    return {field: found} if isinstance(found, str) else {}


def _voice(holder: dict[str, Any]) -> dict[str, Any]:
    """A name, or an object with a name (Azure) or an id (a voice of one's own)."""
    found = holder.get("voice")
    if isinstance(found, dict):
        return _text(found, "id", "voice") | _text(found, "name", "voice")
    return _text(holder, "voice", "voice")


def _format(found: Any, field: str, rate: Any = None) -> dict[str, Any]:
    """GA says an object of type and rate, beta a name. An unknown format leaves the one before in place."""
    if isinstance(found, str):
        known = audio_format(found, rate if isinstance(rate, int) and 0 < rate <= _RATE_MAX else None)
    else:
        said = salvage(found, Format)
        known = audio_format(said.type, said.rate) if said else None
    return {field: known} if known else {}


def _transcription(found: Any) -> dict[str, Any]:
    if found is None:
        return {"transcription_model": None, "language": None}
    if not isinstance(found, dict):
        return {}
    return _text(found, "model", "transcription_model") | _text(found, "language", "language")


def _label(found: Any) -> dict[str, Any]:
    """The name of the workflow (PROTOCOL section 4); tracing that is on by `auto` has none."""
    if found is None:
        return {"label": None}
    return _text(found, "workflow_name", "label") if isinstance(found, dict) else {}


def _turn_detection(config: Config, found: Any) -> dict[str, Any]:
    """A sparse merge: what the same kind of VAD was told before and is not told anew stays."""
    if found is None:
        return {"turn_detection": "none", "silence_duration_ms": None, "prefix_padding_ms": None}
    if not isinstance(found, dict):
        return {}
    kind = found.get("type") if isinstance(found.get("type"), str) else config.turn_detection
    same = kind == config.turn_detection
    return (_OF_ANOTHER_VAD if not same else {}) | {
        "turn_detection": kind,
        "silence_duration_ms": _millis(found.get("silence_duration_ms"), config.silence_duration_ms if same else None),
        "prefix_padding_ms": _millis(found.get("prefix_padding_ms"), config.prefix_padding_ms if same else None),
    }


_OF_ANOTHER_VAD = dict.fromkeys(
    ("vad_threshold", "idle_timeout_ms", "eagerness", "create_response", "interrupt_response")
)


def _millis(found: Any, otherwise: int | None) -> int | None:
    if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < 10**7:
        return int(found)
    return otherwise
