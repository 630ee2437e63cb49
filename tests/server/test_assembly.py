"""From settings to session options, upstream and secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.resolve import Flags, read_config
from bridge.protocol.dialects.detection import Dialect
from bridge.server.assembly import configured_secrets, make_session_config, upstream_from_config
from bridge.server.config.settings import ClientRules, SessionDefaults
from reports.redaction import Secret
from tests.server.harness import make_settings

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123"


def test_locked_options_are_enforced_and_the_others_are_defaults() -> None:
    defaults = SessionDefaults(voice="marin", instructions="Be kind.", turn_detection="none")
    made = make_settings(ClientRules(locked=frozenset({"voice", "tools"})), session_defaults=defaults)
    session_config = make_session_config(made)
    assert session_config.enforced == {"voice": "marin"}
    assert session_config.defaults == {"instructions": "Be kind.", "turnDetection": "none"}
    assert session_config.requested_model({"model": "mine"}) == "mine"


def test_a_locked_model_is_enforced() -> None:
    made = make_settings(ClientRules(locked=frozenset({"model"})))
    assert make_session_config(made).requested_model({"model": "mine"}) == made.upstream.model.value


def test_the_upstream_is_the_configured_one(tmp_path: Path) -> None:
    flags = Flags(base_url="https://eu.example.com/v1", dialect="beta", project="proj_1")
    found = upstream_from_config(read_config(flags, {"OPENAI_API_KEY": KEY}, tmp_path))
    assert (found.base_url, found.dialect, found.project) == ("https://eu.example.com/v1", Dialect.BETA, "proj_1")
    assert found.api_key.reveal() == KEY


def test_no_log_shows_the_key_or_the_token(tmp_path: Path) -> None:
    config = read_config(Flags(), {"OPENAI_API_KEY": KEY}, tmp_path)
    token = Secret("a-token-for-the-tests-0123456789")
    assert set(configured_secrets(make_settings(ClientRules(token=token), upstream=config))) == {Secret(KEY), token}
