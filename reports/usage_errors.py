"""Why `sherpa-report` could not do what it was asked: one plain line on stderr, or with --json one document on stdout.

`sherpa-probe explain CODE` knows the codes. Whoever typed a key where a file belongs does not see it repeated.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.console import print_error, write_text
from reports.model import EXIT_COULD_NOT_RUN, EXIT_INTERRUPTED, EXIT_USAGE, Finding, Report, Severity
from reports.provenance import current_time, installed_version
from reports.redaction import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE, NOT_A_REPORT, CRASHED, INTERRUPTED = "USAGE-ERROR", "REPORT-UNREADABLE", "REPORT-CRASHED", "PROBE-INTERRUPTED"


class InputError(Exception):
    """What was asked for can't be done with these words or files; one plain line says why."""

    def __init__(self, message: str, *, code: str = USAGE, fix: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFailure:
    """What is said where there is no result."""

    tool: str
    code: str
    message: str
    fix: str = ""
    exit_code: int = EXIT_USAGE

    def show(self, *, as_json: bool, environment: Mapping[str, str]) -> int:
        """Tell it and give the exit code. Raises CannotShowError where JSON can't be written."""
        message = hide_credentials(self.message)
        if as_json:
            from reports.render.json import render  # noqa: PLC0415 - only what is used is paid for

            write_text(sys.stdout, render(self._report(message), self.exit_code))
        else:
            print_error(self.tool, message, self.fix, environment)
        return self.exit_code

    def _report(self, message: str) -> Report:
        finding = Finding(
            code=self.code,
            severity=Severity.ERROR,
            check="usage" if self.exit_code == EXIT_USAGE else "report",
            title=message,
            fix=self.fix,
            link=f"sherpa-probe explain {self.code}",
        )
        return Report(
            tool=self.tool, version=installed_version(), started=current_time(), seconds=0.0, findings=(finding,)
        )


def input_failure(error: InputError, tool: str) -> CommandFailure:
    """Complain of what can't be used."""
    return CommandFailure(tool=tool, code=error.code, message=str(error), fix=error.fix or f"{tool} --help")


def interrupted_failure(tool: str) -> CommandFailure:
    """Say that somebody stopped it."""
    return CommandFailure(tool=tool, code=INTERRUPTED, message="interrupted", exit_code=EXIT_INTERRUPTED)


def crash_failure(tool: str, error: Exception) -> CommandFailure:
    """Say that this is a mistake of ours."""
    line = (str(error).splitlines() or [""])[0][:300]
    message = f"internal error while processing the report: {type(error).__name__}: {line}"
    return CommandFailure(tool=tool, code=CRASHED, message=message, exit_code=EXIT_COULD_NOT_RUN)
