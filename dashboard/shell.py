"""The HTML page in which Streamlit's browser side starts: its own, told at once where its server is.

Left to itself it tries the address of the page it was opened on first (`/session/_stcore/health`), which fails, and
only then the root: two errors in the browser's console and two round trips on each link that somebody follows.
"""

from functools import cache
from pathlib import Path
from typing import Any, Final

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dashboard import addresses

ASSETS: Final = Path(__file__).parent / "assets"
HEAD_ENDS = "</head>"
SAYS_WHERE = "<script>window.__streamlit = {BACKEND_BASE_URL: new URL('./', window.location.href).href}</script>"


def routes() -> list[Route | Mount]:
    """One route for each page, and our own files. All lie one step below the root, so it is `./` for each."""
    pages = [Route(f"/{address.path}", _page) for address in addresses.ALL]
    return [*pages, Mount("/assets", _Assets(directory=ASSETS))]


class _Assets(StaticFiles):
    """Our own scripts. The browser asks each time whether they are the same: they come with the next version."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        answer = super().file_response(*arguments, **named)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def _page(_request: Request) -> HTMLResponse:
    return HTMLResponse(shell(), headers={"Cache-Control": "no-cache"})


@cache
def shell() -> str:
    """Streamlit's own page with our line and our name in it; the page as it is where it has no head to put it in."""
    text = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
    return text.replace("<title>Streamlit</title>", "<title>Calltape</title>").replace(
        HEAD_ENDS, f"{SAYS_WHERE}\n  {HEAD_ENDS}", 1
    )
