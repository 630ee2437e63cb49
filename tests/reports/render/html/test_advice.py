"""Fixes split into prose, commands that can be copied, and links."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.render.html.advice import PieceKind, split_advice, split_prose


def parts(text: str) -> list[list[tuple[str, str]]]:
    return [[(piece.part.value, piece.text) for piece in line] for line in split_advice(text, 1000)]


@pytest.mark.parametrize(
    ("fix", "commands"),
    [
        ("Put a valid one into OPENAI_API_KEY, then run: sherpa-probe access", ["sherpa-probe access"]),
        ("make a new key:\nsherpa-probe access --auth all", ["sherpa-probe access --auth all"]),
        ("$ sherpa-sim serve --scenario NAME", ["sherpa-sim serve --scenario NAME"]),
        ("List them with: az cognitiveservices list -o table; then pass it on", ["az cognitiveservices list -o table"]),
        ("for a company's own authority: export SSL_CERT_FILE=/a.pem", ["export SSL_CERT_FILE=/a.pem"]),
        ("ask the name server: nslookup HOST", ["nslookup HOST"]),
        ("Try one: pip install a; or: pip install b", ["pip install a", "pip install b"]),
        ("Conversation: ?model=x in the URL, for names run sherpa-probe access -v. Then go on", []),
        ("Compare the clock (date -u), then wait", []),
        ("Look: pipeline", []),
        ("curling is a sport: export is trade", []),
        ("Take the form that the row names", []),
        ("", []),
    ],
)
def test_a_command_after_a_colon_or_on_a_line_of_its_own_gets_its_own_line(fix: str, commands: list[str]) -> None:
    found = [line for line in parts(fix) if line[0][0] == "command"]
    assert found == [[("command", command)] for command in commands]


def test_the_sentence_around_a_command_stays() -> None:
    assert parts("List them with: az list -o table; then pass that name") == [
        [("text", "List them with:")],
        [("command", "az list -o table")],
        [("text", "then pass that name")],
    ]


def test_an_address_can_be_followed_and_the_full_stop_is_not_part_of_it() -> None:
    assert parts("Add credit at https://platform.openai.com/settings. Then wait") == [
        [("text", "Add credit at "), ("address", "https://platform.openai.com/settings"), ("text", ". Then wait")]
    ]


def test_no_other_scheme_can_be_followed() -> None:
    assert all(
        piece.part is PieceKind.TEXT
        for line in split_advice("javascript:alert(1) http://x.example file:///etc", 99)
        for piece in line
    )


def test_prose_holds_no_commands() -> None:
    ((piece,),) = split_prose("It runs: sherpa-probe access", 99)
    assert piece.part is PieceKind.TEXT


@given(st.text(alphabet=" :;$.\nahsr-pobetl/", max_size=60))
def test_nothing_of_a_text_is_lost_but_space_and_seams(text: str) -> None:
    kept = "".join(piece.text for line in split_advice(text, 1000) for piece in line)
    assert "".join(c for c in kept if c not in " ;$\n") == "".join(c for c in text if c not in " ;$\n")
