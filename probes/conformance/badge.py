"""A badge for a README: an SVG of its own, without fonts or links from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from probes.runner.usage import UsageError
from reports.model import ReportMetric

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from probes.runner.findings import ProbeItem

_LABEL: Final = "realtime bridge"
#: An average character of Verdana at 11 px, and the space at both ends of a field.
_CHARACTER, _PADDING = 6.6, 10
_GREEN, _RED, _GREY = "#2c7a3f", "#b3261e", "#6b6b6b"


def write_badge(path: Path, items: Iterable[ProbeItem]) -> None:
    """Write the badge of a run. Raises UsageError if it can't be written."""
    metrics = {item.name: int(item.value) for item in items if isinstance(item, ReportMetric)}
    try:
        path.write_text(
            badge(
                metrics.get("conformance_pass_total", 0),
                metrics.get("conformance_fail_total", 0) + metrics.get("conformance_inconclusive_total", 0),
                metrics.get("conformance_non_strict_total", 0),
            )
        )
    except OSError as error:
        raise UsageError(f"--badge: can't write {path}: {error.strerror or error}") from None


def badge(passed: int, failed: int, non_strict: int) -> str:
    """Return the SVG: `realtime bridge | 120 of 122 cases`."""
    total = passed + failed + non_strict
    text = f"{passed} of {total} cases" if total else "not tested"
    colour = _GREY if not total else _RED if failed else _GREEN
    left, right = (round(len(words) * _CHARACTER + 2 * _PADDING) for words in (_LABEL, text))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{escape(_LABEL)}: {escape(text)}"><title>{escape(_LABEL)}: {escape(text)}</title>'
        f'<rect width="{left}" height="20" fill="#333"/><rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,sans-serif" font-size="11">'
        f'<text x="{left / 2:g}" y="14">{escape(_LABEL)}</text>'
        f'<text x="{left + right / 2:g}" y="14">{escape(text)}</text></g></svg>\n'
    )
