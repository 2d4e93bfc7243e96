"""Who may publish which journals at the same time."""

from pathlib import Path

import pytest

from ingest.publishing import AlreadyPublished, _locked


def test_publishers_of_two_workers_stand_beside_each_other(tmp_path: Path) -> None:
    with (
        _locked(tmp_path, "w1"),
        _locked(tmp_path, "w2"),
        pytest.raises(AlreadyPublished, match="w1: process"),
        _locked(tmp_path, "w1"),
    ):
        """Never."""


def test_one_for_all_workers_and_those_of_single_ones_keep_each_other_out(tmp_path: Path) -> None:
    with _locked(tmp_path, ""), pytest.raises(AlreadyPublished, match="stop it first"), _locked(tmp_path, "w1"):
        """Never."""
    with _locked(tmp_path, "w1"), pytest.raises(AlreadyPublished, match="stop it first"), _locked(tmp_path, ""):
        """Never."""
    with _locked(tmp_path, ""):
        """Both have let go."""
