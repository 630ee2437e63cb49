"""Cases that the Python code and the browser's JavaScript must judge alike, as JSON beside this file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def shared_cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of one file."""
    found: list[dict[str, Any]] = json.loads(Path(__file__).with_name(f"{name}.json").read_text())
    return found
