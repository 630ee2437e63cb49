"""The banner and the printed settings: what you need next, and no secret."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bridge.config.resolve import Setting
from bridge.server.banner import banner_lines, config_lines
from bridge.server.config.settings import ClientRules
from reports.redaction import Secret
from tests.server.harness import TOKEN, make_settings

if TYPE_CHECKING:
    from bridge.server.config.settings import BridgeSettings

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123"


def banner_text(settings: BridgeSettings) -> str:
    return "\n".join(banner_lines(settings, 8765))


def test_the_banner_has_the_url_of_each_endpoint_and_the_next_commands() -> None:
    text = banner_text(make_settings(simulate="good"))
    assert text.splitlines()[0].endswith("ws://127.0.0.1:8765/api/openai/realtime   upstream a simulator")
    assert "OPENAI_BASE_URL=http://127.0.0.1:8765/v1 OPENAI_API_KEY=anything" in text
    assert "http://127.0.0.1:8765/readyz" in text
    assert "sherpa-probe bridge --url http://127.0.0.1:8765" in text
    assert "Ctrl-C" in text


def test_with_authentication_the_banner_says_so_and_shows_no_token() -> None:
    text = banner_text(make_settings(ClientRules(token=Secret(TOKEN)), tls_cert="c", tls_key="k"))
    assert "wss://127.0.0.1:8765/" in text
    assert "OPENAI_API_KEY=THE_CLIENT_TOKEN" in text
    assert "sherpa-bridge ticket" in text
    assert TOKEN not in text


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", "localhost"),
        ("::", "localhost"),
        ("::1", "[::1]"),
        ("box.test", "box.test"),
        ("10.0.0.7", "10.0.0.7"),
    ],
)
def test_the_address_can_be_connected_to(host: str, shown: str) -> None:
    assert f"ws://{shown}:8765/" in banner_text(make_settings(host=host, simulate="no-quota"))
    assert "scenario no-quota" in banner_text(make_settings(host=host, simulate="no-quota"))


def test_the_settings_show_hints_instead_of_secrets() -> None:
    settings = make_settings(ClientRules(token=Secret(TOKEN), locked=frozenset({"voice", "model"})), workers=3)
    upstream = replace(settings.upstream, api_key=Setting(Secret(KEY), "OPENAI_API_KEY"))
    text = "\n".join(config_lines(replace(settings, upstream=upstream)))
    assert "https://api.openai.com/v1" in text
    assert "sk-…0123 (OPENAI_API_KEY)" in text
    assert "model, voice" in text
    assert "3 workers" in text
    assert TOKEN not in text
    assert KEY not in text
