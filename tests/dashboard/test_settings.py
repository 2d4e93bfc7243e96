"""What the dashboard may be told, and what it refuses."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from dashboard.settings import VARIABLE, DashboardSettings, from_environment


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_a_loopback_address_needs_no_leave(host: str) -> None:
    assert DashboardSettings(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "calls.example.com"])
def test_an_address_that_others_reach_is_refused_unless_allowed(host: str) -> None:
    with pytest.raises(ValidationError, match=r"can be reached from other machines.*allow_public"):
        DashboardSettings(host=host)

    assert DashboardSettings(host=host, allow_public=True).host == host


def test_the_page_script_finds_the_settings_that_were_left_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    left = DashboardSettings(data_dir=Path("/srv/tapes"), refresh_seconds=2)
    monkeypatch.setenv(VARIABLE, left.model_dump_json())

    assert from_environment() == left


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ValidationError, match="prot"):
        DashboardSettings.model_validate({"prot": 1})
