"""The examples of each rule, in `examples/*.md`: code that it matches, code that it doesn't, and fixed code.

They document the rules, and they are the rules' tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from probes.lint.languages import Language

_LANGUAGES = {
    "js": Language.JAVASCRIPT,
    "ts": Language.TYPESCRIPT,
    "tsx": Language.TSX,
    "py": Language.PYTHON,
}
_PART = re.compile(
    r"^## (?P<rule>[\w-]+)$|^```(?P<language>\w+) (?P<kind>wrong|right|fixed)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class ExampleKind(StrEnum):
    """What an example shows; the value is the word in the fence of its code block."""

    WRONG = "wrong"
    """The rule matches it."""
    RIGHT = "right"
    """No rule matches."""
    FIXED = "fixed"
    """What `--fix` makes of the wrong example before it."""


@dataclass(frozen=True, slots=True)
class Example:
    """A few lines of code, under the rule that they belong to."""

    rule: str
    language: Language
    kind: ExampleKind
    code: str


def read_examples() -> tuple[Example, ...]:
    """Read all examples, page by page."""
    pages = sorted((page for page in files("probes.lint").joinpath("examples").iterdir()), key=lambda page: page.name)
    return tuple(example for page in pages for example in _of_page(page.read_text(encoding="utf-8")))


def _of_page(page: str) -> list[Example]:
    found, rule = [], ""
    for part in _PART.finditer(page):
        rule = part["rule"] or rule
        if part["kind"]:
            found.append(Example(rule, _LANGUAGES[part["language"]], ExampleKind(part["kind"]), part["code"]))
    return found
