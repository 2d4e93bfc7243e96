"""Settings: what wins, and how a mistake is told."""

from pathlib import Path

import pytest

from calltape import configuration
from calltape.configuration import BadSettings
from calltape.settings import UpSettings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CALLTAPE_UP_INGEST_PORT", "CALLTAPE_DATA_DIR", "CALLTAPE_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_flags_win_over_environment_over_file_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("calltape.toml").write_text(
        'data_dir = "from-file"\n[up]\ningest_port = 1\ndashboard_port = 2\nhost = "::1"\n'
    )
    monkeypatch.setenv("CALLTAPE_UP_INGEST_PORT", "3")
    monkeypatch.setenv("CALLTAPE_UP_DASHBOARD_PORT", "4")

    settings = configuration.load(UpSettings, "up", ["--ingest-port", "5"])

    assert settings.ingest_port == 5
    assert settings.dashboard_port == 4
    assert settings.host == "::1"
    assert settings.data_dir == Path("from-file")
    assert settings.simulate_port == 8901


def test_one_data_dir_in_the_environment_serves_all_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLTAPE_DATA_DIR", "/recordings")

    assert configuration.load(UpSettings, "up", []).data_dir == Path("/recordings")
    assert configuration.load(UpSettings, "up", ["--data-dir", "/mine"]).data_dir == Path("/mine")


@pytest.mark.parametrize(
    ("arguments", "environment", "file", "told"),
    [
        (["--ingest-port", "x"], {}, "", "--ingest-port: Input should be a valid integer"),
        (["--ingest-port=70000"], {}, "", "--ingest-port: Input should be less than or equal to 65535 (got '70000')"),
        ([], {"CALLTAPE_UP_INGEST_PORT": "x"}, "", "CALLTAPE_UP_INGEST_PORT: Input should be a valid integer"),
        ([], {}, '[up]\ningest_port = "x"', "calltape.toml: [up] ingest_port: Input should be a valid integer"),
        ([], {}, "[up]\ningestport = 1", "[up] ingestport: there is no such setting"),
        ([], {}, "[upp]\nhost = 'x'", "there is no program or shared setting upp"),
        ([], {}, "up = 3", "up must be a table"),
        ([], {}, "host = [", "calltape.toml: "),
        ([], {"CALLTAPE_CONFIG": "nowhere.toml"}, "", "CALLTAPE_CONFIG=nowhere.toml: there is no such file"),
    ],
)
def test_a_bad_value_is_named_by_where_it_came_from(
    arguments: list[str],
    environment: dict[str, str],
    file: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if file:
        Path("calltape.toml").write_text(file)

    with pytest.raises(BadSettings) as mistake:
        configuration.load(UpSettings, "up", arguments)

    assert told in str(mistake.value)


def test_a_secret_is_not_repeated_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLTAPE_UP_API_KEY", "sk-secret")
    Path("calltape.toml").write_text("[up]\napi_key = 12345678\n")
    monkeypatch.delenv("CALLTAPE_UP_API_KEY")

    with pytest.raises(BadSettings) as mistake:
        configuration.load(UpSettings, "up", [])

    assert "12345678" not in str(mistake.value)
