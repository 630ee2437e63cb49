"""The error table: complete, and in agreement with itself and with the core."""

from __future__ import annotations

import pytest

from bridge.client_protocol.errors import CLOSE_CODES, ERROR_WINDOW_SECONDS, ERRORS, ClientCode
from bridge.core.pacing.error_throttle import WINDOW_SECONDS
from bridge.core.states import NOT_READY_CODES


def test_every_code_is_explained_and_named_by_its_own_value() -> None:
    assert list(ERRORS) == list(ClientCode)
    assert all(code.value == code.name for code in ClientCode)


@pytest.mark.parametrize("code", ClientCode)
def test_a_title_is_one_sentence_and_a_fix_ends_without_a_full_stop(code: ClientCode) -> None:
    info = ERRORS[code]
    assert info.title[0].isupper()
    assert not info.title.endswith(".")
    assert info.cause.endswith(".")
    assert not info.fix.endswith(".")


def test_a_code_that_closes_the_socket_is_named_with_its_close_code() -> None:
    for code, info in ERRORS.items():
        if info.close_code is not None:
            assert code in CLOSE_CODES[info.close_code]


def test_an_error_that_ends_the_session_leaves_the_socket_open() -> None:
    assert not [code for code, info in ERRORS.items() if info.ends_session and info.close_code is not None]


def test_the_core_keeps_the_same_window_and_the_same_codes() -> None:
    assert WINDOW_SECONDS == ERROR_WINDOW_SECONDS
    assert set(NOT_READY_CODES.values()) <= {str(code) for code in ClientCode}
