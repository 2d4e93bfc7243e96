"""Which exchanges begin or steer a call, what bodies say of it, whose keys were minted, and what pages may do."""

import h11
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import call_bodies, cors
from ingest.calls import Created, Steered, attach_credentials, created, steered
from ingest.heads import Asked, Rules
from ingest.minted import KEPT_MAX, Mint, Minted
from ingest.upstream import Upstream


def asked(method: str = "POST", target: str = "/v1/realtime/calls", **headers: str) -> Asked:
    sent = [("Host", "relay"), *((name.replace("_", "-"), value) for name, value in headers.items())]
    return Asked.of(h11.Request(method=method, target=target, headers=sent))


def answer(status: int = 201, location: str | None = "/v1/realtime/calls/rtc_u0_1") -> h11.Response:
    return h11.Response(status_code=status, headers=[("Location", location)] if location is not None else [])


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("/v1/realtime/calls/rtc_1", "/v1/realtime"),
        ("/openai/v1/realtime/calls/rtc_1", "/openai/v1/realtime"),
        ("/v1/realtime/translations/calls/rtc_1", "/v1/realtime/translations"),
        ("https://api.openai.com/v1/realtime/calls/rtc_1?x=1", "/v1/realtime"),
    ],
)
def test_a_call_is_known_by_its_location(location: str, place: str) -> None:
    assert created(asked(), answer(location=location)) == Created(call_id="rtc_1", place=place)


@pytest.mark.parametrize(
    ("method", "given_answer"),
    [
        ("GET", answer()),
        ("POST", answer(status=400)),
        ("POST", answer(location=None)),
        ("POST", answer(location="/v1/files/rtc_1")),
        ("POST", answer(location="/v1/realtime/calls/../../x")),
        ("POST", answer(location="/v1/realtime/calls/a%20b")),
        ("POST", answer(location="")),
    ],
)
def test_nothing_else_is_a_call(method: str, given_answer: h11.Response) -> None:
    assert created(asked(method), given_answer) is None


def test_who_steers_a_call() -> None:
    assert steered(asked(target="/v1/realtime/calls/rtc_1/refer")) == Steered(call_id="rtc_1", action="refer")
    assert steered(asked(target="/v1/realtime/calls/rtc_1")) is None
    assert steered(asked(target="/v1/realtime/calls/rtc_1/listen")) is None


def test_a_sideband_attaches_with_what_the_call_was_made_with_or_with_a_key_of_the_worker() -> None:
    headers = [
        ("Host", "h"),
        ("Authorization", "Bearer ek_1"),
        ("OpenAI-Project", "p"),
        ("X-Own", "1"),
        ("Cookie", "c"),
    ]
    request = h11.Request(method="POST", target="/", headers=headers)
    rules = Rules(upstream=Upstream.of("wss://e.example"))
    house = msgspec.structs.replace(rules, api_key="sk-house")
    azure = msgspec.structs.replace(house, api_key_header="api-key")

    assert attach_credentials(request, rules, "") == [(b"Authorization", b"Bearer ek_1"), (b"OpenAI-Project", b"p")]
    assert attach_credentials(request, house, "") == [(b"OpenAI-Project", b"p"), (b"Authorization", b"Bearer sk-house")]
    assert attach_credentials(request, azure, "") == [(b"OpenAI-Project", b"p"), (b"Api-Key", b"sk-house")]
    assert attach_credentials(request, house, "sk-own")[-1] == (b"Authorization", b"Bearer sk-own")


MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="sdp"\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n'
    b'--b\r\nContent-Disposition: form-data; name="session"\r\n\r\n{"type":"realtime","model":"gpt-realtime"}\r\n--b--\r\n'
)


def test_the_model_stands_in_the_session_of_an_offer() -> None:
    assert call_bodies.model_of_offer("multipart/form-data; boundary=b", MULTIPART) == "gpt-realtime"
    assert call_bodies.model_of_offer("application/sdp", MULTIPART) is None
    assert call_bodies.model_of_offer("multipart/form-data; boundary=other", MULTIPART) is None


@given(st.binary(max_size=400), st.sampled_from(["multipart/form-data; boundary=b", "multipart/form-data", "\xff"]))
def test_any_body_can_be_read_for_a_model(body: bytes, content_type: str) -> None:
    call_bodies.model_of_offer(content_type, body)
    call_bodies.model_of_offer(content_type, MULTIPART[: len(body)] + body)
    call_bodies.key_of_answer(body)
    call_bodies.detail_of(body)


def test_both_answers_to_a_mint_hold_a_key() -> None:
    new = b'{"value":"ek_1","expires_at":1,"session":{"model":"gpt-realtime"}}'
    old = b'{"model":"gpt-4o-realtime-preview","client_secret":{"value":"ek_2","expires_at":1}}'

    assert call_bodies.key_of_answer(new) == call_bodies.Key(value="ek_1", model="gpt-realtime")
    assert call_bodies.key_of_answer(old) == call_bodies.Key(value="ek_2", model="gpt-4o-realtime-preview")
    assert call_bodies.key_of_answer(b'{"error":{}}') is None


def test_a_body_that_is_too_long_is_not_kept() -> None:
    kept = call_bodies.Kept()
    for _ in range(3):
        kept.add(b"x" * (call_bodies.BODY_MAX_BYTES // 2))
    assert kept.whole() == b""


def test_minted_keys_are_known_by_a_digest_and_the_oldest_are_forgotten() -> None:
    minted = Minted()
    for number in range(KEPT_MAX + 1):
        minted.remember(f"ek_whole_key_{number}", Mint(relay_key="shop"))

    assert minted.find("ek_whole_key_0") == Mint()
    assert minted.find(f"ek_whole_key_{KEPT_MAX}").relay_key == "shop"
    assert "whole_key" not in repr(minted.__dict__)  # long enough that no digest's bytes spell it by chance


def test_a_preflight_of_a_configured_page_is_granted_and_of_another_one_refused() -> None:
    ours = asked(
        "OPTIONS",
        Origin="https://a.example",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="x-a",
    )
    granted = cors.preflight_answer(ours, ("https://a.example",))
    refused = cors.preflight_answer(ours, ("https://b.example",))

    assert cors.is_preflight(ours)
    assert not cors.is_preflight(asked("OPTIONS"))
    assert (granted.status_code, refused.status_code) == (204, 403)
    headers = dict(granted.headers)
    assert headers[b"access-control-allow-origin"] == b"https://a.example"
    assert headers[b"access-control-allow-headers"] == b"x-a"
    assert b"access-control-allow-origin" not in dict(refused.headers)


def test_configured_origins_hold_and_not_the_upstreams_own() -> None:
    theirs = h11.Response(status_code=201, headers=[("Access-Control-Allow-Origin", "*"), ("Location", "/x")])
    from_page = asked(Origin="https://a.example")

    assert cors.granted(theirs, from_page, ()) is theirs
    other = dict(cors.granted(theirs, from_page, ("https://b.example",)).headers)
    assert other == {b"location": b"/x"}
    own = dict(cors.granted(theirs, from_page, ("*",)).headers)
    assert own[b"access-control-allow-origin"] == b"https://a.example"
    assert b"Location" in own[b"access-control-expose-headers"]
