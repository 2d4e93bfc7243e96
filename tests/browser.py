"""Sees to it that there is a Chromium for the browser tests. `make test` runs this before pytest.

Takes `CHROMIUM` or one on the path; where there is none and we may, Debian's package is installed. It never fails:
without a Chromium the browser tests do, and say why.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WITHIN_S = 600
MISSING = (
    "no Chromium: the browser tests will FAIL.\n"
    "Install it (Debian, Ubuntu: `sudo apt-get install chromium`; elsewhere: your system's package), or name one in "
    "the variable CHROMIUM, or leave these tests out with: pytest -m 'not browser'"
)


def found() -> str | None:
    """The path of a Chromium, or None."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> None:
    """Debian's package, where we are root on a machine that has apt-get."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    print("installing Chromium for the browser tests (apt-get install chromium)", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", "chromium"]):
        try:
            subprocess.run([apt, *arguments], env=quiet, check=True, timeout=WITHIN_S, stdout=subprocess.DEVNULL)
        except (subprocess.SubprocessError, OSError) as fault:
            print(f"apt-get {arguments[0]} did not work: {fault}", file=sys.stderr)
            return


def main() -> None:
    """Look, install where that is possible, and say what was found."""
    if found() is None and not os.environ.get("CHROMIUM"):
        install()
    path = found()
    print(f"browser tests use {path}" if path else f"{'=' * 78}\n{MISSING}\n{'=' * 78}", flush=True)


if __name__ == "__main__":
    main()
