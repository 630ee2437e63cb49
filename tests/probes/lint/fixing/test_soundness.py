from __future__ import annotations

import pytest

from probes.lint.fixing.soundness import why_unsound
from probes.lint.languages import Language


@pytest.mark.parametrize(
    ("before", "after", "language", "why"),
    [
        ("f(x)", "f(x", Language.PYTHON, "the file would not parse"),
        ("f(x)", "f(y)", Language.PYTHON, "y would not be defined"),
        ("f(x)", "from m import y\nf(y)", Language.PYTHON, ""),
        ("f(x)", "print(x)", Language.PYTHON, ""),
        ("f(x);", "new Server(x);", Language.JAVASCRIPT, "Server would not be defined"),
        ("f(x);", "import { Server } from 'ws'; new Server(x);", Language.TYPESCRIPT, ""),
        ("f(x);", "const Server = f; new Server(x);", Language.TSX, ""),
        ("f(x);", "f(x;", Language.TYPESCRIPT, "the file would not parse"),
    ],
)
def test_an_edit_is_sound_if_the_file_parses_and_knows_its_names(
    before: str, after: str, language: Language, why: str
) -> None:
    assert why_unsound(before, after, language) == why
