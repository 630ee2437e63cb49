"""The real HAProxy, which forwards upgrades unless a rule removes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.strangers.programs import free_port, need, our_command, probe, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    HaProxy = Callable[[int, str, str], AbstractContextManager[int]]


def test_haproxy_forwards_an_upgrade_unless_a_rule_removes_it(haproxy: HaProxy, simulator: int) -> None:
    with haproxy(simulator, "", "1m") as port:
        assert probe("access", "--base-url", f"http://127.0.0.1:{port}/v1").wrong == []
    with haproxy(simulator, "http-request del-header Upgrade", "1m") as port:
        found = probe("access", "--base-url", f"http://127.0.0.1:{port}/v1")
    assert found.wrong == [("upgrade", "ACCESS-UPGRADE-STRIPPED")]
    assert "remove 'http-request del-header Upgrade'" in found.at("upgrade")["fix"]


def test_haproxy_says_who_calls_before_it_forwards_tcp(folder: Path, simulator: int) -> None:
    port, settings, behind = free_port(), folder / "proxied.toml", free_port()
    settings.write_text('[bridge]\ntrusted_proxies = ["127.0.0.1"]\nproxy_protocol = true\n')
    words = our_command("sherpa_bridge", "serve", "--config", str(settings), "--port", str(behind))
    words += ["--upstream", f"http://127.0.0.1:{simulator}/v1"]
    file, log = folder / "haproxy-tcp.cfg", folder / "proxied.log"
    for version in ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id,crc32c"):
        file.write_text(
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
            f"listen l\n  bind 127.0.0.1:{port}\n  unique-id-format %pid\n"
            f"  server s 127.0.0.1:{behind} {version} source 127.0.0.1\n"
        )
        with (
            running(words, behind, log, OPENAI_API_KEY="sk-simulated"),
            running([need("haproxy"), "-f", str(file), "-q"], port, folder / "haproxy-tcp.log"),
        ):
            assert probe("bridge", "--url", f"ws://127.0.0.1:{port}").wrong == []
            assert probe("bridge", "--url", f"ws://127.0.0.1:{behind}").exit_code != 0, "no header, no connection"


def test_the_idle_timeout_of_haproxy_is_named(haproxy: HaProxy, bridge: int) -> None:
    with haproxy(bridge, "", "1s") as port:
        found = probe("bridge", "--url", f"ws://127.0.0.1:{port}")
    assert found.wrong == [("errors", "BRIDGE-IDLE-CUT")]
    assert "timeout tunnel 1h" in found.at("errors")["fix"]
