from __future__ import annotations

from pathlib import PurePath

import pytest

from probes.lint.languages import Language
from probes.lint.matcher import find_matches, parse
from probes.lint.rules.registry import RULES
from reports.model import Severity

BETA = "if event['type'] == 'response.audio.delta': play()\n"
OURS = "connect('wss://api.openai.com/v1/realtime')\n"


def severities(text: str, path: str = "src/a.py") -> list[tuple[str, Severity]]:
    found = find_matches(parse(text, Language.PYTHON), text, Language.PYTHON, RULES.values(), PurePath(path))
    return [(match.rule.id, match.severity) for match in found]


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (OURS + BETA, "src/a.py", [("beta-event", Severity.FAIL)]),
        (OURS + BETA, "tests/test_a.py", [("beta-event", Severity.INFO)]),
        (OURS + BETA, "openai/beta/a.py", [("beta-event", Severity.INFO)]),
        (OURS + "connect('wss://api.x.ai/v1/realtime')\n" + BETA, "src/a.py", [("beta-event", Severity.INFO)]),
        ("connect('wss://api.x.ai/v1/realtime')\n" + BETA, "src/a.py", []),
        ("client.responses.create()\n" + BETA, "src/a.py", []),
        (
            "connect(f'wss://{h}/openai/realtime?x=1&api-version={v}')\n" + BETA,
            "src/a.py",
            [("beta-event", Severity.WARNING)],
        ),
        (BETA, "src/a.py", [("beta-event", Severity.INFO)]),
        (OURS + "kind: Literal['response.audio.delta']\n", "src/a.py", [("beta-event", Severity.INFO)]),
        (OURS + "logger.debug('response.audio.delta')\n", "src/a.py", []),
    ],
)
def test_a_finding_claims_no_more_than_the_file_shows(
    text: str, path: str, expected: list[tuple[str, Severity]]
) -> None:
    assert [one for one in severities(text, path) if one[0] != "azure-preview-address"] == expected


def test_a_secret_in_a_test_is_a_secret() -> None:
    text = f"key = 'sk-proj-{'aB3dE5gH7jK9' * 4}'\n"
    assert severities(text, "tests/test_a.py") == [("key-in-source", Severity.FAIL)]
