"""The first screen and the table of settings: what a stranger needs next, and no secret."""

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


def screen(made: BridgeSettings) -> str:
    return "\n".join(banner_lines(made, 8765))


def test_the_first_screen_gives_each_door_its_address_and_says_what_to_type_next() -> None:
    told = screen(make_settings(simulate="good"))
    assert told.splitlines()[0].endswith("ws://127.0.0.1:8765/api/openai/realtime   upstream a simulator")
    assert "OPENAI_BASE_URL=http://127.0.0.1:8765/v1 OPENAI_API_KEY=anything" in told
    assert "http://127.0.0.1:8765/readyz" in told
    assert "sherpa-probe bridge --url http://127.0.0.1:8765" in told
    assert "Ctrl-C" in told


def test_where_a_token_is_asked_for_it_says_so_and_shows_none() -> None:
    told = screen(make_settings(ClientRules(token=Secret(TOKEN)), tls_cert="c", tls_key="k"))
    assert "wss://127.0.0.1:8765/" in told
    assert "OPENAI_API_KEY=THE_CLIENT_TOKEN" in told
    assert "sherpa-bridge ticket" in told
    assert TOKEN not in told


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
def test_the_address_can_be_typed(host: str, shown: str) -> None:
    assert f"ws://{shown}:8765/" in screen(make_settings(host=host, simulate="no-quota"))
    assert "scenario no-quota" in screen(make_settings(host=host, simulate="no-quota"))


def test_the_settings_are_shown_with_hints_in_place_of_secrets() -> None:
    made = make_settings(ClientRules(token=Secret(TOKEN), locked=frozenset({"voice", "model"})), workers=3)
    upstream = replace(made.upstream, api_key=Setting(Secret(KEY), "OPENAI_API_KEY"))
    told = "\n".join(config_lines(replace(made, upstream=upstream)))
    assert "https://api.openai.com/v1" in told
    assert "sk-…0123 (OPENAI_API_KEY)" in told
    assert "model, voice" in told
    assert "3 workers" in told
    assert TOKEN not in told
    assert KEY not in told
