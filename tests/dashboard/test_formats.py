"""Which format holds for an event's audio, also around a change."""

import pytest

from dashboard.formats import Asked, Formats, InForce

IN_FORCE = [
    InForce(seq=2, input_format="pcm16", output_format="pcm16"),
    InForce(seq=100, input_format="g711_ulaw", output_format="g711_alaw"),
]
ASKED = [
    Asked(seq=1, input_format="pcm16"),
    Asked(seq=50, input_format="g711_alaw"),
    Asked(seq=90, input_format="g711_ulaw"),
]


@pytest.mark.parametrize(
    ("source", "seq", "response", "encoding"),
    [
        ("client", 0, None, "pcm16"),
        ("client", 60, None, "pcm16"),  # what was asked for at 50 was refused
        ("client", 95, None, "ulaw"),  # asked for at 90, and in force at 100
        ("client", 200, None, "ulaw"),
        ("server", 95, "r1", "pcm16"),
        ("server", 110, "r1", "pcm16"),  # begun before the change
        ("server", 110, "r2", "alaw"),
    ],
)
def test_the_users_audio_is_as_asked_for_and_an_answers_as_it_was_begun(
    source: str, seq: int, response: str | None, encoding: str
) -> None:
    formats = Formats(IN_FORCE, ASKED, {"r1": 80, "r2": 105})

    assert formats.of(source, seq, response).encoding == encoding
    assert formats.rate == 24_000


def test_a_call_that_says_nothing_of_formats_is_pcm_of_24_khz() -> None:
    formats = Formats([], [], {})

    assert (formats.of("client", 5, None).encoding, formats.rate) == ("pcm16", 24_000)
