"""The walker finds the messages that frames complete, however the bytes are cut; pure."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.frames import CloseFrame, FramesUnreadable, FrameWalker, close_frame
from ingest.messages import TOO_LARGE, SeenMessage
from tests.ingest.relay_world import frame

SIZES = st.sampled_from([0, 1, 125, 126, 127, 5_000, 65_535, 65_536, 70_000])
MESSAGES = st.lists(st.tuples(SIZES, st.booleans(), st.booleans(), st.booleans()), max_size=8)


def walked(data: bytes, *cuts: int, max_bytes: int = 1 << 20) -> tuple[list[SeenMessage], FrameWalker]:
    """What is found in the data when it comes in pieces that end at the cuts."""
    walker = FrameWalker(max_bytes)
    found: list[SeenMessage] = []
    for start, stop in zip((0, *cuts), (*cuts, len(data)), strict=True):
        walker.feed(data[start:stop], found)
    return found, walker


@given(messages=MESSAGES, cuts=st.lists(st.integers(0, 10**6), max_size=40))
def test_messages_are_the_same_however_the_bytes_are_cut(
    messages: list[tuple[int, bool, bool, bool]], cuts: list[int]
) -> None:
    data, sent = b"", []
    for number, (size, binary, masked, fragmented) in enumerate(messages):
        payload, opcode = bytes([number + 65]) * size, 2 if binary else 1
        sent.append(SeenMessage(payload, binary))
        if fragmented:
            half = size // 3
            data += frame(opcode, payload[:half], masked=masked, fin=False) + frame(9, b"ping", masked=masked)
            data += frame(0, b"", masked=masked, fin=False) + frame(0, payload[half:], masked=masked)
        else:
            data += frame(opcode, payload, masked=masked)

    found, walker = walked(data, *sorted(cut % (len(data) + 1) for cut in cuts))

    assert found == sent
    assert walker.at_boundary


@given(cut=st.integers(0, 150))
def test_the_way_to_the_next_boundary_is_known_at_any_byte(cut: int) -> None:
    first, second = frame(1, b"x" * 130), frame(1, b"y")
    data = first + second
    cut %= len(data)
    _, walker = walked(data[:cut])

    ahead = walker.bytes_to_boundary(data[cut:])

    whole_frames_seen = cut in {0, len(first)}
    expected = 0 if whole_frames_seen else (len(first) if cut < len(first) else len(data)) - cut
    if 0 < cut < 2:
        expected = len(first) - cut  # the head is completed from what comes
    assert ahead == expected
    assert walker.at_boundary is whole_frames_seen


def test_no_more_than_there_is_lies_before_the_boundary() -> None:
    data = frame(1, b"x" * 1000)
    _, walker = walked(data[:3])

    assert walker.bytes_to_boundary(data[3:10]) == 7


@pytest.mark.parametrize(
    ("payload", "closed"),
    [
        (b"", CloseFrame(code=1005)),
        (b"\x03", CloseFrame(code=1005)),
        (b"\x0f\xa0", CloseFrame(code=4000)),
        (b"\x03\xe8bye", CloseFrame(code=1000, reason="bye")),
        (b"\x03\xe8\xff", CloseFrame(code=1000, reason="\N{REPLACEMENT CHARACTER}")),
    ],
)
def test_a_close_frame_is_read(payload: bytes, closed: CloseFrame) -> None:
    found, walker = walked(frame(1, b"last") + frame(8, payload))

    assert walker.closed == closed
    assert found == [SeenMessage(b"last", False)]


@pytest.mark.parametrize("mask", [b"", b"abcd"])
def test_a_close_frame_of_ours_can_be_read(mask: bytes) -> None:
    _, walker = walked(close_frame(1012, "service restart", mask))

    assert walker.closed == CloseFrame(code=1012, reason="service restart")
    assert walker.at_boundary


@pytest.mark.parametrize("cut", [0, 1, 5, 40, 100])
def test_a_message_past_the_limit_keeps_its_place_and_the_next_is_read(cut: int) -> None:
    data = (
        frame(1, b"a") + frame(1, b"b" * 101) + frame(1, b"c", fin=False) + frame(0, b"d" * 100) + frame(1, b"e" * 100)
    )

    found, walker = walked(data, cut, max_bytes=100)

    assert [TOO_LARGE is message for message in found] == [False, True, True, False]
    assert found[3] == SeenMessage(b"e" * 100, False)
    assert walker.any_too_large


def deflated(*messages: bytes, final: bool = False) -> list[bytes]:
    """As a sender with context takeover compresses them."""
    compressor = zlib.compressobj(wbits=-15)
    sent = []
    for message in messages:
        data = compressor.compress(message)
        if final:  # RFC 7692, 7.2.3.4: a final block, and an empty one begun behind it
            sent.append(data + compressor.flush(zlib.Z_FINISH) + b"\x00")
            compressor = zlib.compressobj(wbits=-15)
        else:
            sent.append((data + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4])
    return sent


@pytest.mark.parametrize("final", [False, True])
def test_compressed_messages_share_their_window(final: bool) -> None:
    messages = [b'{"type":"response.audio.delta","n":%d}' % number for number in range(20)]

    found, _ = walked(b"".join(frame(1, data, rsv1=True) for data in deflated(*messages, final=final)))

    assert [message.data for message in found] == messages


def test_a_compressed_message_may_come_in_fragments() -> None:
    [data] = deflated(b"abc" * 1000)

    found, _ = walked(frame(1, data[:5], rsv1=True, fin=False) + frame(0, data[5:]))

    assert [message.data for message in found] == [b"abc" * 1000]


def test_a_compressed_message_that_swells_past_the_limit_is_not_inflated_to_its_end() -> None:
    bomb, small = deflated(b"\x00" * (64 << 20), b"small")
    data = frame(1, bomb, rsv1=True) + frame(1, small, rsv1=True) + frame(1, b"plain")

    found, _ = walked(data, max_bytes=2 << 20)

    # The window is gone with what was not inflated: compressed messages that follow are lost, plain ones are not.
    assert [message is TOO_LARGE for message in found] == [True, True, False]
    assert found[2].data == b"plain"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(frame(3, b""), id="reserved opcode"),
        pytest.param(b"\xb1\x00", id="reserved bits"),
        pytest.param(frame(0, b"x"), id="continuation of nothing"),
        pytest.param(frame(1, b"x", fin=False) + frame(1, b"y"), id="message within a message"),
        pytest.param(frame(9, b"x", fin=False), id="fragmented ping"),
        pytest.param(frame(8, b"x" * 126), id="long close"),
        pytest.param(frame(1, b"\xff\xff\xff", rsv1=True), id="not deflate"),
    ],
)
def test_what_is_no_frame_is_told_and_what_came_before_is_kept(data: bytes) -> None:
    walker = FrameWalker(1000)
    found: list[SeenMessage] = []

    with pytest.raises(FramesUnreadable):
        walker.feed(frame(1, b"before") + data, found)

    assert found == [SeenMessage(b"before", False)]
