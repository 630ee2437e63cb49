from __future__ import annotations

import pytest

from probes.lint.fixing.edits import TextEdit, apply_edits, edits_for
from probes.lint.languages import Language
from probes.lint.matcher import find_matches, parse
from probes.lint.rules.registry import RULES


def fixed(code: str, language: Language = Language.TYPESCRIPT) -> str:
    root = parse(code, language)
    matches = find_matches(root, code, language, RULES.values())
    return apply_edits(code, [edits_for(match, root, code) for match in matches])[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("const h = { 'OpenAI-Beta': 'realtime=v1' };", "const h = { };"),
        ("const h = { 'OpenAI-Beta': 'realtime=v1', };", "const h = { };"),
        ("const h = { a, 'OpenAI-Beta': 'realtime=v1', b };", "const h = { a, b };"),
        ("const h = {\n  'OpenAI-Beta': 'realtime=v1',\n  b,\n};", "const h = {\n  b,\n};"),
        ("const h = {\n  a,\n  'OpenAI-Beta': 'realtime=v1'\n};", "const h = {\n  a\n};"),
        ("const h = {\r\n  'OpenAI-Beta': 'realtime=v1',\r\n  b,\r\n};", "const h = {\r\n  b,\r\n};"),
        ("const h = { 'OpenAI-Beta': 'realtime=v1', /* why */ b };", "const h = { /* why */ b };"),
        ("const h = {\n  'OpenAI-Beta': 'realtime=v1'\n};", "const h = {\n};"),
        ("const h = {\n  a,\n  'OpenAI-Beta': 'realtime=v1' // needed\n};", "const h = {\n  a\n};"),
        ("const h = {\n  'OpenAI-Beta': 'realtime=v1', // needed\n  b,\n};", "const h = {\n  b,\n};"),
        ("const h = { a, // why\n  'OpenAI-Beta': 'realtime=v1' };", "const h = { a, // why\n  };"),
    ],
)
def test_an_element_is_removed_with_one_comma_and_its_line(before: str, after: str) -> None:
    assert fixed(before) == after


@pytest.mark.parametrize(
    "code",
    [
        "headers['OpenAI-Beta'] = 'realtime=v1';",
        "if (beta) headers.set('OpenAI-Beta', 'realtime=v1');",
        "if (event.type === 'conversation.item.created') f();",
        "const { RealtimeClient } = require('@openai/realtime-api-beta');",
    ],
)
def test_what_needs_a_decision_is_left(code: str) -> None:
    assert fixed(code) == code


def test_text_beyond_ascii_does_not_move_an_edit() -> None:
    assert fixed("const ü = 'äöü🎤'; const o = { model: 'gpt-4o-realtime-preview' };") == (
        "const ü = 'äöü🎤'; const o = { model: 'gpt-realtime-2.1' };"
    )


def test_two_servers_in_one_file_share_the_edit_of_their_import() -> None:
    code = "import WebSocket from 'ws';\nconst a = new WebSocket.Server(x);\nconst b = new WebSocket.Server(y);\n"
    assert fixed(code) == (
        "import WebSocket, { WebSocketServer } from 'ws';\n"
        "const a = new WebSocketServer(x);\nconst b = new WebSocketServer(y);\n"
    )


def test_an_import_that_has_the_server_already_stays() -> None:
    code = "import WebSocket, { WebSocketServer } from 'ws';\nconst a = new WebSocket.Server(x);\n"
    assert fixed(code) == "import WebSocket, { WebSocketServer } from 'ws';\nconst a = new WebSocketServer(x);\n"


def test_overlapping_edits_wait() -> None:
    first, inner, apart = TextEdit(0, 4, "x"), TextEdit(2, 6, "y"), TextEdit(6, 7, "z")
    assert apply_edits("abcdefg", [(first,), (inner,), (apart,), ()]) == ("xefz", [True, False, True, False])


def test_a_group_of_edits_is_applied_completely_or_not_at_all() -> None:
    assert apply_edits("abcdefg", [(TextEdit(0, 4, "x"),), (TextEdit(2, 3, "y"), TextEdit(6, 7, "z"))]) == (
        "xefg",
        [True, False],
    )
