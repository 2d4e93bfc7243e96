"""Who may look: the verdict, what is fetched without a page, and a sign-in at a provider in a real browser."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pydantic import ValidationError

from bench.ports import free_port
from dashboard import addresses
from dashboard.settings import DashboardSettings
from dashboard.sign_in import is_open, verdict
from dashboard.sign_in_cookie import SecretUnreadable, streamlit_secrets
from dashboard.sign_in_return import page_of
from tests.dashboard.browsing import Opener, played_to, settled
from tests.dashboard.demo import Call
from tests.dashboard.oidc_provider import ANN, CLIENT_ID, CLIENT_SECRET, Provider, providing
from tests.dashboard.serving import Served, serving

NOW_S = 1_800_000_000.0
CLAIMS = {**ANN, "iat": NOW_S - 60}
WITHIN_S = 60
GIVEN = {
    "oidc_url": "https://id.example.com",
    "oidc_client_id": CLIENT_ID,
    "oidc_client_secret": CLIENT_SECRET,
    "oidc_allow": ("@example.com",),
    "public_url": "https://calls.example.com",
}


def given(**changes: Any) -> DashboardSettings:
    return DashboardSettings.model_validate(GIVEN | changes)


# --- the verdict


@pytest.mark.parametrize(
    ("claims", "allow", "status"),
    [
        ({}, ("@example.com",), 401),
        (CLAIMS, ("@example.com",), 200),
        (CLAIMS | {"email": "Ann@Example.COM"}, ("ann@example.com",), 200),
        (CLAIMS, ("bob@example.com",), 403),
        (CLAIMS | {"email": "ann@evil-example.com"}, ("@example.com",), 403),
        (CLAIMS | {"email": "ann@example.com@evil.com"}, ("@example.com",), 403),
        (CLAIMS | {"email_verified": False}, ("@example.com",), 403),
        ({name: CLAIMS[name] for name in ("sub", "email", "iat")}, ("@example.com",), 403),
        ({name: CLAIMS[name] for name in ("sub", "iat")}, ("@example.com",), 403),
        ({name: CLAIMS[name] for name in ("sub", "iat")}, ("*",), 200),
        (CLAIMS | {"iat": NOW_S - 13 * 3600}, ("*",), 401),
        (CLAIMS | {"iat": NOW_S + 3600}, ("*",), 401),
        ({name: CLAIMS[name] for name in ("sub", "email", "email_verified")}, ("*",), 401),
    ],
)
def test_the_verdict_is_by_address_by_its_being_verified_and_by_the_age(
    claims: dict[str, Any], allow: tuple[str, ...], status: int
) -> None:
    assert verdict(claims, given(oidc_allow=allow), NOW_S).status == status


def test_an_unverified_address_is_believed_only_where_that_is_set() -> None:
    claims = {name: CLAIMS[name] for name in ("sub", "email", "iat")}
    assert verdict(claims, given(oidc_allow_unverified=True), NOW_S).may_look


@pytest.mark.parametrize("path", ["/", "/live", "/session", "/healthz", "/static/index.js", "/assets/style.css"])
def test_the_empty_frame_of_a_page_is_open(path: str) -> None:
    assert is_open(path)


@pytest.mark.parametrize(
    "path",
    ["/calls/x/audio.wav", "/media/x.wav", "//calls/x/audio.wav", "/static/../calls/x", "/_stcore/metrics", "/new"],
)
def test_what_is_not_said_to_be_open_is_not(path: str) -> None:
    assert not is_open(path)


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("https://calls.example.com/session?session=x&turn=2", "/session?session=x&turn=2"),
        ("https://evil.example/live", "/live"),
        ("/", "/"),
        ("//evil.example", None),
        ("https://calls.example.com/auth/logout", None),
        ("https://calls.example.com/calls/x/audio.wav", None),
        ("javascript:alert(1)", None),
        ("http://[", None),
        ("/live?" + "x" * 3000, None),
        ("", None),
    ],
)
def test_a_sign_in_leads_back_to_a_page_of_ours_only(address: str, page: str | None) -> None:
    assert page_of(address) == page


# --- the settings


@pytest.mark.parametrize("missing", ["oidc_client_id", "oidc_client_secret", "oidc_allow", "public_url"])
def test_half_a_sign_in_is_refused_and_the_missing_half_named(missing: str) -> None:
    with pytest.raises(ValidationError, match=rf"sign-in at https://id.example.com needs .*{missing}"):
        DashboardSettings.model_validate({name: value for name, value in GIVEN.items() if name != missing})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"public_url": "http://calls.example.com"}, "must begin with https"),
        ({"oidc_url": "http://id.example.com"}, "must begin with https"),
        ({"public_url": "https://example.com/calls"}, "must have no path"),
        ({"oidc_allow": ("example.com",)}, "no e-mail address"),
        ({"oidc_allow": ("*@example.com",)}, "no e-mail address"),
        ({"oidc_cookie_secret": "short"}, "32 characters"),
    ],
)
def test_a_setting_that_would_let_in_more_or_fewer_than_meant_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        given(**changes)


def test_with_a_sign_in_an_address_that_others_reach_may_be_served() -> None:
    assert given(host="0.0.0.0").host == "0.0.0.0"


def test_the_secret_comes_from_a_file_and_never_stands_in_what_the_pages_are_told(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    settings = given(oidc_client_secret="", oidc_client_secret_file=file)
    with pytest.raises(SecretUnreadable, match=str(file)):
        streamlit_secrets(settings)

    file.write_text("from a file\n")
    told = streamlit_secrets(settings)
    assert told is not None
    assert told["auth"]["client_secret"] == "from a file"
    assert CLIENT_SECRET not in given().model_dump_json()
    assert DashboardSettings.model_validate_json(given().model_dump_json()).signs_in


# --- served


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as found:
        yield found


@pytest.fixture(scope="module")
def guarded(data_dir: Path, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard behind a sign-in. Its port is chosen beforehand: the provider must be told where to send back to."""
    port = free_port()
    secret = tmp_path_factory.mktemp("secret") / "client"
    secret.write_text(CLIENT_SECRET)
    with serving(
        data_dir,
        port=port,
        oidc_url=provider.issuer,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret_file=str(secret),
        oidc_allow=["@example.com"],
        public_url=f"http://127.0.0.1:{port}",
    ) as up:
        yield up


