"""Plays a planned session from its opening to its end, and hands over its log and the truth of it."""

from typing import Any

import msgspec

from ingest.envelope import RecordedEvent, new_session_id
from tests.truth import rows, translating
from tests.truth.call import Call, Plan
from tests.truth.client import Client
from tests.truth.faults import STRANGE
from tests.truth.plans import scenes
from tests.truth.scenes import Director
from tests.truth.server import Server
from tests.truth.shapes import difference
from tests.truth.world import Process


class Generated(msgspec.Struct, frozen=True):
    """A session's log, and what truly happened in it."""

    plan: Plan
    events: list[RecordedEvent]
    truth: rows.Told


def generate(plan: Plan) -> Generated:
    call = Call(plan, new_session_id(plan.opened_at_ns, plan.seed))
    client, server = Client(call), Server(call)
    director = Director(call, client, server)
    call.world.go(_course(call, client, server, director))
    call.world.run()
    assert call.truth.closed is not None, f"session {plan.seed} did not end"
    return Generated(plan, call.recorder.events, rows.rows(call))


def _course(call: Call, client: Client, server: Server, director: Director) -> Process:
    plan = call.plan
    model = None if plan.settings.kind == "transcription" or plan.sideband else plan.settings.model
    call.truth.session["asked_model"] = model
    path = "/v1/realtime?call_id=rtc_u0_1" if plan.sideband else "/v1/realtime"
    path += "/translations" if plan.settings.kind == "translation" else ""
    call.recorder_says("session.opened", mode="sideband" if plan.sideband else "relay", path=path, model=model)
    yield 20.0
    if plan.sideband:
        # The server never greets one who only listens in; it answers what that one asks first.
        server._report("session.updated")
    else:
        call.recorder_says("upstream.connected", dial_ms=20.0)
        server.opens()
    if plan.begins_as != plan.settings:
        yield call.chance.choice([0.0, 0.0, 150.0])
        client.update(plan.settings, difference(plan.begins_as, plan.settings, beta=plan.beta))
    yield lambda: not plan.waits or call.truth.session.get("settings") == plan.settings
    call.world.go(client.listen())
    yield call.chance.uniform(50, 600)
    if not plan.sideband:
        _oddity(call)
    yield from scenes(director, plan.kind)
    yield from _end(call, client, director)


def _oddity(call: Call) -> None:
    if call.chance.random() < 0.3:

        def note(_: Any) -> None:
            call.truth.session["unknown"] = call.truth.session.get("unknown", 0) + 1

        call.server_says(call.chance.choice(STRANGE), note, strange=True)


def _end(call: Call, client: Client, director: Director) -> Process:
    if call.plan.end == "cut" and call.plan.settings.vad is not None and call.plan.settings.modality == "audio":
        call.world.go(director.ask())
        yield call.chance.uniform(1500, 6000)
    elif call.plan.end != "abrupt":
        yield 15_000.0  # so that late transcripts are in
        yield from director.settle()
    if call.plan.end == "expired":
        said = {"type": "invalid_request_error", "code": "session_expired", "message": "60 minutes"}
        note = {"code": said["code"], "error_type": said["type"], "message": said["message"]}
        call.server_says("error", lambda seen: call.witness.failed(seen, "error_event", **note), error=said)
        yield 3000.0
    client.hung_up = True
    _close(call)


def _close(call: Call) -> None:
    closing: dict[str, Any] = {"closed_by": "client", "close_code": 1000}
    error: dict[str, Any] = {}
    match call.plan.end:
        case "abrupt":
            closing = {"closed_by": "client", "close_code": 1006}
            error = {"code": "1006"}
        case "expired":
            closing = {"closed_by": "server", "close_code": 1001}
            error = {"code": "1001"}
        case "died":
            closing = {"closed_by": "recorder", "close_code": 1006}
            error = {"code": "recorder_died"}
    fields = {"closed_by": closing["closed_by"], "code": closing["close_code"], "reason": ""}
    seen = call.recorder_says("session.closed", **fields, recovered=call.plan.end == "died")
    call.truth.session["closing"] = closing
    call.witness.ended(seen)
    if call.plan.settings.kind == "translation":
        translating.bill_time(call, seen)
    if error:
        call.witness.failed(seen, "abnormal_close", **error)
    call.world.ended = True
