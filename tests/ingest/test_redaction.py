"""Secrets never enter the log, and nothing else is changed."""

import json
import string
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.redaction import redact, safe_headers, safe_path, safe_reason
from ingest.secret_json import HEADERS, SECRET_NAMES

KEY = "sk-proj-Abc123_def456-Ghi789jkl"
EPHEMERAL = "ek_68af296e8e408191a1120ab6383263c2"


def redacted(message: object) -> Any:
    return json.loads(redact(json.dumps(message).encode()))


# Where the protocol puts secrets (PROTOCOL 3.1, 7.3)


def test_an_mcp_tool_keeps_neither_its_authorization_nor_its_headers() -> None:
    tool = {
        "type": "mcp",
        "server_label": "crm",
        "server_url": "https://crm.example/mcp",
        "authorization": "oauth-token-1",
        "headers": {"X-Tenant-Secret": "hush", "nested": [{"deep": "hush too"}]},
    }

    found = redacted({"type": "session.update", "session": {"tools": [tool]}})

    assert found["session"]["tools"] == [
        {
            "type": "mcp",
            "server_label": "crm",
            "server_url": "https://crm.example/mcp",
            "authorization": "[redacted]",
            "headers": {"X-Tenant-Secret": "[redacted]", "nested": [{"deep": "[redacted]"}]},
        }
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "session.created", "session": {"client_secret": {"value": "hush", "expires_at": 1}}},
        {"type": "session.update", "session": {"client_secret": "hush"}},
        {"value": EPHEMERAL, "expires_at": 1},
        {"type": "x", "Authorization": "Basic hush"},
        {"type": "x", "AUTHORIZATION": ["Basic hush", "hush"]},
        {"type": "x", "api_key": "hush"},
        {"type": "x", "api-key": "hush"},
        {"type": "x", "Set-Cookie": "hush"},
        {"type": "x", "text": f"use {KEY}, please"},
        {"type": "x", "text": f"line\n{KEY}\nline"},
        {"type": "x", "text": f"\u00e9{EPHEMERAL}\U0001f600"},
        {"type": "x", "protocols": ["realtime", f"openai-insecure-api-key.{KEY}"]},
        {"type": "x", "protocols": ["realtime", "openai-insecure-api-key.hush-hush"]},
        {"type": "x", "text": "send Authorization: Bearer hush.hush.hush.hush.hush.hush"},
        {"type": "x", KEY: 1},
        {"type": KEY},
    ],
)
def test_a_secret_goes_wherever_it_stands(message: object) -> None:
    text = json.dumps(redacted(message))

    assert "hush" not in text
    assert KEY not in text
    assert EPHEMERAL not in text


@pytest.mark.parametrize(
    "fragment",
    ["sk-abc***xyz", "sk-proj-****...wxyz", "abcd****wxyz", "ab***cd***ef", "my-odd-key", "sk-ab\u2026wxyz12"],
)
def test_an_error_keeps_no_fragment_of_the_key_it_refuses(fragment: str) -> None:
    said = f"Incorrect API key provided: {fragment}. You can find your API key at https://platform.openai.com."

    found = redacted({"type": "error", "error": {"code": "invalid_api_key", "message": said}})

    assert found["error"] == {
        "code": "invalid_api_key",
        "message": "Incorrect API key provided: [redacted]. You can find your API key at https://platform.openai.com.",
    }


# However it is written


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (rb'{"\u0061uthorization":"hush"}', rb'{"\u0061uthorization":"[redacted]"}'),
        (b'{ "authorization"\t:\r\n "hush" }', b'{ "authorization"\t:\r\n "[redacted]" }'),
        (rb'{"authorization":"hu\"sh\\"}', b'{"authorization":"[redacted]"}'),
        (rb'{"a":"\u0073k-\u0061bcdefgh tail"}', b'{"a":"[redacted] tail"}'),
        (rb'{"a":"head\nsk-abcdefgh\ttail"}', rb'{"a":"head\n[redacted]\ttail"}'),
        (rb'{"a":"\ud83d\ude00ek_abcdefgh"}', rb'{"a":"\ud83d\ude00[redacted]"}'),
        (
            b'{"headers":"hush","headers":["hush",{"x":"hush"}]}',
            b'{"headers":"[redacted]","headers":["[redacted]",{"x":"[redacted]"}]}',
        ),
    ],
)
def test_only_the_secret_itself_is_rewritten(written: bytes, kept: bytes) -> None:
    assert redact(written) == kept


