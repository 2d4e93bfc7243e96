"""Every message comes back byte for byte, whatever a peer sends."""

import base64
import json

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.envelope import Source
from pipeline.archive import AUDIO_FIELD, archived, restored
from tests.pipeline.builders import append, delta, event, session_id

ONE = session_id(1)

messages = st.one_of(
    st.binary(max_size=200),
    st.dictionaries(st.text(max_size=8), st.text(max_size=50)).map(lambda found: json.dumps(found).encode()),
)
audio_text = st.one_of(
    st.binary(max_size=200).map(lambda audio: base64.b64encode(audio).decode()),
    st.binary(max_size=50).map(lambda audio: base64.urlsafe_b64encode(audio).decode()),
    st.text(alphabet='ABab01+/=\\\n "', max_size=40),
)
audio_messages = st.builds(
    lambda kind, text, member, separators, ascii_only: json.dumps(
        {"event_id": "e", member: text, "type": kind, "item_id": text[:4]},
        separators=separators,
        ensure_ascii=ascii_only,
    ).encode(),
    st.sampled_from(sorted(AUDIO_FIELD)),
    audio_text,
    st.sampled_from(["audio", "delta", "other"]),
    st.sampled_from([(",", ":"), (", ", ": ")]),
    st.booleans(),
)


@given(st.one_of(messages, audio_messages), st.sampled_from(Source))
@example(b'{"type":"input_audio_buffer.append","audio":"QR=="}', Source.CLIENT)
@example(b'{"type":"input_audio_buffer.append","audio":"AAA\\/"}', Source.CLIENT)
@example(b'{"type":"input_audio_buffer.append","audio":{"nested":"AAAA"}}', Source.CLIENT)
@example(b'{"type":"input_audio_buffer.append","item_id":"AAAA","audio":"AAAA"}', Source.CLIENT)
@example(b'{"type":"input_audio_buffer.append","audio":"AAAA","audio":"BBBB"}', Source.CLIENT)
@example(b"\xff\xfe", Source.SERVER)
def test_what_is_archived_comes_back(data: bytes, source: Source) -> None:
    seen = event(ONE, 3, data, source)

    found = archived(seen, 17)

    audio = found.audio.audio if found.audio is not None else None
    assert restored(found.event, audio) == seen


def test_audio_leaves_the_skeleton_and_can_be_played() -> None:
    audio = bytes(range(256)) * 20

    found = archived(event(ONE, 0, delta(audio), Source.SERVER), 1)

    assert found.audio is not None
    assert (found.audio.audio, found.audio.item_id, found.audio.content_index) == (audio, "item_1", 0)
    assert len(found.event.data or "") < 200
    assert found.event.size_bytes > len(audio)


def test_base64_that_is_not_canonical_stays_and_can_be_played_nevertheless() -> None:
    """The last character holds bits that decoding drops: encoding it again would give another message."""
    data = b'{"type":"input_audio_buffer.append","audio":"QR=="}'

    found = archived(event(ONE, 0, data), 1)

    assert found.event.audio_offset is None
    assert (found.event.data or "").encode() == data
    assert found.audio is not None
    assert found.audio.audio == b"A"


def test_text_that_only_looks_like_audio_stays() -> None:
    transcript = b'{"type":"response.output_audio_transcript.delta","delta":"AAAA"}'

    found = archived(event(ONE, 0, transcript, Source.SERVER), 1)

    assert found.audio is None
    assert found.event.data == transcript.decode()


def test_an_append_without_audio_has_none() -> None:
    assert archived(event(ONE, 0, append(b"")), 1).audio is None
