"""The real proxy of LiteLLM in front of our simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.strangers.conftest import LITELLM_KEY
from tests.strangers.programs import probe

if TYPE_CHECKING:
    from collections.abc import Callable

WRONG_KEY = "sk-litellm-wrong0123456789abcdef0123456789"


def test_a_session_opens_with_the_key_and_the_secret_is_named(litellm: int) -> None:
    found = probe("access", "--base-url", f"http://127.0.0.1:{litellm}/v1", key=LITELLM_KEY)
    assert found.wrong == [("upgrade", "ACCESS-SECRET-REFUSED")]
    assert found.at("confirm")["severity"] == "pass"
    assert found.exit_code == 0


def test_a_bad_key_is_a_bad_key(litellm: int) -> None:
    base = f"http://127.0.0.1:{litellm}/v1"
    assert probe("access", "--base-url", base, key=WRONG_KEY).wrong == [("key", "ACCESS-KEY-REFUSED")]
    events = probe("events", "--script", "text", "--base-url", base, key=WRONG_KEY)
    assert events.wrong == [("connect", "EVENTS-KEY-REFUSED")]


def test_a_model_that_it_does_not_have_is_named_as_such(litellm: int) -> None:
    base = f"http://127.0.0.1:{litellm}/v1"
    found = probe("access", "--base-url", base, "--model", "gpt-realtime-2", key=LITELLM_KEY)
    assert found.wrong == [("model", "ACCESS-MODEL-NOT-LISTED"), ("mint", "ACCESS-MODEL-NOT-FOUND")]


def test_behind_an_nginx_that_strips_the_upgrade_the_proxy_is_named(litellm: int, nginx: Callable[..., int]) -> None:
    base = f"http://127.0.0.1:{nginx(litellm)}/v1"
    found = probe("access", "--base-url", base, key=LITELLM_KEY)
    assert found.wrong == [("upgrade", "ACCESS-UPGRADE-STRIPPED")]
