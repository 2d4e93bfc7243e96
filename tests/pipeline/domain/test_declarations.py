"""What the fold's structs promise by how they are declared: what is not said is None, and what is told stays as told."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

import pipeline.domain
from pipeline.domain import state


def _structs(module: Any) -> list[type[msgspec.Struct]]:
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    return [each for each in found if each is not msgspec.Struct]


STATES = _structs(state)
_MODULES = [
    importlib.import_module(each.name)
    for each in pkgutil.walk_packages(pipeline.domain.__path__, "pipeline.domain.")
    if each.name not in {"pipeline.domain.state", "pipeline.domain.protocol"}
]
VALUES = sorted({kind for each in _MODULES for kind in _structs(each)} - {*STATES}, key=repr)
"""All but the state, which a draft may write, and what the fast readers of `protocol` read into."""
NOT_NONE = {(state.ResponseState, "billed_reason")}
"""Of a response that runs it is known why it has no bill."""


def _defaults(kind: type[msgspec.Struct]) -> Iterator[tuple[str, Any, Any]]:
    for field in msgspec.structs.fields(kind):
        if field.default is not msgspec.NODEFAULT:
            yield field.name, field.type, field.default


@pytest.mark.parametrize("kind", [*VALUES, *STATES], ids=lambda kind: kind.__name__)
def test_what_was_not_said_is_none_where_it_may_be_and_else_of_its_type(kind: type[msgspec.Struct]) -> None:
    for name, type_, default in _defaults(kind):
        if default is msgspec.UNSET:
            continue
        if type(None) in get_args(type_) and (kind, name) not in NOT_NONE:
            assert default is None, name
        elif not isinstance(default, msgspec.Struct):
            assert msgspec.convert(default, type_, strict=True) == default, name


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_what_was_told_and_what_was_read_can_not_be_changed(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen
