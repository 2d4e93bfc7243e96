"""Signed webhooks and telephone calls: what is taken, what is refused, what is kept of it."""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import markers
from ingest.envelope import Source
from ingest.heads import Refusal
from ingest.settings import IngestSettings
from ingest.sip_headers import Discretion, SipHeader, called, kept
from ingest.webhooks import SEEN_MAX, Delivered, Receiver, key_of
from simulator.signing import signed
from tests.ingest.relay_world import on_disk
from tests.ingest.test_webrtc import World, opened, seen, world
from tests.simulator.calling import posted

OLD, NEW = "whsec_b2xkIHNlY3JldA==", "whsec_bmV3IHNlY3JldA=="
NOW = 1_700_000_000
BODY = b'{"type":"realtime.call.incoming"}'
TELEPHONE: dict[str, Any] = {"webhook_secrets": [OLD], "sideband_api_key": "sk-of-the-worker"}
SAYS = [
    {"do": "wait", "ms": 2_000},  # until the sideband listens, also on a slow machine
    {"do": "press", "what": "7"},
    {"do": "speak", "what": "queen_of_clubs"},
    {"do": "hear"},
]


def receiver(*secrets: str) -> Receiver:
    return Receiver([key_of(secret) for secret in secrets or (OLD,)])


def test_a_signed_webhook_is_taken_once() -> None:
    receiving = receiver()
    headers = signed(OLD, "wh_1", NOW, BODY)

    assert receiving.take(headers, BODY, NOW + 1) == Delivered(id="wh_1", again=False)
    refusal = receiving.take(headers, BODY, NOW + 2)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (409, "webhook_replayed")


def test_another_attempt_of_the_api_is_taken_and_known_as_such() -> None:
    receiving = receiver()
    receiving.take(signed(OLD, "wh_1", NOW, BODY), BODY, NOW)

    assert receiving.take(signed(OLD, "wh_1", NOW + 60, BODY), BODY, NOW + 60) == Delivered(id="wh_1", again=True)
    older = receiving.take(signed(OLD, "wh_1", NOW, BODY), BODY, NOW + 61)
    assert isinstance(older, Refusal)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"webhook-signature": "v1,AAAA"}, "webhook_signature_wrong"),
        ({"webhook-signature": "v2,AAAA v1a,BBBB"}, "webhook_signature_wrong"),
        ({"webhook-signature": "v1,\xff\xfe"}, "webhook_signature_wrong"),
        ({"webhook-id": "wh_2"}, "webhook_signature_wrong"),
        ({"webhook-timestamp": str(NOW + 1)}, "webhook_signature_wrong"),
        ({"webhook-timestamp": "now"}, "webhook_timestamp_unreadable"),
        ({"webhook-timestamp": "\u0661\u0662"}, "webhook_timestamp_unreadable"),
        ({"webhook-timestamp": "9" * 400}, "webhook_timestamp_unreadable"),
        ({"webhook-id": ""}, "webhook_headers_missing"),
        ({"webhook-signature": ""}, "webhook_headers_missing"),
    ],
)
def test_what_is_forged_is_refused(change: Mapping[str, str], code: str) -> None:
    refusal = receiver().take({**signed(OLD, "wh_1", NOW, BODY), **change}, BODY, NOW)

    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert receiver().take(signed(OLD, "wh_1", NOW, BODY), BODY + b" ", NOW) != Delivered(id="wh_1", again=False)


@pytest.mark.parametrize("late", [-301, 301])
def test_what_is_stale_is_refused_on_either_side(late: int) -> None:
    refusal = receiver().take(signed(OLD, "wh_1", NOW, BODY), BODY, NOW + late)

    assert isinstance(refusal, Refusal)
    assert refusal.code == "webhook_stale"


def test_while_a_secret_is_replaced_both_are_taken_and_afterwards_the_new_one_only() -> None:
    both, new_only = receiver(OLD, NEW), receiver(NEW)

    assert isinstance(both.take(signed(OLD, "wh_1", NOW, BODY), BODY, NOW), Delivered)
    assert isinstance(both.take(signed(NEW, "wh_2", NOW, BODY), BODY, NOW), Delivered)
    assert isinstance(new_only.take(signed(OLD, "wh_3", NOW, BODY), BODY, NOW), Refusal)
    # The API signs with both for a while: one that fits is enough.
    two = signed(NEW, "wh_4", NOW, BODY)
    two["webhook-signature"] = signed(OLD, "wh_4", NOW, BODY)["webhook-signature"] + " " + two["webhook-signature"]
    assert isinstance(new_only.take(two, BODY, NOW), Delivered)


def test_a_refused_webhook_does_not_take_the_place_of_the_true_one() -> None:
    receiving = receiver()
    receiving.take({**signed(OLD, "wh_1", NOW, BODY), "webhook-signature": "v1,AAAA"}, BODY, NOW)

    assert receiving.take(signed(OLD, "wh_1", NOW, BODY), BODY, NOW) == Delivered(id="wh_1", again=False)


def test_the_memory_of_webhooks_is_bounded() -> None:
    receiving = receiver()
    receiving._seen = {str(number): NOW for number in range(SEEN_MAX)}
    receiving.take(signed(OLD, "wh_1", NOW, BODY), BODY, NOW)

    assert len(receiving._seen) == SEEN_MAX
    assert "0" not in receiving._seen


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()), st.binary()
)
def test_no_headers_and_no_body_break_the_check(headers: dict[str, str], body: bytes) -> None:
    assert isinstance(receiver().take(headers, body, NOW), Refusal)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!", "nothing like it"])
def test_a_secret_that_is_none_stops_the_program(secret: str) -> None:
    with pytest.raises(ValueError, match="number 1"):
        IngestSettings.model_validate({"webhook_secrets": [secret], "sideband_api_key": "sk-1"})


def test_what_can_not_work_is_told_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="nothing to attach"):
        IngestSettings.model_validate({"webhook_secrets": [OLD]})
    with pytest.raises(ValueError, match="sip without webhook_secrets"):
        IngestSettings.model_validate({"sip": {"*": {"action": "reject"}}})
    with pytest.raises(ValueError, match="a session with a model"):
        IngestSettings.model_validate({"sip": {"*": {"action": "accept"}}, **TELEPHONE})


# --- SIP headers

DISCREET = Discretion(names=frozenset({"from", "to", "call-id", "x-trunk"}), key=b"k")


def test_numbers_and_people_are_hashed_and_the_same_number_stays_the_same() -> None:
    found = kept(
        [
            SipHeader("From", '"Jane Doe" <sip:+14155550123@sip.example.com>;tag=1'),
            SipHeader("To", "sip:+1-415-555-0123@other.example"),
            SipHeader("X-Trunk", "line 7 of +1 (415) 555-0123"),
            SipHeader("Call-ID", "0123456789@e"),
            SipHeader("Cookie", "secret"),
        ],
        DISCREET,
    )

    assert "4155550123" not in json.dumps(found).replace(" ", "").replace("-", "")
    assert "Jane" not in json.dumps(found)
    number = found["from"].removeprefix("sip:#").partition("@")[0]
    assert found["from"] == f"sip:#{number}@sip.example.com"
    assert found["to"].startswith(f"sip:#{number}@")
    assert f"#{number}" in found["x-trunk"]
    assert found["call-id"] == "0123456789@e"
    assert "cookie" not in found


def test_whoever_wants_numbers_gets_them() -> None:
    plain = msgspec.structs.replace(DISCREET, plain=True)
    assert kept([SipHeader("From", "sip:+1@e")], plain) == {"from": "sip:+1@e"}


@given(st.text(), st.text())
def test_any_header_can_be_kept(name: str, value: str) -> None:
    kept([SipHeader(name, value), SipHeader("from", value)], DISCREET)
    called([SipHeader("To", value)])


# --- calls


async def ring(here: World, secret: str = OLD, **asked: Any) -> dict[str, Any]:
    """Let the simulator announce a call to the worker: the call's id and the webhook's status."""
    simulator = here.simulator.base_url.replace("ws:", "http:")
    url = here.relay.url.replace("ws:", "http:") + "/webhooks/openai"
    body = {"webhook_url": url, "webhook_secret": secret, "steps": SAYS, **asked}
    answered: dict[str, Any] = (await posted(f"{simulator}/simulator/ring", body)).json()
    return answered


async def test_a_call_that_policy_accepts_is_recorded_to_its_end(tmp_path: Path) -> None:
    sip = {"+15550100": {"action": "accept", "session": {"model": "gpt-realtime"}}, "*": {"action": "reject"}}
    async with world(tmp_path, sip=sip, **TELEPHONE) as here:
        call = await ring(here)
        closing = await here.relay.closing()
        events = here.relay.events()
        [opening] = opened(here.relay)

    assert call["webhook_status"] == 200
    assert (opening.mode, opening.transport, opening.call_id) == ("sideband", "sip", call["call_id"])
    assert opening.model == "gpt-realtime"
    types = [event.type for event in events]
    assert types[:2] == ["session.opened", "call.incoming"]
    order = [
        "input_audio_buffer.dtmf_event_received",
        "input_audio_buffer.speech_stopped",
        "output_audio_buffer.started",
    ]
    assert [kind for kind in types if kind in order] == order
    steered = [markers.decode(event.data) for event in events if event.type == "call.steered"]
    assert steered == [markers.CallSteered(action="accept", by="policy", status=200)]
    assert (closing.closed_by, closing.code) == ("server", 1000)
    journal = on_disk(tmp_path)
    assert b"15550100" not in journal
    assert b"15550199" not in journal
    assert b"sk-of-the-worker" not in journal


async def test_a_call_to_another_number_is_rejected_as_told(tmp_path: Path) -> None:
    sip = {
        "+15550111": {"action": "accept", "session": {"model": "gpt-realtime"}},
        "*": {"action": "reject", "status_code": 486},
    }
    async with world(tmp_path, sip=sip, **TELEPHONE) as here:
        await ring(here)
        closing = await here.relay.closing()
        steered = markers.decode((await seen(here.relay, "call.steered")).data)

    assert steered == markers.CallSteered(action="reject", by="policy", status=200, detail="486")
    assert (closing.closed_by, closing.reason) == ("recorder", "rejected with 486 by policy")


async def test_without_a_policy_the_users_own_service_accepts_and_the_worker_follows(tmp_path: Path) -> None:
    async with world(tmp_path, **TELEPHONE) as here:
        call = await ring(here)
        accepted = await posted(f"{here.http}/realtime/calls/{call['call_id']}/accept", {"type": "realtime"})
        await seen(here.relay, "response.done")
        await here.relay.closing()
        steered = markers.decode((await seen(here.relay, "call.steered")).data)

    assert accepted.status == 200
    assert steered == markers.CallSteered(action="accept", by="client", status=200)


async def test_an_accept_that_fails_is_in_the_calls_row(tmp_path: Path) -> None:
    sip = {"*": {"action": "accept", "session": {"model": "gpt-realtime", "colour": "blue"}}}
    async with world(tmp_path, sip=sip, **TELEPHONE) as here:
        await ring(here)
        closing = await here.relay.closing()

    assert (closing.closed_by, closing.reason) == ("server", "accept failed: HTTP 400")


async def delivered(here: World, body: bytes, headers: Mapping[str, str]) -> int:
    url = here.relay.url.replace("ws:", "http:") + "/webhooks/openai"
    return (await posted(url, body, headers)).status


async def test_forged_stale_and_replayed_webhooks_begin_nothing(tmp_path: Path) -> None:
    data = {"call_id": "rtc_1", "sip_headers": []}
    body = json.dumps({"type": "realtime.call.incoming", "id": "evt_1", "data": data}).encode()
    now = int(time.time())
    fresh = signed(OLD, "wh_1", now, body)
    async with world(tmp_path, **TELEPHONE) as here:
        statuses = [
            await delivered(here, body, {}),
            await delivered(here, body, signed(NEW, "wh_0", now, body)),
            await delivered(here, body, signed(OLD, "wh_0", now - 400, body)),
            await delivered(here, body + b" ", fresh),
        ]
        assert here.relay.events() == []
        statuses += [await delivered(here, body, fresh), await delivered(here, body, fresh)]
        statuses.append(await delivered(here, body, signed(OLD, "wh_1", now + 1, body)))
        statuses.append(await delivered(here, body, signed(OLD, "wh_2", now, body)))
        assert len(opened(here.relay)) == 1

    assert statuses == [400, 401, 401, 401, 200, 409, 200, 200]


async def test_signed_nonsense_is_answered_and_breaks_nothing(tmp_path: Path) -> None:
    now = int(time.time())
    bodies = [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"type":1}', b'{"type":"realtime.call.incoming"}',
        b'{"type":"realtime.call.incoming","data":[]}', b'{"type":"realtime.call.incoming","data":{"call_id":7}}',
        b'{"type":"realtime.call.incoming","data":{"call_id":"../x","sip_headers":[]}}',
        b'{"type":"live.call.incoming","data":{"call_id":"live_1"}}', b"[" * 100_000, b'{"type":"' + b"x" * 100_000 + b'"}',
    ]  # fmt: skip
    async with world(tmp_path, **TELEPHONE) as here:
        statuses = [
            await delivered(here, body, signed(OLD, f"wh_{number}", now, body)) for number, body in enumerate(bodies)
        ]
        too_large = await delivered(here, b"x" * 300_000, signed(OLD, "wh_large", now, b""))
        assert here.relay.events() == []
        # Odd headers are no reason not to follow a call.
        odd: list[Any] = [1, {"name": 2, "value": "x"}, {"name": "To"}, {"name": "From", "value": None}]
        data = {"call_id": "rtc_1", "sip_headers": odd, "sip_media_security": 5}
        good = json.dumps({"type": "realtime.call.incoming", "data": data, "id": "evt_1"}).encode()
        assert await delivered(here, good, signed(OLD, "wh_good", now, good)) == 200
        assert len(opened(here.relay)) == 1

    assert set(statuses) <= {200, 400}
    assert too_large == 413


@pytest.mark.slow
async def test_fuzzed_webhooks_crash_nothing(tmp_path: Path) -> None:
    import random

    chance = random.Random(5)
    model = {
        "type": "realtime.call.incoming",
        "id": "evt",
        "data": {"call_id": "rtc_x", "sip_headers": [{"name": "To", "value": "sip:+1@e"}]},
    }
    async with world(tmp_path, **TELEPHONE) as here:
        for number in range(300):
            body = bytearray(json.dumps(model).encode())
            for _ in range(chance.randrange(1, 8)):
                body[chance.randrange(len(body))] = chance.randrange(256)
            status = await delivered(here, bytes(body), signed(OLD, f"wh_{number}", int(time.time()), bytes(body)))
            assert status in {200, 400}
        assert (await posted(f"{here.http}/realtime/calls", b"no sdp")).status == 400
        assert here.relay.relay.draining is False


async def test_webhooks_are_nobodys_business_where_none_are_expected(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        body = b"{}"
        status = await delivered(here, body, signed(OLD, "wh_1", int(time.time()), body))

    assert status in {401, 404}  # the upstream's own answer
    assert asyncio.get_running_loop().is_running()
    assert Source.CLIENT not in {event.source for event in here.relay.events()}
