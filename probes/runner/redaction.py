"""Removes secrets from every text that a report shows, then shortens long texts.

A `Secret` never prints its own value. This module is for texts from servers: an error message or a header may repeat
the key or a part of it, in upper or lower case, escaped or not. Anything that looks like a credential is removed,
too.

How it works: each secret is stored in lower case with the set of all its parts of 12 characters. A text is searched
with a window of 12 characters; consecutive matches form one run, which is replaced by the secret's hint. The search
runs over the text itself and over its unescaped form, with a map from each unescaped character to its position in the
text. The replacement comes before shortening, because a secret that is cut in half can't be recognized.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reports.redaction import hide_credentials
from reports.render.terminal_text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reports.model import Evidence, Finding, Place, Report, Timeline
    from reports.redaction import Secret

#: Shorter secrets are ordinary words (self-hosted servers accept `test`); replacing them would garble the report.
_MIN_SECRET_LENGTH = 8
#: Length of the parts to search for. Shorter parts match by chance, and reveal little.
_PART_LENGTH = 12
#: Texts from servers are cut to this length before they are searched.
_MAX_FOREIGN_LENGTH = 64 * 1024
#: Limits on a report's texts. Our own texts are much shorter; texts from servers are shortened earlier.
MAX_TEXT_LENGTH, MAX_VALUE_LENGTH = 2_000, 500
_MAX_TRACEBACK_LENGTH = 20_000

#: One character in any notation: percent-encoded, by its number (JSON, Python), after a backslash, or plain.
_CHARACTER = re.compile(r"%([0-9a-f]{2})|\\u00([0-9a-f]{2})|\\x([0-9a-f]{2})|\\(.)|(.)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class _KnownSecret:
    """A secret's hint and all its parts of one length, in lower case."""

    hint: str
    length: int
    parts: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Match:
    """A range of a text that holds a part of a secret."""

    start: int
    end: int
    hint: str


class Secrets:
    """All secrets of a run, which removes them from texts. It grows, because runs mint client secrets."""

    __slots__ = ("_known",)

    def __init__(self, known: Iterable[Secret] = ()) -> None:
        self._known: dict[str, _KnownSecret] = {}
        for secret in known:
            self.add(secret)

    def add(self, secret: Secret) -> None:
        """Redact this secret from now on, and every part of it of at least 12 characters."""
        value = secret.reveal().lower()
        if len(value) < _MIN_SECRET_LENGTH:
            return
        for form in {value, "".join(_unescaped(value)[0])}:
            length = min(_PART_LENGTH, len(form))
            parts = frozenset(form[at : at + length] for at in range(len(form) - length + 1))
            self._known[form] = _KnownSecret(secret.hint, length, parts)

    def redact(self, text: str) -> str:
        """Replace all known secrets, their parts, and everything that looks like a credential by hints."""
        return hide_credentials(self._without_known(text))

    def excerpt(self, text: str, limit: int) -> str:
        """Redact a text from a server, then shorten it to `limit` characters."""
        return shorten(self.redact(text[:_MAX_FOREIGN_LENGTH]), limit)

    def redact_finding(self, finding: Finding) -> Finding:
        """Return the finding with all its texts redacted and shortened."""
        return replace(
            finding,
            title=self.excerpt(finding.title, MAX_VALUE_LENGTH),
            evidence=self._in_evidence(finding.evidence),
            cause=self.excerpt(finding.cause, MAX_TEXT_LENGTH),
            fix=self.excerpt(finding.fix, MAX_TEXT_LENGTH),
            link=self.excerpt(finding.link, MAX_VALUE_LENGTH),
            place=self._in_place(finding.place),
        )

    def redact_report(self, report: Report) -> Report:
        """Return the report with all its texts redacted again, because secrets may have been added since."""
        return replace(
            report,
            target=self._in_evidence(report.target),
            findings=tuple(self.redact_finding(finding) for finding in report.findings),
            timelines=tuple(self.redact_timeline(timeline) for timeline in report.timelines),
        )

    def redact_timeline(self, timeline: Timeline) -> Timeline:
        """Return the timeline with all its texts redacted."""
        moments = (replace(m, what=self.redact(m.what), detail=self.redact(m.detail)) for m in timeline.moments)
        return replace(timeline, moments=tuple(moments))

    def _in_evidence(self, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        return tuple(replace(item, value=self.excerpt(item.value, _max_length(item))) for item in evidence)

    def _in_place(self, place: Place | None) -> Place | None:
        return place and replace(place, path=self.redact(place.path), text=self.excerpt(place.text, MAX_VALUE_LENGTH))

    def _without_known(self, text: str) -> str:
        if not self._known or len(text) < _MIN_SECRET_LENGTH:
            return text
        lower = text.lower()
        matches = list(self._matches_in(lower, range(len(lower) + 1))) if len(lower) == len(text) else []
        if "%" in text or "\\" in text or len(lower) != len(text):
            characters, positions = _unescaped(text)
            matches += self._matches_in("".join(characters), positions)
        return _replaced(text, matches)

    def _matches_in(self, text: str, positions: Sequence[int]) -> Iterator[_Match]:
        """Yield the matches in `text`; `positions` has the position of each of its characters in the original text."""
        for known in self._known.values():
            start = end = -1
            for at in range(len(text) - known.length + 1):
                if text[at : at + known.length] not in known.parts:
                    continue
                if at >= end:
                    if end > 0:
                        yield _Match(positions[start], positions[end], known.hint)
                    start = at
                end = at + known.length
            if end > 0:
                yield _Match(positions[start], positions[end], known.hint)


def _max_length(item: Evidence) -> int:
    return _MAX_TRACEBACK_LENGTH if item.label == "traceback" else MAX_VALUE_LENGTH


def _unescaped(text: str) -> tuple[list[str], list[int]]:
    """Unescape a text: return its characters in lower case, and the start of each in the text, plus the text's end."""
    characters: list[str] = []
    positions: list[int] = []
    for match in _CHARACTER.finditer(text):
        number = match[1] or match[2] or match[3]
        character = (chr(int(number, 16)) if number else match[4] or match[5]).lower()
        characters += character
        positions += [match.start()] * len(character)
    return characters, [*positions, len(text)]


def _replaced(text: str, matches: list[_Match]) -> str:
    """Replace the matches by hints. Overlapping matches become one, with the hint of the longer one."""
    merged: list[_Match] = []
    for one in sorted(matches, key=lambda f: (f.start, -f.end)):
        if merged and one.start < merged[-1].end:
            last = merged[-1]
            longer = one if one.end - one.start > last.end - last.start else last
            merged[-1] = _Match(last.start, max(last.end, one.end), longer.hint)
        else:
            merged.append(one)
    parts: list[str] = []
    at = 0
    for one in merged:
        parts += [text[at : one.start], one.hint]
        at = one.end
    return "".join([*parts, text[at:]])
