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


def test_its_own_key_that_is_refused_is_not_blamed_on_the_user(litellm: int) -> None:
    base = f"http://127.0.0.1:{litellm}/v1"
    found = probe("access", "--base-url", base, "--model", "refused", key=LITELLM_KEY)
    assert [code for _, code in found.wrong] == ["ACCESS-KEY-REFUSED"]
    assert "the one that 127.0.0.1 uses for the service behind it" in found.at("mint")["cause"]


def test_a_model_that_it_does_not_have_is_named_as_such(litellm: int) -> None:
    base = f"http://127.0.0.1:{litellm}/v1"
    found = probe("access", "--base-url", base, "--model", "gpt-realtime-2", key=LITELLM_KEY)
    assert found.wrong == [("model", "ACCESS-MODEL-NOT-LISTED"), ("mint", "ACCESS-MODEL-NOT-FOUND")]


def test_behind_an_nginx_that_strips_the_upgrade_the_proxy_is_named(litellm: int, nginx: Callable[..., int]) -> None:
    base = f"http://127.0.0.1:{nginx(litellm)}/v1"
    found = probe("access", "--base-url", base, key=LITELLM_KEY)
    assert found.wrong == [("upgrade", "ACCESS-UPGRADE-STRIPPED")]


def test_it_does_not_reconnect_and_is_named_so(litellm: int) -> None:
    url = f"ws://127.0.0.1:{litellm}/v1/realtime?model=lost"
    words = ("--client-token-env", "CLIENT_TOKEN")
    found = probe("bridge", "--url", url, *words, key=LITELLM_KEY)
    assert found.wrong == [("speech out", "BRIDGE-NOT-RECONNECTED")]
    through = probe("events", "--script", "manual", "--bridge", url, *words, key=LITELLM_KEY)
    assert [code for _, code in through.wrong] == ["BRIDGE-NOT-RECONNECTED"]


def test_where_nothing_goes_wrong_it_is_a_good_bridge(litellm: int) -> None:
    url = f"ws://127.0.0.1:{litellm}/v1/realtime?model=echo"
    assert probe("bridge", "--url", url, "--client-token-env", "CLIENT_TOKEN", key=LITELLM_KEY).wrong == []