def status_of(served: Served, path: str, cookie: str = "") -> int:
    request = urllib.request.Request(f"{served.url}{path}", headers={"Cookie": cookie} if cookie else {})
    try:
        with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def paths_of(call: Call) -> list[str]:
    base = f"/calls/{call.session.session_id}"
    names = ("timeline.json", "audio.wav", "waves?from_ms=0&until_ms=500&points=10", "events.jsonl", "turns.csv")
    return [f"{base}/{name}" for name in names]


def cookies_of(page: Page) -> str:
    return "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies())


@pytest.mark.slow
def test_nobody_fetches_a_call_without_a_sign_in(guarded: Served, told: list[Call]) -> None:
    for path in (*paths_of(told[5]), "/media/anything.wav", "/_stcore/metrics"):
        assert status_of(guarded, path) == 401
        assert status_of(guarded, path, "_streamlit_user=made-up; _streamlit_user_1=x") == 401
    assert status_of(guarded, "/healthz") == 200
    assert status_of(guarded, "/") == 200


@pytest.mark.slow
@pytest.mark.browser
def test_one_signs_in_looks_listens_and_signs_out(
    guarded: Served, provider: Provider, told: list[Call], opened: Opener, complaints: list[str]
) -> None:
    provider.user = dict(ANN)
    link = f"{guarded.url}/session?session={told[5].session.session_id}"
    page = opened(link)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    settled(page)
    assert page.get_by_text(told[5].session.session_id).count() == 0

    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="ann@example.com")).to_be_visible()
    # The link leads where it would have led without a sign-in.
    expect(page).to_have_url(link)
    signed_in = cookies_of(page)
    assert [status_of(guarded, path, signed_in) for path in paths_of(told[5])] == [200] * 5
    page.get_by_role("button", name="Play", exact=True).click()
    played_to(page, 1)
    for address in addresses.ALL:
        assert status_of(guarded, f"/{address.path}", signed_in) == 200

    page.get_by_role("button", name="ann@example.com").click()
    # The page shows "Sign in" again before the browser has gone to the provider and come back.
    with page.expect_response(f"{provider.issuer}/end?*"), page.expect_event("load"):
        page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(link)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert "/end" in provider.asked
    assert [status_of(guarded, path, cookies_of(page)) for path in paths_of(told[5])] == [401] * 5
    assert complaints == []


@pytest.mark.slow
@pytest.mark.browser
def test_one_who_is_not_on_the_list_is_told_so_and_fetches_nothing(
    guarded: Served, provider: Provider, told: list[Call], opened: Opener
) -> None:
    provider.user = ANN | {"email": "eve@elsewhere.org"}
    page = opened(f"{guarded.url}/sql")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_text("eve@elsewhere.org may not look here")).to_be_visible()
    settled(page)
    assert page.get_by_test_id("stMetric").count() == 0
    assert [status_of(guarded, path, cookies_of(page)) for path in paths_of(told[5])] == [403] * 5


@pytest.mark.slow
@pytest.mark.browser
def test_a_token_that_another_key_has_signed_opens_nothing(
    guarded: Served, provider: Provider, told: list[Call], opened: Opener
) -> None:
    provider.user = dict(ANN)
    with providing() as other:
        provider.signing_key = other.key
        page = opened(f"{guarded.url}/")
        # The page looks the same before and after: it is the way back from the provider that tells when it is done.
        with page.expect_response("**/oauth2callback?*") as way_back:
            page.get_by_role("button", name="Sign in").click()
        assert way_back.value.status == 302
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        provider.signing_key = provider.key

    assert status_of(guarded, paths_of(told[5])[0], cookies_of(page)) == 401


@pytest.mark.slow
@pytest.mark.browser
def test_an_old_sign_in_is_asked_for_again(
    guarded: Served, provider: Provider, told: list[Call], opened: Opener
) -> None:
    provider.user, provider.issued_s_ago = dict(ANN), 13 * 3600
    page = opened(f"{guarded.url}/")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("the sign-in is older than 12 hours")).to_be_visible()
    provider.issued_s_ago = 0

    assert status_of(guarded, paths_of(told[5])[0], cookies_of(page)) == 401
