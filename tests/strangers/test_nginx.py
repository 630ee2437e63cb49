"""The real nginx: with its default configuration, and with the lines that our findings say to add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.strangers.programs import probe

if TYPE_CHECKING:
    from collections.abc import Callable

    Nginx = Callable[..., int]

#: The lines of the finding UPGRADE-STRIPPED.
ADDED = (
    "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade"; proxy_read_timeout 1h;'
)


def test_nginx_as_it_comes_strips_the_upgrade_before_a_service(nginx: Nginx, simulator: int) -> None:
    base = f"http://127.0.0.1:{nginx(simulator)}/v1"
    access = probe("access", "--base-url", base)
    assert access.wrong == [("upgrade", "ACCESS-UPGRADE-STRIPPED")]
    assert ADDED in access.at("upgrade")["fix"]
    assert probe("events", "--script", "text", "--base-url", base).wrong == [("connect", "EVENTS-UPGRADE-STRIPPED")]


def test_nginx_as_it_comes_strips_the_upgrade_before_a_bridge(nginx: Nginx, bridge: int) -> None:
    port = nginx(bridge)
    for path in ("", "/v1"):
        url = f"ws://127.0.0.1:{port}{path}"
        assert probe("bridge", "--url", url).wrong == [("upgrade", "BRIDGE-UPGRADE-STRIPPED")]
        through = probe("events", "--script", "text", "--bridge", url)
        assert through.wrong == [("connect", "BRIDGE-UPGRADE-STRIPPED")]


def test_with_the_lines_of_the_finding_nginx_is_no_problem(nginx: Nginx, simulator: int, bridge: int) -> None:
    assert probe("access", "--base-url", f"http://127.0.0.1:{nginx(simulator, ADDED)}/v1").wrong == []
    through = probe("events", "--script", "text", "--bridge", f"ws://127.0.0.1:{nginx(bridge, ADDED)}")
    assert through.wrong == []


def test_a_path_that_the_server_does_not_have_is_not_blamed_on_nginx(nginx: Nginx, simulator: int) -> None:
    base = f"http://127.0.0.1:{nginx(simulator, ADDED)}/v2"
    assert probe("events", "--script", "text", "--base-url", base).wrong == [("connect", "EVENTS-NO-REALTIME-ROUTE")]


#: What a location for WebSockets needs, with a read time-out of a second.
IMPATIENT = ADDED.replace("1h", "1s")


def test_the_idle_timeout_of_nginx_is_named_by_each_probe(nginx: Nginx, simulator: int, bridge: int) -> None:
    bridged = probe("bridge", "--url", f"ws://127.0.0.1:{nginx(bridge, IMPATIENT)}")
    assert bridged.wrong == [("errors", "BRIDGE-IDLE-CUT")]
    base = f"http://127.0.0.1:{nginx(simulator, IMPATIENT)}/v1"
    access = probe("access", "--base-url", base, key="sk-scenario-slow-created")
    assert access.wrong == [("session", "ACCESS-IDLE-CUT")]
    events = probe("events", "--script", "manual", "--base-url", base, key="sk-scenario-stalls")
    assert events.wrong == [("end", "EVENTS-IDLE-CUT")]
