"""Saved states come back whole, or not at all."""

from pathlib import Path

import pytest

from pipeline.checkpoint import FILE, Checkpoint, load, save
from pipeline.dataset_folder import LocalStore

SAVED = Checkpoint(dataset_id="d1", positions={"w1": 7}, sessions={"s1": b"state"})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save(LocalStore(tmp_path), SAVED)

    assert load(LocalStore(tmp_path), "d1") == SAVED


def test_states_that_belong_to_another_dataset_are_none(tmp_path: Path) -> None:
    save(LocalStore(tmp_path), SAVED)

    assert load(LocalStore(tmp_path), "d2") is None


def test_states_in_a_format_of_tomorrow_are_none(tmp_path: Path) -> None:
    save(LocalStore(tmp_path), Checkpoint(dataset_id="d1", positions={}, sessions={}, format=99))

    assert load(LocalStore(tmp_path), "d1") is None


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_half_a_file_is_none(tmp_path: Path, cut: int) -> None:
    save(LocalStore(tmp_path), SAVED)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:cut])

    assert load(LocalStore(tmp_path), "d1") is None
