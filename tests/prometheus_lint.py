"""Checks Prometheus text as `promtool check metrics` does: parsed by Prometheus's own client, then its naming rules.

If promtool is installed, it is asked as well. To install it: apt-get install prometheus.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Words of a name that promtool refuses: abbreviated units, then units that have a base unit.
_ABBREVIATED = frozenset(["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"])
_NOT_BASE = frozenset(
    [
        "milliseconds",
        "microseconds",
        "nanoseconds",
        "minutes",
        "hours",
        "days",
        "weeks",
        "kilobytes",
        "megabytes",
        "bits",
    ]
)
_TYPES = frozenset({"counter", "gauge", "histogram", "summary"})
_HISTOGRAM_ENDS = ("_bucket", "_count", "_sum")


def lint_problems(text: str) -> list[str]:
    """Return what promtool would complain about; empty if nothing."""
    return [*_rules(text), *_promtool(text)]


def _rules(text: str) -> Iterator[str]:
    list(text_string_to_metric_families(text))
    helped = set(re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE))
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)", text, re.MULTILINE):
        words = set(name.split("_"))
        if name not in helped:
            yield f"{name} has no help text"
        if name.endswith("_total") != (kind == "counter"):
            yield f"{name} is a {kind}"
        if words & (_ABBREVIATED | _NOT_BASE | _TYPES) or ":" in name or name != name.lower():
            yield f"{name} names a unit or a type, or has characters that names don't have"
        if kind != "histogram" and name.endswith(_HISTOGRAM_ENDS):
            yield f"{name} has a suffix of histograms"


def _promtool(text: str) -> list[str]:
    tool = shutil.which("promtool")
    if tool is None:
        return []
    done = subprocess.run(
        [tool, "check", "metrics"], input=text, capture_output=True, text=True, check=False, timeout=60
    )
    return (done.stdout + done.stderr).splitlines() if done.returncode else []
