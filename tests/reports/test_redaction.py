from __future__ import annotations

import copy
import logging
import pickle
from typing import TYPE_CHECKING

import pytest

from reports.redaction import Secret, hide_credentials, looks_like_credential

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz-w3Qd"


@pytest.mark.parametrize("shown", [str, repr, "{}".format, "{:>60}".format, lambda secret: f"{secret!r}"])
def test_no_form_of_text_shows_the_value(shown: Callable[[Secret], str]) -> None:
    text = shown(Secret(KEY))
    assert KEY not in text
    assert "abcdef" not in text
    assert "w3Qd" in text


def test_it_is_hidden_inside_other_values_and_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("using %s and %r", Secret(KEY), {"key": Secret(KEY)})
    assert KEY not in caplog.text
    assert KEY not in str([Secret(KEY)])


@pytest.mark.parametrize(
    ("value", "hint"),
    [(KEY, "sk-…w3Qd"), ("short", "…"), ("sk-short", "sk-…"), ("0123456789abcdef0123456789abcdef", "…cdef"), ("", "…")],
)
def test_the_hint_tells_keys_apart_and_gives_little_away(value: str, hint: str) -> None:
    assert Secret(value).hint == hint


def test_it_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(Secret(KEY))
    with pytest.raises(TypeError, match="can't be pickled"):
        copy.deepcopy(Secret(KEY))


def test_it_compares_by_value_and_hides_itself_in_texts() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret("sk-other")
    assert len({Secret(KEY), Secret(KEY)}) == 1
    assert Secret(KEY).hide(f"refused: {KEY}!") == "refused: sk-…w3Qd!"
    assert Secret("").hide("nothing to hide") == "nothing to hide"
    assert not Secret("")
    assert Secret(KEY).reveal() == KEY


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('{"secret":"ek_68af296e8e408191a1120ab6"}', '{"secret":"…0ab6"}'),
        ('{"client_secret":"ek_68af296e"}', '{"client_secret":"…"}'),
        ("Incorrect key sk-proj-0123456789abcdefghij.", "Incorrect key sk-…ghij."),
        ("SK-PROJ-0123456789ABCDEFGHIJ", "SK-…GHIJ"),
        ("sess-AbCdEf0123456789", "sess-…"),
        ("Authorization: Bearer abc0def1ghi", "Authorization: Bearer …"),
        ("?authorization=Bearer%20abc0def1ghi&x=1", "?authorization=Bearer%20…&x=1"),
        ("Basic dXNlcjpwYXNzd29yZA==", "Basic …ZA=="),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl!", "…dXJl!"),
        ("realtime, openai-insecure-api-key.whatever0", "realtime, openai-insecure-api-key.…"),
        ('"access_token": "abcdefgh12345678"', '"access_token": "…"'),
        (r"{\"token\":\"abcdefgh12345678\"}", r"{\"token\":\"…\"}"),
        ("?api-key=0123456789abcdef", "?api-key=…"),
    ],
)
def test_what_looks_like_a_credential_is_hidden_even_if_unregistered(text: str, hidden: str) -> None:
    assert hide_credentials(text) == hidden
    assert looks_like_credential(text)
    assert hide_credentials(hidden) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "Missing bearer or basic authentication in header",
        "Authorization: Bearer API-KEY",
        "?authorization=Bearer%20CLIENT-SECRET",
        "subprotocols realtime, openai-insecure-api-key.…",
        "sess_CJ3xM9v1qZ0aB2cD4eF6g",
        "req_0123456789abcdef0123456789abcdef",
        "a risk-free task-oriented week_of_12345678",
        "--api-key-env OPENAI_API_KEY",
        "max_output_tokens: 4096",
        "keep the key sk-…w3Qd, ek_… or sk-proj-****w3Qd",
        "",
    ],
)
def test_plain_words_ids_and_hints_are_left_alone(text: str) -> None:
    assert hide_credentials(text) == text
    assert not looks_like_credential(text)
