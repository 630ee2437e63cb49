"""A WebSocket URL out of any URL of a bridge."""

from __future__ import annotations

import pytest

from bridge.client_protocol.endpoints import CLIENT_PATH, NATIVE_PATH, websocket_url


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("localhost:8765", "ws://localhost:8765/api/openai/realtime"),
        ("http://localhost:8765", "ws://localhost:8765/api/openai/realtime"),
        ("https://bridge.test/", "wss://bridge.test/api/openai/realtime"),
        ("wss://bridge.test", "wss://bridge.test/api/openai/realtime"),
        ("wss://bridge.test/voice", "wss://bridge.test/voice"),
        ("wss://bridge.test/voice?ticket=t", "wss://bridge.test/voice?ticket=t"),
        ("ws://[::1]:8765", "ws://[::1]:8765/api/openai/realtime"),
    ],
)
def test_a_path_of_its_own_wins(url: str, full: str) -> None:
    assert websocket_url(url, CLIENT_PATH) == full


def test_a_query_is_added_unless_the_url_has_one() -> None:
    query = {"model": "gpt-realtime-2.1"}
    assert websocket_url("http://b", NATIVE_PATH, query) == "ws://b/v1/realtime?model=gpt-realtime-2.1"
    assert websocket_url("http://b?model=x", NATIVE_PATH, query) == "ws://b/v1/realtime?model=x"
