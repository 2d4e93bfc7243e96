"""Datasets for the dashboard's tests: one with calls in it, one that was never written."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dashboard.desk import Desk, open_desk
from dashboard.settings import VARIABLE, DashboardSettings
from pipeline.dataset import Reader
from tests.dashboard import browsing, demo
from tests.dashboard.browsing import Opener
from tests.dashboard.demo import Call
from tests.dashboard.long_call import long_call


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
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a call of an hour."""
    found = tmp_path_factory.mktemp("hour")
    demo.write(found, [long_call()])
    return found


@pytest.fixture(scope="session")
def desk(data_dir: Path) -> Desk:
    return open_desk(data_dir / "dataset")


@pytest.fixture(scope="session")
def reader(data_dir: Path) -> Iterator[Reader]:
    """The dataset with those calls, to be asked in SQL."""
    found = Reader(data_dir / "dataset")
    yield found
    found.close()


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as opened:
        yield opened


@pytest.fixture
def complaints() -> list[str]:
    """What pages said that they should not have."""
    return []


@pytest.fixture
def opened(browser: Browser, complaints: list[str]) -> Iterator[Opener]:
    with browsing.opening(browser, complaints) as opener:
        yield opener
