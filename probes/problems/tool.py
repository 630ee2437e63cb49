"""Problems that have to do with the tool itself, and not with what it looks at. Values only.

The others stand in `problems_*.py`, by what they are about; `problem_table.py` knows them all.
"""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

CRASHED = Problem(
    "CRASHED",
    "The probe itself broke; this says nothing about the target",
    "A mistake in sherpa-probe, or an answer that it was not made for.",
    "Run it again with -v and report what it shows (keys are hidden in it)",
    severity=Severity.ERROR,
    probe="probe",
)
INTERRUPTED = Problem(
    "INTERRUPTED",
    "Interrupted before it was done",
    "Somebody pressed Ctrl-C; what was finished before is shown.",
    "Run it again",
    severity=Severity.ERROR,
    probe="probe",
)
REPORT_LOST = Problem(
    "REPORT-LOST",
    "A report that was asked for could not be written",
    "Its place could be written when the run began and no longer at its end: the disk is full, or the folder is gone.",
    "Make room or name another place with --report, then run it again",
    severity=Severity.ERROR,
    probe="probe",
)
USAGE_ERROR = Problem(
    "ERROR",
    "The command was called wrongly",
    "An option or a word that the command does not know, or a value that it cannot take.",
    "Look at what there is: sherpa-probe --help",
    severity=Severity.ERROR,
    probe="usage",
)
CONFIG_ERROR = Problem(
    "ERROR",
    "A setting is wrong or missing",
    "An option, a variable or a line of sherpa.toml holds what cannot be used; the message names the place.",
    "Look at all settings and where they come from: sherpa-probe config",
    severity=Severity.ERROR,
    probe="config",
)
KEY_SUSPECT = Problem(
    "KEY-SUSPECT",
    "What stands where the key should stand looks like something else",
    "It is sent all the same; if the key is refused, this is the likely reason.",
    "Put the key itself there, alone and without quotes",
    severity=Severity.WARNING,
    probe="config",
)
BASE_URL_READ = Problem(
    "BASE-URL-READ",
    "The base URL was read as something slightly different",
    "It was not written as it is needed, and what was meant is clear.",
    "Write it as the row shows it, so that other programs understand it too",
    severity=Severity.INFO,
)
SCENARIO_LATER = Problem(
    "SCENARIO-LATER",
    "This scenario shows itself later than access looks",
    "Access ends with a configured session; what this scenario does comes behind it, so green rows prove nothing.",
    "Let your own program meet it: sherpa-sim serve --scenario NAME",
    severity=Severity.INFO,
)
SCENARIO_AFRESH = Problem(
    "SCENARIO-AFRESH",
    "This scenario gets better with time, and each run here begins anew",
    "Every run starts a simulator of its own, so the first failures are all that a single look can meet.",
    "Keep one simulator running and look at it again and again: sherpa-sim serve --scenario NAME",
    severity=Severity.INFO,
)