@pytest.mark.parametrize(
    ("secret", "kept"),
    [
        ("/sk-abcdefgh", "/[redacted]"),
        ("/ek_abcdefgh", "/[redacted]"),
        ("/bearer abcdefghijklmnopqrstuvwxyz", "/bearer [redacted]"),
        (r"/\u0065k\u005fabcdefgh", "/[redacted]"),
        ("/apikey/abcd***wxyz", "/apikey/[redacted]"),
    ],
)
def test_a_secret_goes_from_a_string_that_is_long_enough_to_be_audio(secret: str, kept: str) -> None:
    audio = "QUJD" * 500

    assert redact(f'{{"audio":"{audio}{secret}"}}'.encode()) == f'{{"audio":"{audio}{kept}"}}'.encode()


def test_what_is_no_json_is_cut_behind_the_name_of_a_secret() -> None:
    assert (
        redact(b'{"type":"session.update","authorization":"hush",}')
        == b'{"type":"session.update","authorization[redacted]'
    )


def test_what_is_no_json_loses_its_tokens_too() -> None:
    assert redact(rb'{"a":"\u0073k-abcdefgh","b":"\nek_abcdefgh" oops') == rb'{"a":"[redacted]","b":"\n[redacted]" oops'


def test_a_binary_message_loses_its_tokens_too() -> None:
    assert redact(b"\xff\x00 sk-abcdefgh \xfe") == b"\xff\x00 [redacted] \xfe"


# What is no secret


@pytest.mark.parametrize(
    "message",
    [
        {"type": "x", "text": "the task-force met in week_20261123 about risk-averse desk-sharing"},
        {"type": "x", "text": "that is ***very*** important"},
        {"type": "x", "text": "*** your API key, please ***"},
        {"type": "x", "text": "the bearer of good news has a cookie and an authorization"},
        {"type": "x", "client_secret": None, "authorization": "", "headers": {}},
        {"type": "x", "item_id": "task-550e8400-e29b-41d4-a716-446655440000"},
        {"type": "x", "tools": [{"type": "function", "parameters": {"properties": {
            "headers": {"type": "object", "description": "mail headers"}, "authorization": {"type": "string"}}}}]},
    ],
)  # fmt: skip
def test_what_only_looks_like_a_secret_stays(message: object) -> None:
    written = json.dumps(message).encode()

    assert redact(written) is written


words = st.text(alphabet=string.ascii_letters + string.digits + ' .,\n"\\\u00e9\u4e2d\U0001f600')
names = words.filter(lambda name: name.lower().encode() not in {*SECRET_NAMES, HEADERS})
"""What a member may be called without making a secret of what it holds; given time, chance spells `APIKEY`."""
harmless = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
)


@given(message=harmless, ascii_only=st.booleans(), indent=st.none() | st.integers(min_value=0, max_value=2))
def test_a_message_without_secrets_comes_out_as_the_same_object(
    message: object, ascii_only: bool, indent: int | None
) -> None:
    written = json.dumps(message, ensure_ascii=ascii_only, indent=indent).encode()

    assert redact(written) is written


@given(data=st.binary())
def test_any_bytes_are_taken(data: bytes) -> None:
    assert isinstance(redact(data), bytes)


secret_bodies = st.text(alphabet=string.ascii_letters + string.digits + "-_", min_size=12, max_size=60).map(
    lambda body: body + "Q7"
)


def escaped(text: str, which: list[bool]) -> str:
    """The JSON string of a text in which some characters are written as unicode escapes."""
    doubled = (which * len(text))[: len(text)] if which else [False] * len(text)
    return "".join(f"\\u{ord(char):04x}" if escape else char for char, escape in zip(text, doubled, strict=True))


@given(
    before=words, body=secret_bodies, prefix=st.sampled_from(["sk-", "ek_", "sk-proj-"]),
    which=st.lists(st.booleans(), max_size=7), surroundings=st.lists(harmless, max_size=3),
)  # fmt: skip
def test_a_token_in_any_string_is_gone_once_the_message_is_read(
    before: str, body: str, prefix: str, which: list[bool], surroundings: list[object]
) -> None:
    secret = prefix + body
    written = json.dumps([*surroundings, {"a": [before + " ", "@"]}]).replace('"@"', f'"{escaped(secret, which)} tail"')

    kept = redact(written.encode())

    assert body not in json.dumps(json.loads(kept))
    assert [*surroundings, {"a": [before + " ", "[redacted] tail"]}] == json.loads(kept)


