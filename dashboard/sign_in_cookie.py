"""The sign-in that Streamlit keeps: how it is told of the provider, and what is in its cookie.

Streamlit has no public function that gives an HTTP route the user whom it gives to pages as `st.user`. These are its
own functions, of the minor version that `pyproject.toml` holds; a test signs in and would fail if they changed.
"""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from streamlit import config
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from dashboard.sign_in_settings import SignInSettings


class SecretUnreadable(Exception):
    """The client secret's file gives none; the message names it."""


def streamlit_secrets(settings: SignInSettings) -> dict[str, Any] | None:
    """What Streamlit must know to sign people in, in memory only; None without sign-in. Raises SecretUnreadable."""
    if not settings.signs_in:
        return None
    cookie_secret = settings.oidc_cookie_secret.get_secret_value() or secrets.token_urlsafe(48)
    config.set_option("server.cookieSecret", cookie_secret)
    return {
        "auth": {
            "redirect_uri": settings.callback_url,
            "cookie_secret": cookie_secret,
            "client_id": settings.oidc_client_id,
            "client_secret": _client_secret(settings),
            "server_metadata_url": settings.discovery_url,
        }
    }


def claims_of(cookies: Mapping[str, str]) -> Mapping[str, Any]:
    """The claims in a request's sign-in cookie; none where it has none that we have signed."""
    signed_by = get_cookie_secret()

    def one(name: str) -> bytes | None:
        value = cookies.get(name)
        return None if value is None else decode_signed_value(signed_by, name, value)

    found = get_cookie_with_chunks(one, USER_COOKIE_NAME)
    try:
        claims = msgspec.json.decode(found or b"{}", type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
    return claims if claims.get("is_logged_in") is True else {}


def _client_secret(settings: SignInSettings) -> str:
    path = settings.oidc_client_secret_file
    if path is None:
        return settings.oidc_client_secret.get_secret_value()
    try:
        found = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnreadable(f"oidc_client_secret_file {path}: can't be read: {error}") from error
    if not found:
        raise SecretUnreadable(f"oidc_client_secret_file {path}: is empty")
    return found
