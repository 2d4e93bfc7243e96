"""The dashboard as a process: ready, healthy, reachable only as told, and gone when told."""

import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import addresses
from dashboard.run import CannotServe, address, listening
from dashboard.shell import SAYS_WHERE, shell
from tests.dashboard.serving import Served, serving

WITHIN_S = 60


@pytest.fixture(scope="module")
def served(data_dir: Path) -> Iterator[Served]:
    with serving(data_dir) as found:
        yield found


def fetched(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=WITHIN_S) as answer:
        return answer.status, answer.read().decode()


def test_it_says_its_address_and_is_healthy(served: Served) -> None:
    status, text = fetched(f"{served.url}/healthz")

    assert status == 200
    assert text == '{"status":"ok","pipeline":"running"}'


@pytest.mark.parametrize("page", [address.path for address in addresses.ALL])
def test_every_page_can_be_opened_by_its_address(served: Served, page: str) -> None:
    status, text = fetched(f"{served.url}/{page}")

    assert status == 200
    assert SAYS_WHERE in text
    assert "<title>Calltape</title>" in text


def test_streamlits_page_still_has_the_place_for_our_line() -> None:
    assert shell().count(SAYS_WHERE) == 1


def test_a_page_of_another_name_is_refused_the_data(served: Served) -> None:
    # What a page elsewhere would send that made its own name point here (DNS rebinding).
    with socket.create_connection(("127.0.0.1", served.port), timeout=WITHIN_S) as connection:
        connection.sendall(
            b"GET /_stcore/stream HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert connection.recv(4096).split(b"\r\n")[0] == b"HTTP/1.1 403 Forbidden"


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(CannotServe, match=rf"127\.0\.0\.1:{port}.*choose another port"):
            listening("127.0.0.1", port)


def test_the_address_is_one_that_a_browser_takes() -> None:
    assert address("127.0.0.1", 8902) == "http://127.0.0.1:8902"
    assert address("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address("::1", 80) == "http://[::1]:80"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_clean_when_told(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as found:
        found.process.send_signal(number)

        assert found.process.wait(WITHIN_S) in {0, -number}
        assert "Traceback" not in found.said()
