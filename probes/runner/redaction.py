"""The last look over everything that is shown: secrets are replaced by their hints, and then long texts are cut.

A `Secret` already hides itself; this is for what others say: a server's error message or a header that repeats the key,
whole or a piece of it, in any case, escaped or not. What merely looks like a credential is hidden too.
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

#: Shorter ones (self-hosted servers take `test`) are ordinary words: replacing them would only garble the report.
_SHORTEST = 8
#: A piece of a secret is as long as this: shorter ones are found by chance, and help nobody to guess the rest.
_PIECE = 12
#: So much of a foreign text is looked at; what stands behind is cut off unseen.
_LONGEST_FOREIGN = 64 * 1024
#: Longest texts of a report. Ours are far below; what others said is cut long before, where it is taken up.
LONGEST_TEXT, LONGEST_VALUE = 2_000, 500
_LONGEST_TRACEBACK = 20_000

#: One character as it may be written: percent-encoded, by its number (JSON, Python), behind a backslash, or plain.
_WRITTEN = re.compile(r"%([0-9a-f]{2})|\\u00([0-9a-f]{2})|\\x([0-9a-f]{2})|\\(.)|(.)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Known:
    """A secret in small letters, and all its pieces of one length."""

    hint: str
    length: int
    pieces: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a text holds a piece of a secret."""

    start: int
    end: int
    hint: str


class Secrets:
    """Every secret that a run has met. It grows: client secrets are minted on the way."""

    __slots__ = ("_known",)

    def __init__(self, known: Iterable[Secret] = ()) -> None:
        self._known: dict[str, _Known] = {}
        for secret in known:
            self.add(secret)

    def add(self, secret: Secret) -> None:
        """Hide this one from now on, and every piece of it that is long enough to matter."""
        value = secret.reveal().lower()
        if len(value) < _SHORTEST:
            return
        for form in {value, "".join(_unescaped(value)[0])}:
            length = min(_PIECE, len(form))
            pieces = frozenset(form[at : at + length] for at in range(len(form) - length + 1))
            self._known[form] = _Known(secret.hint, length, pieces)

    def redact(self, text: str) -> str:
        """Replace every known secret and every piece of one, then whatever else looks like a credential."""
        return hide_credentials(self._without_known(text))

    def excerpt(self, text: str, limit: int) -> str:
        """Make a foreign text fit to be shown: hide first, then shorten, for what is cut is not recognized any more."""
        return shorten(self.redact(text[:_LONGEST_FOREIGN]), limit)

    def redact_finding(self, finding: Finding) -> Finding:
        """Give the finding with every text of it looked over."""
        return replace(
            finding,
            title=self.excerpt(finding.title, LONGEST_VALUE),
            evidence=self._in_evidence(finding.evidence),
            cause=self.excerpt(finding.cause, LONGEST_TEXT),
            fix=self.excerpt(finding.fix, LONGEST_TEXT),
            link=self.excerpt(finding.link, LONGEST_VALUE),
            place=self._in_place(finding.place),
        )

    def redact_report(self, report: Report) -> Report:
        """Give the report with every text of it looked over once more, by all that is known now."""
        return replace(
            report,
            target=self._in_evidence(report.target),
            findings=tuple(self.redact_finding(finding) for finding in report.findings),
            timelines=tuple(self.redact_timeline(timeline) for timeline in report.timelines),
        )

    def redact_timeline(self, timeline: Timeline) -> Timeline:
        """Give the timeline with every moment of it looked over."""
        moments = (replace(m, what=self.redact(m.what), detail=self.redact(m.detail)) for m in timeline.moments)
        return replace(timeline, moments=tuple(moments))

    def _in_evidence(self, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        return tuple(replace(item, value=self.excerpt(item.value, _longest(item))) for item in evidence)

    def _in_place(self, place: Place | None) -> Place | None:
        return place and replace(place, path=self.redact(place.path), text=self.excerpt(place.text, LONGEST_VALUE))

    def _without_known(self, text: str) -> str:
        if not self._known or len(text) < _SHORTEST:
            return text
        small = text.lower()
        found = list(self._found_in(small, range(len(small) + 1))) if len(small) == len(text) else []
        if "%" in text or "\\" in text or len(small) != len(text):
            characters, places = _unescaped(text)
            found += self._found_in("".join(characters), places)
        return _replaced(text, found)

    def _found_in(self, text: str, places: Sequence[int]) -> Iterator[_Found]:
        """Find the runs of pieces; `places` says where each character of `text` begins in the original."""
        for known in self._known.values():
            start = end = -1
            for at in range(len(text) - known.length + 1):
                if text[at : at + known.length] not in known.pieces:
                    continue
                if at >= end:
                    if end > 0:
                        yield _Found(places[start], places[end], known.hint)
                    start = at
                end = at + known.length
            if end > 0:
                yield _Found(places[start], places[end], known.hint)


def _longest(item: Evidence) -> int:
    return _LONGEST_TRACEBACK if item.label == "traceback" else LONGEST_VALUE


def _unescaped(text: str) -> tuple[list[str], list[int]]:
    """Give the characters that a text means, in small letters, and where each begins; one place more is the end."""
    characters: list[str] = []
    places: list[int] = []
    for written in _WRITTEN.finditer(text):
        number = written[1] or written[2] or written[3]
        character = (chr(int(number, 16)) if number else written[4] or written[5]).lower()
        characters += character
        places += [written.start()] * len(character)
    return characters, [*places, len(text)]


def _replaced(text: str, found: list[_Found]) -> str:
    """Put hints in place of what was found; where two overlap, the longer one's hint stands for both."""
    merged: list[_Found] = []
    for one in sorted(found, key=lambda f: (f.start, -f.end)):
        if merged and one.start < merged[-1].end:
            last = merged[-1]
            longer = one if one.end - one.start > last.end - last.start else last
            merged[-1] = _Found(last.start, max(last.end, one.end), longer.hint)
        else:
            merged.append(one)
    parts: list[str] = []
    at = 0
    for one in merged:
        parts += [text[at : one.start], one.hint]
        at = one.end
    return "".join([*parts, text[at:]])
