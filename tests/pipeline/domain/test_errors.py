"""What went wrong, one row each."""

import pytest

from tests.builders import Story, columns, only
from tests.pipeline.domain.laws import told

ERROR = "kind code error_type message"


def test_an_error_event_is_a_row_with_all_it_says() -> None:
    error = {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "no",
        "param": "session.x",
        "event_id": "e1",
    }
    row = only(told(Story().opened().at(50).server("error", error=error)), "session_errors")

    assert columns(row, ERROR) == ("error_event", "invalid_value", "invalid_request_error", "no")
    assert columns(row, "param client_event_id seq elapsed_ms") == ("session.x", "e1", 1, 50)


def test_an_error_without_content_is_still_an_error() -> None:
    assert columns(only(told(Story().opened().server("error")), "session_errors"), ERROR) == (
        "error_event",
        None,
        None,
        None,
    )


def test_a_failed_response_is_an_error_and_a_cancelled_one_is_none() -> None:
    details = {"type": "failed", "error": {"type": "server_error", "code": None, "message": "sorry"}}
    story = Story().opened().created("r1").done("r1", "failed", status_details=details).created("r2").cancelled("r2")

    found = told(story)

    assert columns(only(found, "session_errors"), ERROR) == ("response_failed", None, "server_error", "sorry")
    assert found["responses"][("s1", "r1")].error_code == "server_error"


def test_a_failed_transcription_is_an_error() -> None:
    story = (
        Story()
        .opened()
        .server(
            "conversation.item.input_audio_transcription.failed", item_id="u1", error={"code": "DeploymentNotFound"}
        )
    )

    assert columns(only(told(story), "session_errors"), ERROR)[:2] == ("transcription_failed", "DeploymentNotFound")


def test_a_limit_that_is_used_up_is_a_wait() -> None:
    limits = [
        {"name": "tokens", "limit": 100, "remaining": 0, "reset_seconds": 1.5},
        {"name": "requests", "remaining": 4},
        {},
    ]
    story = (
        Story().opened().server("rate_limits.updated", rate_limits=limits).server("rate_limits.updated", rate_limits=[])
    )

    row = only(told(story), "session_errors")

    assert columns(row, "kind code message") == ("rate_limited", "tokens", "tokens: 0 of 100.0 left, reset in 1.5 s")


@pytest.mark.parametrize(
    ("closed_by", "code", "code_told"),
    [
        ("client", 1000, None),
        ("server", 1000, None),
        ("client", 1005, None),
        ("client", 1001, None),
        ("client", None, None),
        ("server", 1001, "1001"),
        ("client", 1006, "1006"),
        ("server", 4004, "4004"),
        ("recorder", 1012, "1012"),
    ],
)
def test_a_call_that_was_cut_off_is_an_error(closed_by: str, code: int | None, code_told: str | None) -> None:
    rows = told(Story().opened().closed(closed_by, code, reason="bye"))["session_errors"].values()

    assert [columns(row, "kind code message") for row in rows] == (
        [("abnormal_close", code_told, "bye")] if code_told else []
    )


def test_a_recorder_that_died_is_an_error() -> None:
    row = only(told(Story().opened().closed("recorder", None, recovered=True, reason="killed")), "session_errors")

    assert columns(row, "kind code message") == ("abnormal_close", "recorder_died", "killed")


def test_a_failed_response_is_named_by_its_error() -> None:
    story = Story().opened().created("r1").done("r1", "failed", status_details={"error": {"code": "server_error"}})

    assert columns(only(told(story), "session_errors"), "response_id code") == ("r1", "server_error")


def test_only_a_limit_of_which_nothing_is_left_makes_one_wait() -> None:
    limits = [
        {"name": "tokens", "limit": 100, "remaining": 1, "reset_seconds": 1},
        {"name": "requests", "limit": 9, "remaining": 0, "reset_seconds": 2},
        {"name": "minutes", "limit": 5, "remaining": 0, "reset_seconds": 3},
    ]

    row = only(told(Story().opened().server("rate_limits.updated", rate_limits=limits)), "session_errors")

    assert columns(row, "code message") == (
        "requests",
        "requests: 0 of 9.0 left, reset in 2.0 s; minutes: 0 of 5.0 left, reset in 3.0 s",
    )


def test_one_thing_where_a_list_belongs_is_passed_over() -> None:
    story = Story().opened().server("rate_limits.updated", rate_limits={"name": "tokens", "remaining": 0}).closed()

    assert told(story)["session_errors"] == {}
