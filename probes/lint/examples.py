"""The examples of each rule: code that it finds and code that it leaves alone. They stand in `examples/*.md`.

They are the rules' tests, and what the documentation shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from probes.lint.rule import Language

_LANGUAGES = {
    "js": Language.JAVASCRIPT,
    "ts": Language.TYPESCRIPT,
    "tsx": Language.TSX,
    "py": Language.PYTHON,
}
_PART = re.compile(
    r"^## (?P<rule>[\w-]+)$|^```(?P<language>\w+) (?P<verdict>wrong|right|mended)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class ExampleKind(StrEnum):
    """What an example shows."""

    WRONG = "wrong"
    """The rule finds it."""
    RIGHT = "right"
    """No rule finds anything."""
    FIXED = "mended"
    """What the fix makes of the wrong one before."""


@dataclass(frozen=True, slots=True)
class Example:
    """A few lines of code."""

    rule: str
    language: Language
    kind: ExampleKind
    code: str


def read_examples() -> tuple[Example, ...]:
    """Read all examples, in the order of their pages."""
    pages = sorted((page for page in files("probes.lint").joinpath("examples").iterdir()), key=lambda page: page.name)
    return tuple(example for page in pages for example in _of_page(page.read_text(encoding="utf-8")))


def _of_page(page: str) -> list[Example]:
    found, rule = [], ""
    for part in _PART.finditer(page):
        rule = part["rule"] or rule
        if part["verdict"]:
            found.append(Example(rule, _LANGUAGES[part["language"]], ExampleKind(part["verdict"]), part["code"]))
    return found
