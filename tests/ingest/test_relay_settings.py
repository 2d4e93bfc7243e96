"""What the worker can be told is checked before it starts, and each refusal says what to do; pure but for files."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ingest.settings import IngestSettings
from ingest.upstream import Upstream
from tests.ingest.relay_world import certificate


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"upstream": "api.openai.com"}, "must begin with wss://"),
        ({"upstream": "wss://"}, "names no host"),
        ({"upstream": "wss://user:secret@host"}, "holds a password"),
        ({"upstream": "wss://host?api-version=1"}, "has a query"),
        ({"upstream": "wss://host:99999"}, "no usable port"),
        ({"worker": "../elsewhere"}, "can't name a folder"),
        ({"worker": ""}, "can't name a folder"),
        ({"api_key": "sk-1"}, "add relay_keys"),
        ({"relay_keys": {"shop": "0123456789abcdef"}}, "add api_key"),
        ({"api_key": "sk-1", "relay_keys": {"shop": "short"}}, "make it longer"),
        ({"api_key": "sk-1", "relay_keys": {"a": "0123456789abcdef", "b": "0123456789abcdef"}}, "the same key"),
        ({"api_key": "sk-1\n"}, "check how it was copied"),
        ({"upstream_headers": {"Host": "x"}}, "leave it out"),
        ({"upstream_headers": {"X Y": "x"}}, "no header's name"),
        ({"upstream_headers": {"X": "a\r\nb"}}, "a header can't carry"),
        ({"tls_cert": "/nowhere/cert.pem"}, "go together"),
        ({"tls_cert": "/nowhere/cert.pem", "tls_key": "/nowhere/key.pem"}, "/nowhere/cert.pem"),
        ({"upstream_ca": "/nowhere/ca.pem"}, "/nowhere/ca.pem"),
        ({"port": 70000}, "65535"),
    ],
)
def test_a_bad_value_is_refused_with_what_to_do(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        IngestSettings.model_validate(settings)

    assert said in str(refused.value)
    assert "secret@" not in str(refused.value.errors(include_input=False))


def test_a_key_that_is_not_of_its_certificate_is_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()

    with pytest.raises(ValidationError, match="belong together"):
        IngestSettings.model_validate({"tls_cert": certificate(one)[0], "tls_key": certificate(other)[1]})


def test_the_defaults_are_good() -> None:
    assert IngestSettings.model_validate({}).upstream == "wss://api.openai.com"


@pytest.mark.parametrize(
    ("upstream", "beta_header", "stripped"),
    [
        ("wss://api.openai.com", "auto", True),
        ("https://eu.api.openai.com/v1", "auto", True),
        ("wss://res.openai.azure.com/openai", "auto", False),
        ("wss://notapi.openai.com.example", "auto", False),
        ("wss://api.openai.com", "pass", False),
        ("ws://127.0.0.1:8901", "strip", True),
    ],
)
def test_only_openai_itself_is_not_asked_for_the_retired_beta(upstream: str, beta_header: str, stripped: bool) -> None:
    settings = IngestSettings.model_validate({"upstream": upstream, "beta_header": beta_header})

    assert settings.strips_beta is stripped


@pytest.mark.parametrize(
    ("upstream", "asked", "target"),
    [
        ("wss://api.openai.com", "/v1/realtime?model=x", "/v1/realtime?model=x"),
        ("wss://host/openai", "/v1/realtime?model=x", "/openai/v1/realtime?model=x"),
        ("wss://host/openai/", "/v1/realtime", "/openai/v1/realtime"),
        ("wss://host/openai/v1", "/v1/realtime?path=/v1", "/openai/v1/realtime?path=/v1"),
        ("wss://host/v1", "/realtime", "/v1/realtime"),
        ("wss://host/v1", "/v1/realtime/v1", "/v1/realtime/v1"),
        ("wss://host", "/", "/"),
    ],
)
def test_the_upstreams_path_stands_in_front_and_is_not_doubled(upstream: str, asked: str, target: str) -> None:
    assert Upstream.of(upstream).target(asked) == target


@pytest.mark.parametrize(
    ("upstream", "authority"),
    [
        ("wss://api.openai.com", "api.openai.com"),
        ("wss://host:443/x", "host"),
        ("https://host:8443", "host:8443"),
        ("ws://[::1]:9000", "[::1]:9000"),
    ],
)
def test_the_host_header_names_the_port_only_where_it_is_another(upstream: str, authority: str) -> None:
    assert Upstream.of(upstream).authority == authority
