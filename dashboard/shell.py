"""The HTML page in which Streamlit's browser side starts: its own, told at once where its server is.

Left to itself it tries the address of the page it was opened on first (`/session/_stcore/health`), which fails, and
only then the root: two errors in the browser's console and two round trips on each link that somebody follows.
"""

from functools import cache
from pathlib import Path

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

PAGES = ("", "sessions", "session")
"""Where a page may be opened; all lie one step below the root, so the root is `./` for each."""
HEAD_ENDS = "</head>"
SAYS_WHERE = "<script>window.__streamlit = {BACKEND_BASE_URL: new URL('./', window.location.href).href}</script>"


def routes() -> list[Route]:
    """One route for each address that a page may be opened on."""
    return [Route(f"/{page}", _page) for page in PAGES]


def _page(_request: Request) -> HTMLResponse:
    return HTMLResponse(shell(), headers={"Cache-Control": "no-cache"})


@cache
def shell() -> str:
    """Streamlit's own page with our line and our name in it; the page as it is where it has no head to put it in."""
    text = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
    return text.replace("<title>Streamlit</title>", "<title>Calltape</title>").replace(
        HEAD_ENDS, f"{SAYS_WHERE}\n  {HEAD_ENDS}", 1
    )
