"""The real HAProxy, which forwards upgrades unless a rule removes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.strangers.programs import probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    HaProxy = Callable[[int, str, str], AbstractContextManager[int]]


def test_haproxy_forwards_an_upgrade_unless_a_rule_removes_it(haproxy: HaProxy, simulator: int) -> None:
    with haproxy(simulator, "", "1m") as port:
        assert probe("access", "--base-url", f"http://127.0.0.1:{port}/v1").wrong == []
    with haproxy(simulator, "http-request del-header Upgrade", "1m") as port:
        found = probe("access", "--base-url", f"http://127.0.0.1:{port}/v1")
    assert found.wrong == [("upgrade", "ACCESS-UPGRADE-STRIPPED")]
    assert "remove 'http-request del-header Upgrade'" in found.at("upgrade")["fix"]


def test_the_idle_timeout_of_haproxy_is_named(haproxy: HaProxy, bridge: int) -> None:
    with haproxy(bridge, "", "1s") as port:
        found = probe("bridge", "--url", f"ws://127.0.0.1:{port}")
    assert found.wrong == [("errors", "BRIDGE-IDLE-CUT")]
    assert "timeout tunnel 1h" in found.at("errors")["fix"]
