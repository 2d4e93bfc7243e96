"""Datasets for the dashboard's tests: one with calls in it, one that was never written."""

from pathlib import Path

import pytest

from dashboard.desk import Desk, open_desk
from dashboard.settings import VARIABLE, DashboardSettings
from tests.dashboard import demo
from tests.dashboard.demo import Call


@pytest.fixture(scope="session")
def told() -> list[Call]:
    """Two dozen calls, the youngest still open."""
    return demo.calls(24)


@pytest.fixture(scope="session")
def data_dir(told: list[Call], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with those calls in its dataset."""
    found = tmp_path_factory.mktemp("told")
    demo.write(found, told)
    return found


@pytest.fixture(scope="session")
def desk(data_dir: Path) -> Desk:
    return open_desk(data_dir / "dataset")


@pytest.fixture
def told_page(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pages made in this process show the calls."""
    return _shown(data_dir, monkeypatch)


@pytest.fixture
def empty_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pages made in this process find no dataset."""
    return _shown(tmp_path, monkeypatch)


def _shown(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, DashboardSettings(data_dir=data_dir).model_dump_json())
    return data_dir
