"""Who gets which session, and who gets none (PROTOCOL 3.1 and 3.2)."""

import pytest

from simulator.handshake import Admitted, Refused, Request, admit, call_id_of, is_realtime

PATH = "/v1/realtime?model=gpt-realtime"
BEARER = {"authorization": "Bearer sk-test"}


def decide(
    path: str = PATH,
    headers: dict[str, str] | None = None,
    subprotocols: tuple[str, ...] = (),
    *,
    beta_allowed: bool = True,
) -> Admitted | Refused:
    request = Request(path=path, headers=BEARER if headers is None else headers, subprotocols=subprotocols)
    return admit(request, beta_allowed=beta_allowed)


@pytest.mark.parametrize(
    ("path", "headers", "subprotocols"),
    [
        (PATH, {"authorization": "Bearer sk-test"}, ()),
        (PATH, {"api-key": "azure"}, ()),
        (f"{PATH}&api-key=azure", {}, ()),
        (PATH, {}, ("realtime", "openai-insecure-api-key.sk-test")),
    ],
)
def test_a_key_is_taken_from_wherever_clients_put_it(
    path: str, headers: dict[str, str], subprotocols: tuple[str, ...]
) -> None:
    assert decide(path, headers, subprotocols) == Admitted(kind="realtime", model="gpt-realtime", beta=False)


@pytest.mark.parametrize(
    ("path", "key", "close_code", "close_reason"),
    [
        (PATH, "", 3000, "invalid_request_error"),
        (PATH, "bad-key", 3000, "invalid_request_error.invalid_api_key"),
        (PATH, "quota-key", 1013, "insufficient_quota.credit_balance_exhausted"),
        ("/v1/realtime", "sk", 4000, "invalid_request_error.missing_model"),
        ("/v1/realtime?model=gpt-4o", "sk", 4000, "invalid_request_error.invalid_model"),
        ("/v1/realtime?model=nonsense", "sk", 4004, "invalid_request_error.model_not_found"),
    ],
)
def test_refusals_close_as_the_api_does(path: str, key: str, close_code: int, close_reason: str) -> None:
    refused = decide(path, {"authorization": f"Bearer {key}"})

    assert isinstance(refused, Refused)
    assert (refused.close_code, refused.close_reason) == (close_code, close_reason)


@pytest.mark.parametrize(
    ("headers", "subprotocols"),
    [(BEARER | {"openai-beta": "realtime=v1"}, ()), (BEARER, ("realtime", "openai-beta.realtime-v1"))],
)
def test_the_beta_shape_is_for_those_who_ask_unless_it_is_retired(
    headers: dict[str, str], subprotocols: tuple[str, ...]
) -> None:
    spoken = decide(PATH, headers, subprotocols)
    retired = decide(PATH, headers, subprotocols, beta_allowed=False)

    assert isinstance(spoken, Admitted)
    assert spoken.beta
    assert isinstance(retired, Refused)
    assert (retired.close_code, retired.close_reason) == (4000, "invalid_request_error.beta_api_shape_disabled")


def test_transcription_needs_no_model() -> None:
    assert decide("/v1/realtime?intent=transcription") == Admitted(kind="transcription", model="", beta=False)


@pytest.mark.parametrize(
    "path", ["/v1/realtime?model=x", "/realtime", "/openai/v1/realtime/?model=x", "/any/thing/realtime"]
)
def test_any_prefix_is_the_realtime_api(path: str) -> None:
    assert is_realtime(path)


@pytest.mark.parametrize("path", ["/v1/live/sessions", "/v1/realtime/calls", "/"])
def test_what_is_not_simulated_is_not_here(path: str) -> None:
    assert not is_realtime(path)


def test_a_sideband_names_its_call() -> None:
    assert call_id_of("/v1/realtime?call_id=rtc_1&model=ignored") == "rtc_1"
    assert call_id_of("/v1/realtime?model=gpt-realtime") is None