@given(
    secret=st.text(min_size=1),
    name=st.sampled_from(
        ["authorization", "Authorization", "api_key", "API-Key", "cookie", "client_secret", "headers"]
    ),
    which=st.lists(st.booleans(), max_size=7),
    depth=st.integers(min_value=0, max_value=4),
    surroundings=st.lists(harmless, max_size=3),
)
def test_whatever_stands_under_a_secret_name_is_gone(
    secret: str, name: str, which: list[bool], depth: int, surroundings: list[object]
) -> None:
    message: object = {"@": secret, "z": 1}
    for _ in range(depth):
        message = {"session": [message, *surroundings]}
    written = json.dumps(message).replace('"@"', f'"{escaped(name, which)}"')

    kept = redact(written.encode())

    found = json.loads(kept)
    for _ in range(depth):
        found = found["session"][0]
    assert found == {name: "[redacted]", "z": 1}


@given(cut=st.integers(min_value=0, max_value=400))
def test_a_message_cut_off_anywhere_still_hides_its_secret(cut: int) -> None:
    secret = "Tenant0Secret1Value2"
    written = json.dumps({"type": "session.update", "tools": [{"type": "mcp", "authorization": secret}]}).encode()

    assert secret[:4].encode() not in redact(written[:cut])


def test_a_message_too_intricate_to_search_is_withheld_but_for_its_type() -> None:
    written = b'{"type":"session.update","authorization":"hush","x":[' + b"1," * 300_000 + b"1]}"

    assert json.loads(redact(written)) == {"type": "session.update", "withheld": "too intricate to search for secrets"}


@pytest.mark.parametrize("filling", [b"\\n", b"sk-", b"ek_", b"***a", b"bearer ", b"key provided ", b'","'])
def test_no_message_takes_long_to_search(filling: bytes) -> None:
    written = b'{"headers":1,"x":"api key ' + filling * (4_000_000 // len(filling)) + b'"}'
    start = time.process_time()  # what others do on this machine meanwhile is no matter of the search

    redact(written)

    assert time.process_time() - start < 3


# The handshake


def test_only_headers_known_to_be_harmless_are_kept() -> None:
    headers = [
        ("User-Agent", "openai-python/3.54.0"),
        ("Authorization", f"Bearer {KEY}"),
        ("api-key", "hush"),
        ("Sec-WebSocket-Protocol", f"realtime, openai-insecure-api-key.{KEY}"),
        ("Cookie", "__cf_bm=hush"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("OpenAI-Organization", "org-1"),
        ("X-Custom", "hush"),
        ("Traceparent", "00-1-2-01"),
        ("Origin", "https://a.example"),
        ("origin", f"https://b.example/{KEY}"),
    ]

    assert safe_headers(headers) == {
        "user-agent": "openai-python/3.54.0",
        "openai-organization": "org-1",
        "traceparent": "00-1-2-01",
        "origin": "https://a.example, https://b.example/[redacted]",
    }


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/v1/realtime?model=gpt-realtime", "/v1/realtime?model=gpt-realtime"),
        ("/v1/realtime?call_id=rtc_u0_1&intent=transcription&x", "/v1/realtime?call_id=rtc_u0_1&intent=transcription&x"),
        ("/r?api-version=1&deployment=d&api-key=hush", "/r?api-version=1&deployment=d&api-key=[redacted]"),
        ("/r?a%70i%2Dkey=hush&Access_Token=hush", "/r?a%70i%2Dkey=[redacted]&Access_Token=[redacted]"),
        (f"/r?model={EPHEMERAL}", "/r?model=[redacted]"),
        ("/r?model=%65k_68af296e8e408191", "/r?model=[redacted]"),
        (f"/{KEY}/v1/realtime?{KEY}", "/[redacted]/v1/realtime?[redacted]"),
        ("", ""),
        ("/r?", "/r?"),
    ],
)  # fmt: skip
def test_a_path_keeps_all_but_its_secrets(path: str, kept: str) -> None:
    assert safe_path(path) == kept


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("invalid_request_error.invalid_api_key", "invalid_request_error.invalid_api_key"),
        ("Your session hit the maximum duration of 60 minutes.", "Your session hit the maximum duration of 60 minutes."),
        (f"Incorrect API key provided: {KEY[:9]}****{KEY[-4:]}.", "Incorrect API key provided: [redacted]."),
        (f"bad {EPHEMERAL}", "bad [redacted]"),
    ],
)  # fmt: skip
def test_a_close_reason_keeps_no_fragment_of_a_key(reason: str, kept: str) -> None:
    assert safe_reason(reason) == kept


@given(text=st.text())
def test_any_text_is_taken_as_header_path_and_reason(text: str) -> None:
    assert isinstance(safe_reason(text), str)
    assert isinstance(safe_path(text), str)
    assert isinstance(safe_headers({"user-agent": text})["user-agent"], str)
