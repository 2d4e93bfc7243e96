"""A real broker for the tests of this folder, and a cluster of programs around it for each."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.broker import Broker
from tests.kafka.programs import Programs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a broker is that nobody kills: yours, or one of our own."""
    named = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if named:
        yield named
        return
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.bootstrap


@pytest.fixture
def programs(bootstrap: str, tmp_path: Path) -> Iterator[Programs]:
    """Our programs on that broker, with topics and groups of their own; all ended after the test."""
    with Programs(bootstrap, tmp_path / "data") as found:
        yield found


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker to be killed."""
    with Broker(tmp_path / "broker") as found:
        yield found
