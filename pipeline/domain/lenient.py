"""Decode JSON into a struct whose fields are all optional: what does not fit is absent, and nothing raises."""

from typing import Any, TypeVar, get_args, get_origin

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


def decode(data: bytes, decoder: "msgspec.json.Decoder[S]", kind: type[S]) -> S | None:
    """The struct. A field of the wrong type counts as absent; None where the data is no JSON object at all."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return salvage(undecoded(data), kind)


def undecoded(data: bytes) -> Any:
    """The data as plain dicts and lists, or None where it is no JSON."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def salvage(found: Any, kind: type[S]) -> S | None:
    """The struct of those members of a JSON object that fit it. None where it is no object."""
    if not isinstance(found, dict):
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    fitting = {}
    for name, value in found.items():
        if name in fields:
            fitted = _fit(value, fields[name].type)
            if fitted is not _MISFIT:
                fitting[fields[name].name] = fitted
    return kind(**fitting)


_MISFIT = object()


def _fit(value: Any, wanted: Any) -> Any:
    try:
        return msgspec.convert(value, wanted)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _fit_parts(value, wanted)


def _fit_parts(value: Any, wanted: Any) -> Any:
    """What of a nested struct, or of a list of them, can be saved; an integer where a server wrote `12.0`."""
    if get_origin(wanted) is tuple:
        if not isinstance(value, list):
            return _MISFIT
        fitted = (_fit(element, get_args(wanted)[0]) for element in value)
        return tuple(element for element in fitted if element is not _MISFIT)
    if isinstance(value, float) and value.is_integer():
        return _fit(int(value), wanted)
    for part in (wanted, *get_args(wanted)):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            saved = salvage(value, part)
            return _MISFIT if saved is None else saved
    return _MISFIT
