"""Back to where one was going: a link to a call still leads to that call when a sign-in comes in between.

Streamlit's sign-in always ends on the first page. The page on which it began is kept in a cookie of its own meanwhile.
"""

from typing import Final
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import addresses
from dashboard.sign_in_settings import CALLBACK

LOGIN: Final = "/auth/login"
COOKIE: Final = "calltape_return"
WITHIN_S: Final = 600
LENGTH_MAX: Final = 2_000
IN_ADDRESSES: Final = "/?&=%+:;,@!$'()*~"
"""What else would be told otherwise, or (a line's end, a letter of no header) not at all."""
PAGES: Final = frozenset(f"/{address.path}" for address in addresses.ALL)


class Returning:
    """ASGI middleware around Streamlit's routes of the sign-in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in {LOGIN, CALLBACK}:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        begins = scope["path"] == LOGIN
        page = page_of(request.headers.get("referer", "") if begins else unquote(request.cookies.get(COOKIE, "")))

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                (_keep if begins else _go)(message, page)
            await send(message)

        await self._app(scope, receive, told)


def page_of(address: str) -> str | None:
    """The path and query of one of our pages, whatever host the address names: it is never gone to. Else None."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    found = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return found if parts.path in PAGES and len(found) <= LENGTH_MAX else None


def _keep(start: Message, page: str | None) -> None:
    if page is not None:
        kept = f"{COOKIE}={quote(page, safe='')}; Path={CALLBACK}; Max-Age={WITHIN_S}; HttpOnly; SameSite=Lax"
        MutableHeaders(raw=start["headers"]).append("set-cookie", kept)


def _go(start: Message, page: str | None) -> None:
    """Only where the sign-in went to the first page: what went wrong goes elsewhere, or stays."""
    if page is not None and Headers(raw=start["headers"]).get("location") == "/":
        MutableHeaders(raw=start["headers"])["location"] = quote(page, safe=IN_ADDRESSES)
