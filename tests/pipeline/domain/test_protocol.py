"""Payload bytes become the few messages we fold, whatever they are."""

import base64

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.envelope import Source
from pipeline.domain import messages as m
from pipeline.domain import protocol
from pipeline.domain.messages import Message


def read(type_: str, data: bytes = b"{}", source: Source = Source.SERVER) -> Message:
    return protocol.read(source, type_, data)


@pytest.mark.parametrize("size", [*range(12), 4799, 4800, 4801])
def test_the_bytes_of_audio_are_counted_without_decoding_it(size: int) -> None:
    text = base64.b64encode(bytes(size)).decode()

    assert protocol.payload_size(text) == size
    assert protocol.payload_size(text.rstrip("=")) == size


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"input_audio_buffer.append","audio":"AAAA/+8="}',
        b'{ "audio" : "AAAA/+8=" , "type" : "input_audio_buffer.append" }',
        b'{"event_id":"x","audio":"AAAA\\/\\u002b8=","other":{"audio":"AAAAAAAAAAAA"}}',
    ],
)
def test_an_append_is_read_however_it_is_spelled(data: bytes) -> None:
    assert read("input_audio_buffer.append", data, Source.CLIENT) == m.AudioAppended(size=5)


def test_an_append_without_readable_audio_is_counted_only() -> None:
    assert read("input_audio_buffer.append", b'{"audio":7}', Source.CLIENT) == m.Counted()
    for data in (b"", b'{"audio":"AA', b"\xff", b"[" * 5000, b"[]"):
        assert read("input_audio_buffer.append", data, Source.CLIENT) == m.Unreadable(type="input_audio_buffer.append")


def test_a_delta_keeps_what_makes_sense_of_it() -> None:
    data = b'{"delta":"AAAA","response_id":"r","item_id":7}'

    assert read("response.output_audio.delta", data) == m.AudioDelta(size=3, response_id="r")
    assert read("response.output_audio.delta", b"nonsense") == m.Unreadable(type="response.output_audio.delta")


@pytest.mark.parametrize(
    ("beta", "ga"),
    [
        ("response.audio.delta", "response.output_audio.delta"),
        ("response.audio.done", "response.output_audio.done"),
        ("response.text.delta", "response.output_text.delta"),
        ("response.text.done", "response.output_text.done"),
        ("response.audio_transcript.done", "response.output_audio_transcript.done"),
        ("transcription_session.updated", "session.updated"),
        ("transcription_session.created", "session.created"),
        ("conversation.item.created", "conversation.item.added"),
    ],
)
def test_beta_names_are_read_as_ga_names(beta: str, ga: str) -> None:
    assert read(beta) == read(ga)
    assert not isinstance(read(beta), m.Counted | m.Unknown)


def test_a_client_of_beta_or_of_a_transcription_asks_for_what_a_client_of_ga_does() -> None:
    asked = b'{"event_id":"e1","session":{"a":1}}'

    assert read("transcription_session.update", asked, Source.CLIENT) == read("session.update", asked, Source.CLIENT)
    assert read("session.update", asked, Source.CLIENT) == m.SessionUpdateRequested(event_id="e1", session={"a": 1})


# PROTOCOL sections 1.1, 1.2, 1.6 and 4.11: what may be said, and changes no row.
WITHOUT_CONSEQUENCE = [
    *(
        (Source.CLIENT, type_)
        for type_ in (
            "input_audio_buffer.clear",
            "conversation.item.retrieve",
            "conversation.item.delete",
            "response.cancel",
            "output_audio_buffer.clear",
            "session.close",
        )
    ),
    *(
        (Source.SERVER, type_)
        for type_ in (
            "conversation.created",
            "conversation.item.retrieved",
            "conversation.item.deleted",
            "conversation.item.input_audio_transcription.segment",
            "input_audio_buffer.dtmf_event_received",
            "response.content_part.added",
            "response.content_part.done",
            "response.output_audio_transcript.delta",
            "response.audio_transcript.delta",
            "response.function_call_arguments.delta",
            "response.mcp_call_arguments.delta",
            "response.mcp_call.in_progress",
            "mcp_list_tools.in_progress",
            "mcp_list_tools.completed",
            "session.closed",
        )
    ),
]


@pytest.mark.parametrize(("source", "type_"), WITHOUT_CONSEQUENCE)
def test_what_the_api_says_without_consequence_is_known_all_the_same(source: Source, type_: str) -> None:
    assert read(type_, source=source) == m.Counted()


def test_types_of_no_consequence_are_counted_and_new_ones_named() -> None:
    assert read("response.content_part.added") == m.Counted()
    assert read("response.dreamt") == m.Unknown(type="response.dreamt")
    assert read("response.created", source=Source.CLIENT) == m.Unknown(type="response.created")
    assert read("upstream.connected", source=Source.RECORDER) == m.Counted()
    assert read("power.lost", source=Source.RECORDER) == m.Unknown(type="power.lost")


def test_a_field_of_the_wrong_type_is_absent_and_the_rest_stays() -> None:
    data = b"""{"response": {"id": "r", "status": 7, "conversation_id": null, "status_details": {"reason": "x", "error": []},
        "output": [{"id": "a", "call_id": 3}, "nonsense", {"id": "b", "content": [{"text": 1, "type": "text"}]}],
        "usage": {"input_tokens": 12.0, "output_tokens": -3, "input_token_details": {"text_tokens": "x"}}}}"""

    assert read("response.done", data) == m.ResponseDone(
        response=m.Response(
            id="r",
            conversation_id=None,
            status_details=m.StatusDetails(reason="x"),
            output=(m.Item(id="a"), m.Item(id="b", content=(m.Content(type="text"),))),
            usage=m.Usage(input_tokens=12, input_token_details=m.InputDetails()),
        )
    )


def test_absurd_positions_count_as_absent() -> None:
    assert read("input_audio_buffer.speech_stopped", b'{"audio_end_ms":-1,"item_id":"u"}') == m.SpeechStopped(
        item_id="u"
    )
    assert read("input_audio_buffer.speech_stopped", b'{"audio_end_ms":12.5}') == m.SpeechStopped(audio_end_ms=12.5)


def test_absurd_counts_of_tokens_count_as_absent() -> None:
    """A thousand million is the most that is believed."""
    said = b'{"response":{"usage":{"input_tokens":1000000000,"output_tokens":1000000001}}}'

    assert read("response.done", said) == m.ResponseDone(response=m.Response(usage=m.Usage(input_tokens=10**9)))


def test_a_session_is_kept_as_it_came_for_its_shape_is_read_elsewhere() -> None:
    assert read("session.updated", b'{"session":{"a":1}}') == m.SessionReported(created=False, session={"a": 1})
    assert read("session.created", b"[]") == m.Unreadable(type="session.created")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "item", "response", "session", "usage", "output"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    st.sampled_from(
        [*((Source.SERVER, one) for one in protocol._SERVER), *((Source.CLIENT, one) for one in protocol._CLIENT)]
    ),
    st.one_of(
        st.binary(max_size=40),
        JSON.map(lambda found: msgspec.json.encode(found, enc_hook=repr) if _small(found) else b"1"),
    ),
)
def test_no_payload_makes_a_reader_raise(said: tuple[Source, str], data: bytes) -> None:
    assert isinstance(protocol.read(*said, data), Message)


def _small(found: object) -> bool:
    """Msgspec writes no integers beyond 64 bits."""
    try:
        msgspec.json.encode(found)
    except OverflowError:
        return False
    return True
