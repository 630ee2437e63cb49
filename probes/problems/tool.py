"""Problems of the tools themselves, not of what they examine: crashes, wrong usage, lost reports, skipped probes.

Values only. Problems of a target are in the other modules of this package; `probes/problem_catalogue.py` collects all.
"""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

CRASHED = Problem(
    "PROBE-CRASHED",
    "The probe crashed; this says nothing about the target",
    "A bug in sherpa-probe, or a response that it doesn't expect.",
    "Run it again with -v and report the traceback (keys are hidden in it)",
    Severity.ERROR,
)
INTERRUPTED = Problem(
    "PROBE-INTERRUPTED",
    "Interrupted before the end",
    "Ctrl-C was pressed. Checks that finished before are shown.",
    "Run it again",
    Severity.ERROR,
)
REPORT_LOST = Problem(
    "PROBE-REPORT-LOST",
    "A requested report couldn't be written",
    "The file was writable when the run began but not at its end: the disk is full, or the folder was removed.",
    "Free some space or choose another path with --report, then run it again",
    Severity.ERROR,
)
SCRAPE_TIMEOUT = Problem(
    "PROBE-SCRAPE-TIMEOUT",
    "The probe was stopped at the scrape timeout",
    "The scrape came with a timeout, and the probe needs longer: it is a long one, or the service is slow.",
    "Raise scrape_timeout in Prometheus, or scrape a shorter module such as access",
    Severity.ERROR,
)
USAGE_ERROR = Problem(
    "USAGE-ERROR",
    "Invalid command line",
    "An unknown option or argument, or an invalid value.",
    "List the options: sherpa-probe --help",
    Severity.ERROR,
)
CONFIG_ERROR = Problem(
    "CONFIG-ERROR",
    "Invalid or missing setting",
    "An option, an environment variable or a line of sherpa.toml has a value that can't be used; the message names it.",
    "Show all settings and where they come from: sherpa-probe config",
    Severity.ERROR,
)
KEY_SUSPECT = Problem(
    "CONFIG-KEY-SUSPECT",
    "The API key doesn't look like an API key",
    "It is sent anyway. If the service refuses it, this is the likely reason.",
    "Set the key alone, without quotes or spaces",
    Severity.WARNING,
)
KEY_PADDED = Problem(
    "CONFIG-KEY-PADDED",
    "The API key has a character around it that doesn't belong to it",
    "sherpa-probe removes it, so the checks pass. Your own program sends it: HTTP libraries reject such a header, or "
    "the service refuses the key. A secret made with 'echo KEY', without -n, ends with a line break.",
    "Remove it where the key is set; in a shell: "
    """export OPENAI_API_KEY="$(printf %s "$OPENAI_API_KEY" | tr -d '[:space:]')\"""",
    Severity.WARNING,
)
BASE_URL_READ = Problem(
    "ACCESS-BASE-URL-READ",
    "The base URL was corrected before use",
    "It isn't in the expected form, but its meaning is clear.",
    "Write it as the row shows it, so that other programs understand it too",
    Severity.INFO,
)
SCENARIO_LATER = Problem(
    "ACCESS-SCENARIO-LATER",
    "This scenario takes effect after the access probe ends",
    "The access probe ends once the session is configured, and the scenario's fault comes later. Passed checks prove "
    "nothing about it.",
    "Run your own program against it: sherpa-sim serve --scenario NAME",
    Severity.INFO,
)
SCENARIO_AFRESH = Problem(
    "ACCESS-SCENARIO-AFRESH",
    "This scenario recovers over time, but every run starts it from the beginning",
    "Each run starts a simulator of its own, so a single run sees only the first failures.",
    "Keep one simulator running and probe it repeatedly: sherpa-sim serve --scenario NAME",
    Severity.INFO,
)
ALL_SKIPPED = Problem(
    "ACCESS-ALL-SKIPPED",
    "The probe was skipped because a check that it depends on failed",
    "The row names the failed check. The probe would fail for the same reason, so it was not run.",
    "Fix the failed check, then run it again",
    Severity.INFO,
)
REPORT_UNREADABLE = Problem(
    "REPORT-UNREADABLE",
    "The file isn't a report of this toolkit, or can't be read",
    "The file is missing, truncated, of another kind, or has another schema_version.",
    "Write a report: sherpa-probe access --report json=FILE",
    Severity.ERROR,
)
REPORT_CRASHED = Problem(
    "REPORT-CRASHED",
    "Rendering the report failed; this says nothing about its findings",
    "A bug in sherpa-report, or a report with unexpected contents.",
    "Open the JSON itself, and report the error message",
    Severity.ERROR,
)
