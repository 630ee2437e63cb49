"""docs/client.md has every message, field and code, and its example works."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bridge.client_protocol.errors import CLOSE_CODES, ClientCode
from bridge.client_protocol.messages import BRIDGE_MESSAGES, CLIENT_MESSAGES
from tests.server.test_cli import ROOT, serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.client_protocol.fields import MessageType

PAGE = (ROOT / "docs" / "client.md").read_text()
NAMED = set(re.findall(r"`([^`\s]+)`", PAGE))


def words_of(known: Mapping[str, MessageType]) -> set[str]:
    """Give the types of messages, their fields and the choices of their fields."""
    fields = [field for message in known.values() for field in message.fields.values()]
    return {*known, *(field.name for field in fields), *(choice for field in fields for choice in field.choices)}


def test_the_page_has_every_message_its_fields_and_its_choices() -> None:
    words = words_of(CLIENT_MESSAGES) | words_of(BRIDGE_MESSAGES) - {"1"}
    assert words - NAMED == set()


def test_the_page_has_every_error_code_and_every_close_code() -> None:
    assert set(ClientCode) - NAMED == set()
    assert [code for code in CLOSE_CODES if str(code) not in PAGE] == []


@pytest.mark.slow  # the answer is spoken at its own pace
def test_the_example_holds_a_conversation(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    with serving("--simulate", folder=tmp_path) as (_, address):
        code = found[1].replace("127.0.0.1:8765", address)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    ready, last = done.stdout.splitlines()
    assert ready == "ready: gpt-realtime-2.1"
    assert re.fullmatch(r"response\.done [1-9]\d{3,} ms of speech", last)
