"""axe-core, which looks for what keeps people out of a page. It is installed beside the project, never copied into it.

Run: python -m tests.axe. It needs npm once. `SHERPA_AXE` names another folder than `.axe`. Tests that need it are
skipped with the words of `HOW` where it is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = "axe-core@4.14.1"
HOW: Final = "axe-core is not installed: python -m tests.axe"
_FOLDER: Final = Path(os.environ.get("SHERPA_AXE") or Path(__file__).parents[1] / ".axe")
_SECONDS: Final = 300


def axe_file() -> Path | None:
    """Return the script; None if it isn't installed."""
    path = _FOLDER / "node_modules" / "axe-core" / "axe.min.js"
    return path if path.exists() else None


def main() -> int:
    """Install it if it is missing. Returns 1, and says why, if that is impossible."""
    npm = shutil.which("npm")
    if axe_file() is None and npm is not None:
        _FOLDER.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--prefix", str(_FOLDER), "--no-audit", "--no-fund", "--silent", PACKAGE]
        subprocess.run(command, check=False, timeout=_SECONDS)
    if axe_file() is None:
        sys.stderr.write(f"{PACKAGE} could not be installed{'' if npm else ': npm is missing'}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
