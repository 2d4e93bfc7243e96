"""How a program gets its settings: flags over environment over TOML file over defaults, wrong ones named.

Uses pydantic-settings for flags and environment; the program's own model says what there is.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, CliApp, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from ingest.kafka import KafkaSettings
from pipeline.place import DatasetPlace
from pipeline.rule_settings import RULE_KEYS

ENV_PREFIX = "CALLTAPE_"
DEFAULT_FILE = Path("calltape.toml")
PROGRAMS = frozenset(
    {
        *(
            "up",
            "ingest",
            "pipeline",
            "dashboard",
            "simulate",
            "run",
            "call",
            "sql",
            "explain",
            "rebuild",
            "reprice",
            "doctor",
        ),
        *("topics", "publish", "worker", "sink"),
    }
)
"""The tables that the file may hold."""
SHARED_KEYS = frozenset({*DatasetPlace.model_fields, *KafkaSettings.model_fields}) | RULE_KEYS
"""Keys that stand at the top of the file, and without a program's name in the environment, for all programs."""


Model = TypeVar("Model", bound=BaseModel)


class BadSettings(Exception):
    """A setting that can't be used; the message has one line per mistake and names the key and where it came from."""


def load(
    model: type[Model], program: str, arguments: Sequence[str], environment: Mapping[str, str] = os.environ
) -> Model:
    """The program's settings. Raises BadSettings; leaves by SystemExit on `--help` and on unknown flags."""
    from_file, file = _file_values(model, program, environment)
    shared = {
        key: environment[f"{ENV_PREFIX}{key.upper()}"]
        for key in SHARED_KEYS & set(model.model_fields)
        if f"{ENV_PREFIX}{key.upper()}" in environment
    }
    given = _Given(program=program, arguments=arguments, environment=environment, from_file=from_file, file=file)
    loaded = _with_sources(model, program, shared=shared, from_file=from_file)
    try:
        found = CliApp.run(loaded, cli_args=list(arguments))
    except ValidationError as error:
        raise BadSettings(_explained(error, given)) from None
    except SettingsError as error:
        raise BadSettings(f"{program}: {error}") from None
    return model.model_validate({name: getattr(found, name) for name in model.model_fields})


def _with_sources(
    model: type[Model], program: str, *, shared: Mapping[str, Any], from_file: Mapping[str, Any]
) -> type[BaseSettings]:
    class Loaded(BaseSettings, model):  # type: ignore[valid-type,misc]  # a base class chosen at run time
        model_config = SettingsConfigDict(
            frozen=True,
            extra="forbid",
            env_prefix=f"{ENV_PREFIX}{program.upper()}_",
            cli_prog_name=f"calltape {program}",
            cli_kebab_case=True,
            cli_implicit_flags=True,
            cli_hide_none_type=True,
            cli_avoid_json=True,
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- pydantic-settings passes it by name
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the same
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                init_settings,
                env_settings,
                InitSettingsSource(settings_cls, dict(shared)),
                InitSettingsSource(settings_cls, dict(from_file)),
            )

    Loaded.__doc__ = (model.__doc__ or "") + _precedence(program)
    return Loaded


def _precedence(program: str) -> str:
    return (
        f"\n\nEach option can also be set as {ENV_PREFIX}{program.upper()}_<OPTION> in the environment"
        f" ({ENV_PREFIX}DATA_DIR and {ENV_PREFIX}KAFKA... for all programs) or under [{program}] in {DEFAULT_FILE}"
        f" (another file: {ENV_PREFIX}CONFIG). Flags win over the environment, the environment over the file."
    )


def _file_values(
    model: type[BaseModel], program: str, environment: Mapping[str, str]
) -> tuple[Mapping[str, Any], Path | None]:
    named = environment.get(f"{ENV_PREFIX}CONFIG")
    path = Path(named) if named else DEFAULT_FILE
    if not path.exists():
        if named:
            raise BadSettings(f"{ENV_PREFIX}CONFIG={named}: there is no such file")
        return {}, None
    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSettings(f"{path}: {error}") from None
    unknown = sorted(set(content) - SHARED_KEYS - PROGRAMS)
    if unknown:
        raise BadSettings(f"{path}: there is no program or shared setting {', '.join(unknown)}")
    section = content.get(program, {})
    if not isinstance(section, dict):
        raise BadSettings(f"{path}: {program} must be a table, [{program}]")
    top = {key: content[key] for key in SHARED_KEYS & set(content) & set(model.model_fields)}
    return top | section, path


def _explained(error: ValidationError, given: "_Given") -> str:
    lines = []
    for fault in error.errors(include_url=False):
        key = str(fault["loc"][0]) if fault["loc"] else ""
        rest = "".join(f".{part}" for part in fault["loc"][1:])
        message = "there is no such setting" if fault["type"] == "extra_forbidden" else fault["msg"]
        shown = (
            "" if _secret(key) or not isinstance(fault["input"], str | int | float) else f" (got {fault['input']!r})"
        )
        lines.append(f"{given.origin(key)}{rest}: {message.removeprefix('Value error, ')}{shown}")
    return "\n".join(lines)


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """What the user gave, to tell a mistake in the words in which it was made."""

    program: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    from_file: Mapping[str, Any]
    file: Path | None

    def origin(self, key: str) -> str:
        """Where a value came from, such as `--port` or `calltape.toml: [ingest] port`."""
        flag = "--" + key.replace("_", "-")
        if not key:
            return f"calltape {self.program}"
        if any(argument == flag or argument.startswith(flag + "=") for argument in self.arguments):
            return flag
        for variable in (f"{ENV_PREFIX}{self.program.upper()}_{key.upper()}", f"{ENV_PREFIX}{key.upper()}"):
            if variable in self.environment:
                return variable
        return f"{self.file}: [{self.program}] {key}" if key in self.from_file else flag


def _secret(key: str) -> bool:
    return "key" in key or "secret" in key or "headers" in key
