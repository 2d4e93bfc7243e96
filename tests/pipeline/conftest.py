"""What several of the pipeline's tests share."""

from collections.abc import Iterator

import pytest

from pipeline.dataset_store import DatasetUrl
from tests.pipeline.object_server import new_place, object_server


@pytest.fixture(scope="session")
def s3_options() -> Iterator[dict[str, str]]:
    """How a real S3-compatible server is reached."""
    with object_server() as options:
        yield options


@pytest.fixture
def s3_place(s3_options: dict[str, str]) -> DatasetUrl:
    """The address of a dataset on it that isn't there yet."""
    return new_place(s3_options)
