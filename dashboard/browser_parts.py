"""Parts of pages that run in the browser: each a script of ours with its HTML and style, in a folder of `assets`."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import streamlit as st

ASSETS: Final = Path(__file__).parent / "assets"
_START: Final = """
const part = import(new URL("./assets/{folder}/{name}.mjs?{version}", document.baseURI));
export default function (component) {{
  let leave = null, left = false;
  part.then(({{ show }}) => {{ if (!left) leave = show(component); }});
  return () => {{ left = true; leave?.(); }};
}}
"""
"""The part's own script lies in files of its own, which import one another: this only fetches it."""


@cache
def browser_part(folder: str, name: str) -> Any:
    """The component of that name, to be mounted with its data. Its script exports `show(component)`."""
    at = ASSETS / folder
    return st.components.v2.component(
        f"calltape.{name}",
        html=(at / f"{name}.html").read_text("utf-8"),
        css=(at / f"{name}.css").read_text("utf-8"),
        js=_START.format(folder=folder, name=name, version=_version(at)),
    )


def _version(folder: Path) -> str:
    """Changes with any of the scripts, so that a browser does not mix old with new."""
    scripts = sorted(folder.glob("*.mjs"))
    return hashlib.sha256(b"".join(script.read_bytes() for script in scripts)).hexdigest()[:12]
