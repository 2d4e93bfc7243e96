"""The doctor finds what is wrong and says what to do."""

import socket
from pathlib import Path

from calltape import doctor
from calltape.settings import DoctorSettings


def findings(settings: DoctorSettings) -> dict[str, doctor.Finding]:
    return {finding.subject: finding for finding in doctor.examine(settings)}


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        found = findings(DoctorSettings(data_dir=tmp_path, ingest_port=port, offline=True))

    assert not found["relay"].good
    assert str(port) in found["relay"].text


def test_an_upstream_that_does_not_answer_is_bad_and_one_that_does_is_good(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        there = findings(DoctorSettings(data_dir=tmp_path, upstream=f"ws://127.0.0.1:{port}"))["upstream"]
    gone = findings(DoctorSettings(data_dir=tmp_path, upstream=f"ws://127.0.0.1:{port}"))["upstream"]

    assert there.good
    assert not gone.good
    assert str(port) in gone.text


def test_an_upstream_that_is_no_address_is_named_as_such(tmp_path: Path) -> None:
    for url in ("ws://host:port", "api.openai.com", "ftp://host"):
        found = findings(DoctorSettings(data_dir=tmp_path, upstream=url))["upstream"]

        assert not found.good
        assert repr(url) in found.text


def test_a_data_dir_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    assert findings(DoctorSettings(data_dir=tmp_path / "new" / "deep", offline=True))["data"].good


def test_something_bad_is_told_by_the_exit_code(tmp_path: Path) -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = DoctorSettings(data_dir=tmp_path, ingest_port=taken.getsockname()[1], offline=True)
        code = doctor.run(settings, said.append)

    assert code == 1
    assert any(line.startswith("BAD  relay") for line in said)
    assert "to look at" in said[-1]
