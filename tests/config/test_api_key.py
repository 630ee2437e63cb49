"""Keys as they are found in practice: what is tolerated, what is refused, and no part of a key in a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.api_key import clean_key, key_from_environment, key_from_file, placeholder_kind
from bridge.config.toml_file import ConfigError

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123"


def refused(folder: Path, content: bytes) -> str:
    file = folder / "key"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        key_from_file(file)
    message = str(caught.value)
    assert str(file) in message
    assert KEY[8:] not in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("content", [KEY, KEY + "\n", KEY + "\r\n", f"\n  {KEY}  \n\n"])
def test_white_space_around_the_key_does_not_matter(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_bytes(content.encode())
    found = key_from_file(tmp_path / "key")
    assert (found.secret.reveal(), found.warnings) == (KEY, ())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (KEY, []),
        (f"{KEY} ", ["ends with a blank"]),
        (f"{KEY}\n", ["ends with a line break"]),
        (f"{KEY}\r", ["ends with a carriage return"]),
        (f"\t{KEY}\u2003", ["starts with a tab", "ends with whitespace"]),
    ],
)
def test_white_space_around_the_key_in_a_variable_is_a_warning(value: str, said: list[str]) -> None:
    found = key_from_environment("OPENAI_API_KEY", {"OPENAI_API_KEY": value})
    assert found is not None
    assert found.secret.reveal() == KEY
    lead, end = "the environment variable OPENAI_API_KEY", "which is removed here; other programs send it"
    assert list(found.warnings) == [f"{lead} {words}, {end}" for words in said]


def test_a_byte_order_mark_is_ignored_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbf" + KEY.encode())
    found = key_from_file(tmp_path / "key")
    assert found.secret.reveal() == KEY
    assert "byte order mark" in found.warnings[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (f"{KEY}\n{KEY}".encode(), "several lines"),
        (f'"{KEY}"'.encode(), "quotes around"),
        (f"\u201c{KEY}\u201d".encode(), "quotes around"),
        (f"OPENAI_API_KEY={KEY}".encode(), "OPENAI_API_KEY=...: keep only the part after the ="),
        (f"# mine\nA=1\n{KEY}".encode(), "several lines"),
        (f"export OPENAI_API_KEY='{KEY}'\nOTHER=1\n".encode(), "OPENAI_API_KEY=..."),
        (f"Bearer {KEY}".encode(), "the word Bearer"),
        (f"{KEY[:9]} {KEY[9:]}".encode(), "whitespace in the key"),
        (f"{KEY}\u00a0x".encode(), "U+00A0"),
        (f"{KEY[:5]}\u2026{KEY[5:]}".encode(), "U+2026 at position 6"),
        (KEY.encode() + b"\x00", "U+0000"),
        (KEY.encode("utf-16"), "UTF-16"),
        (b"\x80\x81\x82", "is not text"),
        (b"k" * 20_000, "larger than 16 KiB"),
    ],
)
def test_what_cannot_be_a_key_file_is_refused_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refused(tmp_path, content)


def test_a_missing_file_a_directory_and_a_locked_file_have_messages_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        key_from_file(tmp_path / "no")
    with pytest.raises(ConfigError, match="is a directory"):
        key_from_file(tmp_path)
    with pytest.raises(ConfigError, match="can't be read"):
        key_from_file(Path("/dev/null/key"))


@pytest.mark.parametrize(
    "text",
    [
        "sk-...",
        "sk-xxxxxxxxxxxx",
        "your-api-key",
        "YOUR_OPENAI_API_KEY",
        "sk-your-key-here",
        "$OPENAI_API_KEY",
        "${OPENAI_API_KEY}",
        "%OPENAI_API_KEY%",
        "{{ secrets.OPENAI }}",
        "[object Object]",
        '{"apiKey": "x"}',
        "<api-key>",
        "undefined",
        "changeme",
        "op://vault/openai/key",
        "arn:aws:secretsmanager:eu-west-1:1:secret:x",
    ],
)
def test_a_placeholder_is_recognized_and_still_sent(text: str) -> None:
    found = clean_key(text, "the key file k")
    assert found.secret.reveal() == text
    assert "not like a key" in found.warnings[0]


@pytest.mark.parametrize(
    "text", [KEY, "ek_68af296e8e408191a1120ab6383263c2", "0123456789abcdef" * 2, "test", "eyJhbGci.x.y"]
)
def test_a_key_is_no_placeholder(text: str) -> None:
    assert placeholder_kind(text) is None
    assert clean_key(text, "here").warnings == ()


def test_a_base64_key_that_ends_in_equals_is_no_assignment() -> None:
    assert clean_key("ABCDEF0123456789==", "here").secret.reveal() == "ABCDEF0123456789=="


def test_a_variable_that_is_blank_holds_no_key() -> None:
    assert key_from_environment("K", {"K": " \n"}) is None
    assert key_from_environment("K", {}) is None
    found = key_from_environment("K", {"K": KEY + "\n"})
    assert found is not None
    assert found.secret.reveal() == KEY
