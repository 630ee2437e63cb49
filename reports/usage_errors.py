"""Errors of `sherpa-report`: a message on stderr, or with --json a report on stdout.

`sherpa-probe explain CODE` explains the codes. Credentials that were typed in the wrong place are not repeated.
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
    """The arguments or files can't be used; the message says why."""

    def __init__(self, message: str, *, code: str = USAGE, fix: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFailure:
    """A failure of the command itself, without a result."""

    tool: str
    code: str
    message: str
    fix: str = ""
    exit_code: int = EXIT_USAGE

    def show(self, *, as_json: bool, environment: Mapping[str, str]) -> int:
        """Show it and return the exit code. Raises OutputError if JSON can't be written."""
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
    """Make the failure for unusable input."""
    return CommandFailure(tool=tool, code=error.code, message=str(error), fix=error.fix or f"{tool} --help")


def interrupted_failure(tool: str) -> CommandFailure:
    """Make the failure for an interrupt."""
    return CommandFailure(tool=tool, code=INTERRUPTED, message="interrupted", exit_code=EXIT_INTERRUPTED)


def crash_failure(tool: str, error: BaseException) -> CommandFailure:
    """Make the failure for a bug of ours."""
    line = (str(error).splitlines() or [""])[0][:300]
    message = f"internal error while processing the report: {type(error).__name__}: {line}"
    return CommandFailure(tool=tool, code=CRASHED, message=message, exit_code=EXIT_COULD_NOT_RUN)
