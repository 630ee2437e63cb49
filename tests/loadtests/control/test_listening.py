"""Whether anything still listens at an address."""

from __future__ import annotations

import socket

from loadtests.control.listening import is_listening


def test_an_address_is_asked_and_only_a_refusal_is_a_no() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/api?x=1"
        assert is_listening(url)
    assert not is_listening(url)
    assert is_listening("wss://no-such-host.invalid"), "unknown, so it is no proof"
