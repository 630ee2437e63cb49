"""Explanations of failed connections."""

from __future__ import annotations

import socket

import gevent
import pytest

from loadtests.callers.connect_errors import UPGRADE_REFUSED_TEXT, UpgradeRefused, describe_error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UpgradeRefused(403), f"{UPGRADE_REFUSED_TEXT} 403"),
        (ConnectionRefusedError(111, "Connection refused"), "connection refused: nothing listens at this address"),
        (socket.gaierror(-2, "Name or service not known"), "unknown host name"),
        (TimeoutError(), "no response within 5 s"),
        (OSError("The read operation timed out"), "no response within 5 s"),
        (gevent.Timeout(), "no response within 5 s"),
        (OSError("first line\nsecond"), "first line"),
        (ValueError(), "ValueError"),
    ],
)
def test_it_is_explained_in_plain_words(error: BaseException, words: str) -> None:
    assert describe_error(error, 5.0) == words


def test_a_long_story_is_cut() -> None:
    assert len(describe_error(OSError("x" * 10_000), 5.0)) == 200
