"""Problems of looking again and again, or at several things at once. Values only; see `problems.py`."""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

ALL_SKIPPED = Problem(
    "ALL-SKIPPED",
    "A whole probe was not run, because what it stands on failed",
    "The row names the failed check. What stands behind it could only fail for the same reason, so it was not asked.",
    "Mend the check that the row names; then run it again",
    severity=Severity.INFO,
)
SCRAPE_TIMEOUT = Problem(
    "SCRAPE-TIMEOUT",
    "The probe was stopped because whoever asked for it waits no longer",
    "A scrape asks with a time-out, and the probe needs longer than that: it is a long one, or the service is slow.",
    "Raise scrape_timeout in Prometheus, or ask for a shorter module, such as access",
    severity=Severity.ERROR,
    probe="probe",
)
