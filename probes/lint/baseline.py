"""A baseline: the findings that a project knows and has decided to live with for now, by rule, file and line of code.

Line numbers are not part of it, so that code above a known finding may change. A finding that occurs twice in the same
words must be known twice.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from probes.runner.usage import UsageError
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reports.model import Finding

_VERSION = 1
#: Severities of findings that a baseline is about.
_KNOWN = frozenset({Severity.FAIL, Severity.WARNING, Severity.INFO})


class Baseline:
    """The findings of a baseline file that have not been met yet."""

    def __init__(self, known: Counter[str]) -> None:
        self._left = known
        self.used = 0
        """How many known findings were met."""

    @classmethod
    def read(cls, path: Path | None) -> Baseline:
        """Read a baseline file; None is an empty one. Raises UsageError for a file that is none."""
        if path is None:
            return cls(Counter())
        try:
            document: Any = json.loads(path.read_text(encoding="utf-8"))
            known = Counter({str(key): int(count) for key, count in document["findings"].items()})
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise UsageError(f"{path}: can't be read: {reason}; --write-baseline {path} writes it") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(f"{path}: is not a baseline; --write-baseline {path} writes one") from None
        return cls(known)

    def has(self, finding: Finding) -> bool:
        """Return whether a finding is known, and count it."""
        key = _key(finding)
        if not key or self._left[key] <= 0:
            return False
        self._left[key] -= 1
        self.used += 1
        return True


def write_baseline(path: Path, findings: Iterable[Finding]) -> int:
    """Write the findings to a baseline file and return how many there are. Raises UsageError if it can't."""
    known = Counter(key for finding in findings if (key := _key(finding)))
    document = {"version": _VERSION, "findings": dict(sorted(known.items()))}
    try:
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: can't be written: {(error.strerror or 'unknown error').lower()}") from None
    return known.total()


def _key(finding: Finding) -> str:
    if finding.place is None or finding.severity not in _KNOWN or finding.check == "file":
        return ""
    line = hashlib.sha256(" ".join(finding.place.text.split()).encode()).hexdigest()[:16]
    return f"{finding.check} {finding.place.path} {line}"
