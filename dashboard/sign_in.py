"""Who may look: the verdict on a sign-in, and the guard in front of everything that is fetched without a page.

The pages' own script asks for the verdict as well (`sign_in_page`): a page comes over a WebSocket, on which a guard
could only close the door, and not say where the bell is.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard import addresses
from dashboard.sign_in_settings import CALLBACK, EVERYBODY, SignInSettings

SECONDS: Final = 3600
CLOCKS_DIFFER_S: Final = 300
"""How far the provider's clock may be ahead of ours."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether somebody may look."""

    status: int
    """200: yes. 401: nobody, or not lately enough. 403: somebody, who may not."""
    who: str = ""
    """The e-mail address, or what the provider calls them."""
    reason: str = ""

    @property
    def may_look(self) -> bool:
        return self.status == OK


OK, NOBODY, FORBIDDEN = 200, 401, 403


def verdict(claims: Mapping[str, Any], settings: SignInSettings, now_s: float) -> Verdict:
    """What the claims of an ID token are worth now. That they are the provider's, the caller has checked."""
    who = str(claims.get("email") or claims.get("sub") or "")
    if not who:
        return Verdict(status=NOBODY, reason="not signed in")
    issued_s = claims.get("iat")
    age_s = now_s - issued_s if isinstance(issued_s, int | float) else float("inf")
    if not -CLOCKS_DIFFER_S <= age_s < settings.oidc_hours * SECONDS:
        return Verdict(status=NOBODY, who=who, reason=f"the sign-in is older than {settings.oidc_hours:g} hours")
    reason = "" if EVERYBODY in settings.oidc_allow else _not_let_in(claims, settings)
    return Verdict(status=FORBIDDEN if reason else OK, who=who, reason=reason)


def _not_let_in(claims: Mapping[str, Any], settings: SignInSettings) -> str:
    """Why the list of those who may look does not let them in; nothing where it does."""
    email = str(claims.get("email") or "").lower()
    if not email:
        return "the provider says no e-mail address"
    if claims.get("email_verified") is not True and not settings.oidc_allow_unverified:
        return "the provider does not say that the address is verified"
    listed = email in settings.oidc_allow or f"@{email.rpartition('@')[2]}" in settings.oidc_allow
    return "" if listed else "the address is not among those that may look"


OPEN: Final = frozenset(
    {
        *(f"/{address.path}" for address in addresses.ALL),  # the empty frame of each page: no call is in it
        "/favicon.png",
        "/manifest.json",
        "/healthz",
        "/_stcore/health",
        "/_stcore/host-config",
        "/auth/login",
        "/auth/logout",
        CALLBACK,
    }
)
OPEN_BELOW: Final = ("/static/", "/assets/")
"""Scripts and styles, Streamlit's and ours."""


class Guard:
    """ASGI middleware: whatever is not said to be open is for those who may look."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: SignInSettings,
        claims: Callable[[Mapping[str, str]], Mapping[str, Any]],
        clock: Callable[[], float],
    ) -> None:
        self._app, self._settings, self._claims, self._clock = app, settings, claims, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        found = verdict(self._claims(Request(scope).cookies), self._settings, self._clock())
        if found.may_look:
            await self._app(scope, receive, send)
            return
        said = {"error": f"sign in at {self._settings.public_url} to fetch this: {found.reason}"}
        headers = {"Cache-Control": "no-store"}
        await JSONResponse(said, status_code=found.status, headers=headers)(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether anybody may fetch it."""
    return path in OPEN or (path.startswith(OPEN_BELOW) and ".." not in path)
