"""JUnit XML, for CI systems: one suite per probe, one case per finding.

The document follows the schema that Jenkins uses. Warnings pass and are written to the output of their case; if the run
failed because of them (`--strict`), they are failures. A run that failed without a failed case gets an extra case, so
that no CI shows a green suite next to a red exit code.
"""

from __future__ import annotations

import re
from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from reports.model import Finding, Report, Severity
from reports.render.terminal_text import sanitize
from reports.render.wording import explanation_text, group_by_probe, is_strict, place_text, verdict_word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Severity -> element of the case.
_ELEMENTS: Mapping[Severity, str] = {
    Severity.FAIL: "failure",
    Severity.ERROR: "error",
    Severity.SKIPPED: "skipped",
    Severity.WARNING: "system-out",
    Severity.INFO: "system-out",
}
#: Attribute that the schema requires -> element to count.
_COUNT_ATTRIBUTES = (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))

#: The schema's time format has no fraction and no zone.
_STARTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def render(report: Report, exit_code: int) -> str:
    """Write the report as XML with a final newline."""
    elements = {**_ELEMENTS, Severity.WARNING: "failure"} if is_strict(report, exit_code) else _ELEMENTS
    groups = group_by_probe(report.findings) or {"": []}
    root = Element("testsuites", name=sanitize(report.tool), time=_seconds(report.seconds))
    for probe, findings in groups.items():
        _suite(root, report, probe, findings, elements)
    if exit_code and not {"failure", "error"} & {element.tag for element in root.iter()}:
        _exit_code_suite(root, report, exit_code)
    root.set("tests", str(len(list(root.iter("testcase")))))
    for name, element in _COUNT_ATTRIBUTES[:2]:
        root.set(name, str(len(list(root.iter(element)))))
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _suite(
    root: Element, report: Report, probe: str, findings: Sequence[Finding], elements: Mapping[Severity, str]
) -> None:
    seconds = sum(finding.seconds or 0 for finding in findings)
    suite = SubElement(
        root, "testsuite", name=sanitize(probe or report.tool), time=_seconds(seconds), hostname="localhost"
    )
    started = _STARTED.match(report.started)
    if started:
        suite.set("timestamp", started[0])
    if report.target:
        properties = SubElement(suite, "properties")
        for item in report.target:
            SubElement(properties, "property", name=sanitize(item.label), value=sanitize(item.value))
    for name, finding in zip(_names(findings), findings, strict=True):
        _case(suite, _classname(report.tool, probe), name, finding, elements)
    _count(suite)


def _case(suite: Element, classname: str, name: str, finding: Finding, elements: Mapping[Severity, str]) -> None:
    case = SubElement(suite, "testcase", classname=classname, name=name, time=_seconds(finding.seconds or 0))
    element = elements.get(finding.severity)
    if element is None:
        return
    title = sanitize(finding.title)
    if element == "system-out":
        word = finding.severity.value
        SubElement(case, element).text = f"{word}: {sanitize(finding.code)}: {title}\n{explanation_text(finding)}"
        return
    child = SubElement(case, element, message=title, type=sanitize(finding.code))
    child.text = explanation_text(finding)


def _exit_code_suite(root: Element, report: Report, exit_code: int) -> None:
    suite = SubElement(root, "testsuite", name="exit code", time=_seconds(0), hostname="localhost")
    case = SubElement(suite, "testcase", classname=_classname(report.tool, ""), name="exit code", time=_seconds(0))
    SubElement(
        case, "error", message=f"{verdict_word(exit_code)}: exit code {exit_code}", type=f"exit code {exit_code}"
    )
    _count(suite)


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for name, element in _COUNT_ATTRIBUTES:
        suite.set(name, str(len(suite.findall(f"testcase/{element}"))))


def _names(findings: Sequence[Finding]) -> list[str]:
    """Name each case by its check and place. Duplicates get the code, then a number."""
    given: Counter[str] = Counter()
    names = []
    for finding in findings:
        name = sanitize(f"{finding.check} {place_text(finding.place)}" if finding.place else finding.check)
        name = f"{name} ({sanitize(finding.code)})" if given[name] else name
        given[name] += 1
        names.append(name if given[name] == 1 else f"{name} {given[name]}")
    return names


def _classname(tool: str, probe: str) -> str:
    """Return tool and probe in the form that CI systems group by: `sherpa-probe.access`."""
    first = sanitize(tool).partition(" ")[0].replace(".", "_")
    return f"{first}.{sanitize(probe).replace('.', '_')}" if probe else first


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}" if isfinite(seconds) and seconds > 0 else "0.000"
