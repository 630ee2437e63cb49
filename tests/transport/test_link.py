"""The text of LinkClosed and HandshakeRefused."""

from __future__ import annotations

import pytest

from bridge.transport.link import HandshakeRefused, LinkClosed


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (LinkClosed(3000, "invalid_request_error", by_peer=True), "closed by the peer: 3000 invalid_request_error"),
        (LinkClosed(1006, by_peer=True), "closed by the peer: 1006"),
        (LinkClosed(None, "aborted", by_peer=False), "closed by our side: no code aborted"),
    ],
)
def test_link_closed_says_who_closed_and_why(end: LinkClosed, text: str) -> None:
    assert str(end) == text


def test_handshake_refused_says_its_status() -> None:
    assert "HTTP 403" in str(HandshakeRefused(403, (), b""))
