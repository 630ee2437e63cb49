"""SARIF 2.1.0, for editors and GitHub code scanning.

Passed and skipped checks are not results, since GitHub shows every result as an alert. GitHub also rejects a whole file
if a result has no file, or a URI with a scheme (codeql-action issues 754 and 2459). A finding without a place therefore
gets the target as a relative file name, and its check as logical location.
"""

from __future__ import annotations

import re
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from reports.model import EXIT_FAILED, EXIT_OK, Finding, Report, Severity
from reports.render.json import VERDICTS, format_document
from reports.render.sarif_locations import artifact_location, physical_location
from reports.render.terminal_text import sanitize
from reports.render.wording import evidence_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_PROJECT_URL = "https://github.com/sherpa-realtime/sherpa-realtime"

#: Severity -> SARIF level, the worst first.
_LEVELS: Mapping[Severity, str] = {
    Severity.FAIL: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}
#: SARIF level -> severity by which GitHub sorts.
_PROBLEM_SEVERITY = {"error": "error", "warning": "warning", "note": "recommendation"}
#: GitHub accepts at most this many results per file.
_MAX_RESULTS = 25_000

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://([^\s?#]+)", re.IGNORECASE)


def render(report: Report, exit_code: int, *, max_results: int = _MAX_RESULTS) -> str:
    """Write a log with one run as JSON, with the worst `most` results."""
    return format_document({"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report, exit_code, max_results)]})


def _run(report: Report, exit_code: int, max_results: int) -> dict[str, Any]:
    problems = sorted(
        (finding for finding in report.findings if finding.severity in _LEVELS),
        key=lambda finding: list(_LEVELS).index(finding.severity),
    )
    rules = _rules(problems)
    name, _, command = sanitize(report.tool).partition(" ")
    driver = {
        "name": name or "-",
        "version": sanitize(report.version),
        "informationUri": _PROJECT_URL,
        "rules": list(rules.values()),
    }
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"{'/'.join(filter(None, (name, command)))}/"},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The folder in which the command ran."}}},
        "invocations": [_invocation(report, exit_code, len(problems) - max_results)],
        "results": _results(problems[:max_results], rules, _target(report)),
    }


def _invocation(report: Report, exit_code: int, left_out: int) -> dict[str, Any]:
    invocation: dict[str, Any] = {
        "executionSuccessful": exit_code in (EXIT_OK, EXIT_FAILED),
        "exitCode": exit_code,
        "exitCodeDescription": VERDICTS.get(exit_code, VERDICTS[EXIT_FAILED]),
    }
    if _UTC.fullmatch(report.started):
        invocation["startTimeUtc"] = report.started
    if left_out > 0:
        text = f"{left_out} more results are left out here. The JSON report is complete."
        invocation["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": text}}]
    return invocation


def _rules(findings: Iterable[Finding]) -> dict[str, dict[str, Any]]:
    """Describe each code by its first finding, which is the worst."""
    rules: dict[str, dict[str, Any]] = {}
    for finding in findings:
        rules.setdefault(sanitize(finding.code), _rule(finding))
    return rules


def _rule(finding: Finding) -> dict[str, Any]:
    level, title = _LEVELS[finding.severity], sanitize(finding.title) or sanitize(finding.code)
    return {
        "id": sanitize(finding.code),
        "shortDescription": {"text": title},
        "fullDescription": {"text": sanitize(finding.cause) or title},
        "help": {"text": _advice(finding) or title},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": [sanitize(finding.probe) or "probe"], "problem.severity": _PROBLEM_SEVERITY[level]},
    }


def _advice(finding: Finding) -> str:
    parts = (("", finding.cause), ("Next:", finding.fix), ("More:", finding.link))
    return "\n".join(
        "\n".join(filter(None, (word, *map(sanitize, text.splitlines())))) for word, text in parts if text.strip()
    )


def _results(findings: Sequence[Finding], rules: Iterable[str], target: str) -> list[dict[str, Any]]:
    index = {code: number for number, code in enumerate(rules)}
    counts: Counter[str] = Counter()
    results = []
    for finding in findings:
        fingerprint = _hash(finding)
        counts[fingerprint] += 1
        result = {
            "ruleId": sanitize(finding.code),
            "ruleIndex": index[sanitize(finding.code)],
            "level": _LEVELS[finding.severity],
            "message": {"text": _message(finding)},
            "locations": [_location(finding, target)],
            # GitHub identifies an alert across runs by this hash and number.
            "partialFingerprints": {"primaryLocationLineHash": f"{fingerprint}:{counts[fingerprint]}"},
        }
        results.append(result)
    return results


def _message(finding: Finding) -> str:
    lines = [finding.title, *(evidence_text(item) for item in finding.evidence)]
    return "\n".join(filter(None, map(sanitize, lines))) or "-"


def _location(finding: Finding, target: str) -> dict[str, Any]:
    name = "/".join(filter(None, (sanitize(finding.probe), sanitize(finding.check)))) or "-"
    logical = [{"name": sanitize(finding.check) or "-", "fullyQualifiedName": name, "kind": "check"}]
    if finding.place is not None:
        return {"physicalLocation": physical_location(finding.place)}
    place = {"artifactLocation": artifact_location(target), "region": {"startLine": 1}}
    return {"physicalLocation": place, "logicalLocations": logical}


def _target(report: Report) -> str:
    """Return the target as a file name: its URL without scheme and query, or the tool."""
    match = (_ADDRESS.match(evidence.value) for evidence in report.target)
    address = next((match[1].strip("/") for match in match if match), "")
    return address or sanitize(report.tool).replace(" ", "-") or "-"


def _hash(finding: Finding) -> str:
    """Hash what stays the same when lines are inserted above a finding."""
    identity = (finding.place.path, finding.place.text.strip()) if finding.place else (finding.probe, finding.check)
    text = "\0".join((finding.code, *identity))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
