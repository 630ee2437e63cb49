"""Schemathesis makes requests of our OpenAPI document, good and bad, and checks every answer against it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from bridge.client_protocol.endpoints import OPENAPI_PATH
from tests.strangers.programs import need

if TYPE_CHECKING:
    from pathlib import Path

#: A session that is over answers 410 whatever the request says.
SETTINGS = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 409, 410]
negative_data_rejection.expected-statuses = [400, 401, 403, 405, 409, 410, 413, 415, 429]
"""
#: A bound that no schema can say: four numbers with an exponent of more than two digits (`json_bounds.py`).
HOOKS = r"""
import json
import re

import schemathesis


@schemathesis.hook
def filter_body(context, body):
    text = json.dumps(body, default=str)
    return len(re.findall(r"\de[+-]\d{3}", text)) <= 4
"""


def test_the_fallback_answers_as_its_document_says(bridge: int, tmp_path: Path) -> None:
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS)
    (tmp_path / "bounds.py").write_text(HOOKS)
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "bounds", "PYTHONPATH": str(tmp_path)}
    base = f"http://127.0.0.1:{bridge}"
    words = [need("schemathesis"), "--config-file", str(settings), "run", base + OPENAPI_PATH, "--url", base]
    words += ["--checks", "all", "--max-examples", "50", "--request-timeout", "60", "--no-color"]
    words += ["--exclude-checks", "ignored_auth"]  # to end a session that is over is no error, with whatever token
    run = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr
    assert "Tested: 5" in run.stdout
