"""Fixing one file: only what is certain, only if the result is sound, and completely or not at all."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from probes.lint import problems
from probes.lint.analysis.handlers import Role
from probes.lint.analysis.service import names_public_address, speaks_azure_preview
from probes.lint.analysis.sessions import RealtimeCode
from probes.lint.checking import CheckedText, check_text, match_finding, placed
from probes.lint.fixing.edits import apply_edits, edits_for
from probes.lint.fixing.soundness import why_unsound
from probes.lint.options import FixLevel
from probes.lint.rules.events import BETA_EVENT
from probes.runner.findings import CheckRow
from reports.model import Finding, Severity

if TYPE_CHECKING:
    from probes.lint.analysis.handlers import EventUse
    from probes.lint.fixing.edits import TextEdit
    from probes.lint.matcher import RuleMatch
    from probes.lint.options import LintOptions
    from probes.lint.rule import Rule
    from probes.lint.sources.files import SourceFile

#: How often a file is fixed and checked again; overlapping edits need more than one round.
_MAX_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class FixedFile:
    """A file after its fixes, and a finding for each."""

    source: SourceFile
    checked: CheckedText
    done: tuple[Finding, ...]

    def diff(self, before: SourceFile) -> str:
        """Return the changes as a unified diff."""
        name = before.path.as_posix()
        lines = difflib.unified_diff(
            before.text.splitlines(keepends=True), self.source.text.splitlines(keepends=True), name, name
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def fix_file(source: SourceFile, checked: CheckedText, rules: tuple[Rule, ...], options: LintOptions) -> FixedFile:
    """Fix what can be fixed in a text. Nothing is written."""
    current, done = source, list[Finding]()
    for _ in range(_MAX_ROUNDS if source.can_be_fixed and checked.syntax_error is None else 0):
        edits = [_edits(match, checked, current, options) for match in checked.matches]
        text, applied = apply_edits(current.text, edits)
        after = current.with_text(text)
        checked_again = check_text(after, rules, options)
        if text == current.text or _is_worse(current, after, checked, checked_again):
            break
        done += [_fixed(match, current, checked) for match, was in zip(checked.matches, applied, strict=True) if was]
        current, checked = after, checked_again
    return FixedFile(current, checked, tuple(done))


def _is_worse(before: SourceFile, after: SourceFile, checked: CheckedText, again: CheckedText) -> bool:
    """Whether a change breaks the syntax or a name, or leaves as many matches: then it is no fix."""
    return len(again.matches) >= len(checked.matches) or bool(why_unsound(before.parsed, after.parsed, after.language))


def _edits(match: RuleMatch, checked: CheckedText, source: SourceFile, options: LintOptions) -> tuple[TextEdit, ...]:
    """Return the edits for a match. What is not certain is not fixed."""
    if match.severity is Severity.INFO or not (options.fix is FixLevel.ALL or _is_safe(match, source)):
        return ()
    if match.rule is BETA_EVENT and not _is_renamed_everywhere(checked, source):
        return ()
    return edits_for(match, checked.root, source.parsed)


def _is_safe(match: RuleMatch, source: SourceFile) -> bool:
    """Whether a fix can't break what works: events are renamed only in a file that names no service but OpenAI's.

    Where the address is Azure's preview as well, or in another file, the beta's names may be those that arrive.
    """
    tolerated = match.rule.severity is Severity.FAIL and match.severity is Severity.WARNING
    if match.rule is BETA_EVENT and (not names_public_address(source.text) or speaks_azure_preview(source.text)):
        return False
    return match.rule.is_safe and not tolerated


def _is_renamed_everywhere(checked: CheckedText, source: SourceFile) -> bool:
    """Whether renaming the matches would leave no old name of an event: a file that knows half of each is broken.

    A name that the file also sends, or uses in a way that is not understood, may belong to the file's own protocol. A
    name that is only an argument of a call that logs may stay.
    """
    code = RealtimeCode(checked.root, source.parsed, source.language, source.inner_path)
    found = {match.node for match in checked.matches if match.rule is BETA_EVENT}
    uses = [use for use in code.events if use.name in BETA_EVENT.replacements]
    return all(use.role in {Role.HANDLED, Role.TYPE} if use.string in found else _is_log_argument(use) for use in uses)


def _is_log_argument(use: EventUse) -> bool:
    parent = use.string.parent()
    return use.role is Role.LOGGED and parent is not None and parent.kind() in {"arguments", "argument_list"}


def _fixed(match: RuleMatch, source: SourceFile, checked: CheckedText) -> Finding:
    known = match_finding(match, source, checked)
    row = CheckRow("lint", match.rule.id)
    finding = row.problem(problems.FIXED, *known.evidence, title=f"Fixed: {match.rule.title}")
    return placed(finding, match.node, source, checked)


def unwritten(finding: Finding, why: str) -> Finding:
    """Return a finding with the reason why a file could not be written."""
    return replace(finding, cause=f"{finding.cause} Reason: {why}.")
