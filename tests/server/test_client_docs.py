"""docs/client.md: every message, field and code that there is stands on it, and its example does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bridge.protocol.refusals.model import ClientCode
from bridge.server.clients.json_messages import CLIENT_MESSAGES
from tests.server.test_cli import ROOT, serving

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "client.md").read_text()
NAMED = set(re.findall(r"`([^`\s]+)`", PAGE))
HEARD = {
    "connected": "clientId protocol",
    "session_initializing": "generation attempt maxAttempts",
    "session_ready": "message sessionId model dialect bufferedChunks bufferedMs",
    "reconnecting": "attempt maxAttempts delayMs reason",
    "reconnected": "message sessionId heldMs resentMs restored lost",
    "session_expiring": "expiresAt",
    "audio_dropped": "chunks ms messages reason",
    "session_closed": "reason",
    "error": "code message retryable suppressed detail",
    "pong": "id",
}


def test_the_page_names_every_message_its_fields_and_its_choices() -> None:
    fields = [field for known in CLIENT_MESSAGES.values() for field in known.items()]
    words = {
        *CLIENT_MESSAGES,
        *(name for name, _ in fields),
        *(choice for _, field in fields for choice in field.choices),
    }
    assert words - NAMED == set()


def test_the_page_names_every_message_of_the_bridge_and_every_code() -> None:
    words = {*HEARD, *" ".join(HEARD.values()).split(), *map(str, ClientCode)}
    assert words - NAMED == set()


@pytest.mark.slow  # the answer is spoken at its own pace
def test_the_example_holds_a_conversation(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    with serving("--simulate", folder=tmp_path) as (_, address):
        code = found[1].replace("127.0.0.1:8765", address)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    ready, last = done.stdout.splitlines()
    assert ready == "ready: gpt-realtime-2.1"
    assert re.fullmatch(r"response\.done [1-9]\d{3,} ms of speech", last)
