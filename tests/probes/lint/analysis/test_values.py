from __future__ import annotations

from pathlib import PurePath

import pytest

from probes.lint.analysis.sessions import RealtimeCode, Receiver
from probes.lint.languages import Language
from probes.lint.matcher import parse


def session_fields(text: str, language: Language) -> tuple[set[str], bool]:
    """Return the names of the fields that reach a session, and whether these are all."""
    code = RealtimeCode(parse(text, language), text, language, PurePath())
    fields = [code.values.fields_of(each.value) for each in code.settings_of(Receiver.UPDATE)]
    names = {entry.name for found in fields for entry in found.entries}
    return names, all(found.complete for found in fields)


SENT = "ws.send(JSON.stringify({ type: 'session.update', session: X }));"


@pytest.mark.parametrize(
    "before",
    [
        "const s = { voice: 'ash' }; SENT(s)",
        "const s = {}; s.voice = 'ash'; SENT(s)",
        "const s = {}; s['voice'] = 'ash'; SENT(s)",
        "const base = { voice: 'ash' }; const s = { ...base }; SENT(s)",
        "const s = Object.assign({}, { voice: 'ash' }); SENT(s)",
        "const s = structuredClone({ voice: 'ash' }); SENT(s)",
        "const s = old ?? ({ voice: 'ash' } as Session); SENT(s)",
        "const s = phone ? { voice: 'ash' } : {}; SENT(s)",
        "function make() { return { voice: 'ash' }; } SENT(make())",
        "const make = () => ({ voice: 'ash' }); SENT(make())",
        "function update(session) { SENT(session) } update({ voice: 'ash' });",
        "function update(session = { voice: 'ash' }) { SENT(session) }",
        "class A { config = { voice: 'ash' }; update() { SENT(this.config) } }",
        "class A { constructor() { this.config = { voice: 'ash' }; } update() { SENT({ ...this.config }) } }",
        "const settings = { session: { voice: 'ash' } }; SENT(settings.session)",
    ],
)
def test_a_field_is_seen_however_it_reaches_the_session(before: str) -> None:
    head, _, rest = before.partition("SENT(")
    depth, end = 1, 0
    while depth:
        depth += {"(": 1, ")": -1}.get(rest[end], 0)
        end += 1
    text = head + SENT.replace("X", rest[: end - 1]) + rest[end:]
    assert "voice" in session_fields(text, Language.TYPESCRIPT)[0]


@pytest.mark.parametrize(
    "text",
    [
        's = {"voice": "ash"}\nsend(json.dumps({"type": "session.update", "session": s}))',
        's = dict(voice="ash")\ns.update({"voice": "ash"})\nsend({"type": "session.update", "session": s})',
        's = {}\ns["voice"] = "ash"\nsend({"type": "session.update", "session": s})',
        'def make():\n    return {"voice": "ash"}\nsend({"type": "session.update", "session": {**make()}})',
        'class A:\n    b = {"voice": "ash"}\n    def f(self):\n      s({"type": "session.update", "session": self.b})',
        'base = {"voice": "ash"}\nsend({"type": "session.update", "session": base | {"type": "realtime"}})',
        'await connection.session.update(session={"voice": "ash"})',
        'def f(self, session):\n    send({"type": "session.update", "session": session})\nx.f({"voice": "ash"})',
    ],
)
def test_a_field_is_seen_in_python_too(text: str) -> None:
    assert "voice" in session_fields(text, Language.PYTHON)[0]


@pytest.mark.parametrize(
    "session", ["load()", "{ ...config }", "await fetchSession()", "window.session", "a + b", "{ ...(c as any) }"]
)
def test_what_comes_from_elsewhere_is_not_complete(session: str) -> None:
    assert not session_fields(SENT.replace("X", session), Language.TYPESCRIPT)[1]


def test_a_variable_of_another_function_is_another_variable() -> None:
    text = "function a() { const s = { voice: 'ash' }; } function b() { const s = { type: 'realtime' }; SENT }"
    assert session_fields(text.replace("SENT", SENT.replace("X", "s")), Language.TYPESCRIPT) == ({"type"}, True)


def test_what_refers_to_itself_comes_to_an_end() -> None:
    text = "let a = b; let b = { ...a, voice: 'ash' }; a = { ...b }; " + SENT.replace("X", "a")
    assert "voice" in session_fields(text, Language.TYPESCRIPT)[0]


def test_a_long_chain_is_not_complete_rather_than_slow() -> None:
    links = "".join(f"const s{n} = {{ ...s{n + 1} }};\n" for n in range(500))
    assert not session_fields(links + SENT.replace("X", "s0"), Language.TYPESCRIPT)[1]
