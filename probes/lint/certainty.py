"""How sure a finding is: what the service of a file and the kind of file leave of a rule's severity.

What is not shown to reach OpenAI's service is `info` at the most. A finding about another service is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.lint.analysis.service import Service
from probes.lint.rule import Scope
from reports.model import Severity

if TYPE_CHECKING:
    from probes.lint.analysis.service import SourceContext
    from probes.lint.rule import Found, Rule

#: Services about which this project knows nothing.
_UNKNOWN_SERVICES = frozenset({Service.ELSEWHERE, Service.RESPONSES})
#: Services that may or may not be OpenAI's.
_OPEN_SERVICES = frozenset({Service.MIXED, Service.UNKNOWN})
#: Text that names the service itself: certain even in a file that names several.
_NAMES_SERVICE = re.compile(r"api\.openai\.com")
_AZURE = frozenset({Service.AZURE, Service.AZURE_PREVIEW})


def certain_severity(rule: Rule, found: Found, context: SourceContext) -> Severity | None:
    """Return the severity that the file bears out; None if there is nothing to say."""
    severity = found.severity or rule.severity
    if rule.scope is Scope.LANGUAGE:
        return severity
    if context.service in _UNKNOWN_SERVICES:
        return None
    if severity is Severity.INFO and context.service is Service.UNKNOWN:
        return None
    is_open = context.service in _OPEN_SERVICES and not _NAMES_SERVICE.search(found.node.text())
    if context.is_test or context.is_beta or is_open:
        return Severity.INFO
    tolerated = (rule.scope is Scope.BETA and context.service is Service.AZURE_PREVIEW) or (
        rule.scope is Scope.MODEL and context.service in _AZURE
    )
    return Severity.WARNING if tolerated and severity is Severity.FAIL else severity
