"""Every problem that a load test's report can name. Values only; `sherpa-probe explain` reads them, too."""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

BUDGET_KEPT = Problem(
    "LOAD-BUDGET-KEPT",
    "The budget passed",
    "The measured value is within the budget, over the whole run or in the phase that the budget names.",
    "Nothing to do",
    Severity.PASS,
)
FAILURES = Problem(
    "LOAD-FAILURES",
    "Errors that callers received",
    "Failed attempts and error messages, with their counts. Many scenarios cause errors on purpose.",
    "Nothing to do if every budget passed",
    Severity.INFO,
)
BUDGET_SKIPPED = Problem(
    "LOAD-BUDGET-SKIPPED",
    "The budget was not checked",
    "No caller got a session, the run was too short or too small to prove it, or the data was not available. The row "
    "says which.",
    "Pass the option that the row names (--control URL, --echo, --watch bridge=PID, --duration), or --simulate",
    Severity.SKIPPED,
)
PHASE_SKIPPED = Problem(
    "LOAD-PHASE-SKIPPED",
    "Part of the scenario was not run",
    "Only the control API of a simulator behind the target can cut upstream sockets and make the service fail. What "
    "callers do by themselves was run.",
    "Put the simulator behind the target (sherpa-sim serve --control) and pass --control URL, or use --simulate",
    Severity.SKIPPED,
)
SCENARIO_SKIPPED = Problem(
    "LOAD-SCENARIO-SKIPPED",
    "The scenario was not run",
    "It consists of what this target can't be put through: cut upstream sockets, a failing service, or a deploy.",
    "Pass the option that the row names (--control URL or --deploy-command CMD), or use --simulate",
    Severity.SKIPPED,
)
GENERATOR_OK = Problem(
    "LOAD-GENERATOR-OK",
    "The load generator kept up",
    "At least 99 % of the audio chunks were sent within 20 ms of the time when they were due.",
    "Nothing to do",
    Severity.PASS,
)
BUDGET_BROKEN = Problem(
    "LOAD-BUDGET-BROKEN",
    "A budget was exceeded",
    "A measurement is beyond its limit. In a report, the finding says what that means for this budget.",
    "Follow the next step of the finding. The exact meaning of each measurement: sherpa-load list --measures",
)
INCONCLUSIVE = Problem(
    "LOAD-INCONCLUSIVE",
    "A budget was exceeded, but this run can't decide whether the target is to blame",
    "The run was too small or too short for this budget, or the load generator itself was late.",
    "Follow the next step of the finding: more callers, a longer run, or more processes; then run it again",
    Severity.ERROR,
)
NOTHING_MEASURED = Problem(
    "LOAD-NOTHING-MEASURED",
    "Nothing was measured for a budget, so it proves nothing",
    "No caller got that far, or the scenario doesn't cause what the budget measures.",
    "Run it longer with --duration, and check that the scenario causes it: sherpa-load list SCENARIO",
)
NO_ECHO = Problem(
    "LOAD-NO-ECHO",
    "No answer contained the caller's own audio, so lost audio can't be measured",
    "The service behind the target doesn't echo, or the bridge changes the audio.",
    "Remove --echo, or put an echo service behind the target: sherpa-sim serve --scenario echo",
    Severity.ERROR,
)
TARGET_DOWN = Problem(
    "LOAD-TARGET-DOWN",
    "No caller got a session: nothing was measured",
    "Nothing listens at the target's address, or the target doesn't respond.",
    "Check whether the target works at all: sherpa-probe bridge --url URL",
    Severity.ERROR,
)
NO_SESSION = Problem(
    "LOAD-NO-SESSION",
    "The target accepts connections but starts no session: nothing was measured",
    "The service behind the target refuses or doesn't respond. The errors that callers received say why.",
    "Look up what they say (sherpa-probe explain CODE), then try a single call: sherpa-probe bridge --url URL",
)
TARGET_REFUSED = Problem(
    "LOAD-TARGET-REFUSED",
    "The target refuses every caller",
    "The token, the origin, the model or the path is wrong, or the target accepts no more callers.",
    "For 401 pass --client-token-env NAME; for 403 that or --origin; for 404 correct the path in --target; "
    "for an error code: sherpa-probe explain CODE",
)
CONTROL_DOWN = Problem(
    "LOAD-CONTROL-DOWN",
    "The simulator's control API doesn't respond: the run did not start",
    "Nothing listens at the address in --control, or the simulator was started without --control.",
    "Start the simulator with its control API: sherpa-sim serve --control",
    Severity.ERROR,
)
TARGET_WENT_DOWN = Problem(
    "LOAD-TARGET-WENT-DOWN",
    "The target stopped responding during the run, which ended early",
    "No caller got a session for 10 s, and more than 90 % of the attempts failed.",
    "Read the target's log for that time, or run with fewer --users",
)
TARGET_ENDED = Problem(
    "LOAD-TARGET-ENDED",
    "The target process ended during the run",
    "An exception that nobody caught ended it, or the system did, for example because memory ran out.",
    "Read the last lines of its log. If it died of a caller's message (error-flood sends some that are not JSON), "
    "catch the errors of each message",
)
GENERATOR_LATE = Problem(
    "LOAD-GENERATOR-LATE",
    "The load generator fell behind: its other measurements are unreliable",
    "One process has more callers than it can serve, or the machine is busy with other work.",
    "Use more processes (--processes N), 100 ms chunks (--chunk-ms 100), or a machine of its own",
    Severity.WARNING,
)
INCOMPLETE = Problem(
    "LOAD-INCOMPLETE",
    "Part of the run failed: an action, or the measurements at the end",
    "A phase of the scenario did not happen as planned, so the results don't show what the scenario tests.",
    "Fix the error shown above, then run it again",
    Severity.ERROR,
)
INTERRUPTED = Problem(
    "LOAD-INTERRUPTED",
    "The run was interrupted",
    "Ctrl-C was pressed, or the process received a signal. The report shows the measurements up to that point.",
    "Run it again",
    Severity.ERROR,
)
STACK_FAILED = Problem(
    "LOAD-STACK-FAILED",
    "--simulate could not start the bridge and the simulator",
    "One of the two processes failed. The message names its log file.",
    "Start it by hand: sherpa-bridge serve --simulate",
    Severity.ERROR,
)
CRASHED = Problem(
    "LOAD-CRASHED",
    "The load test crashed; this says nothing about the target",
    "A bug in sherpa-load, or Locust could not start.",
    "Run it again with -v and report the output",
    Severity.ERROR,
)
NO_WORKERS = Problem(
    "LOAD-NO-WORKERS",
    "The expected workers did not connect",
    "They were not started, or they can't reach port 5557 of this machine.",
    "Start each worker: sherpa-load run SCENARIO --worker --master-host HOST",
    Severity.ERROR,
)
REPORT_LOST = Problem(
    "LOAD-REPORT-LOST",
    "A report file could not be written",
    "The file was writable when the run started but not at its end: the disk is full, or the folder was removed.",
    "Free some space or choose another path with --report, then run it again",
    Severity.ERROR,
)
USAGE = Problem(
    "LOAD-USAGE",
    "The command line is invalid",
    "An unknown option or argument, or a value that is not allowed.",
    "See the available options: sherpa-load --help",
    Severity.ERROR,
)
COST = Problem(
    "LOAD-COST",
    "What the run cost",
    "Tokens and transcribed speech of all responses and transcripts that callers were told of, at the prices of the "
    "date that the row names. With the simulator, the numbers of tokens are estimates, and nothing is paid.",
    "Nothing to do",
    Severity.INFO,
)
COST_UNKNOWN = Problem(
    "LOAD-COST-UNKNOWN",
    "The cost of the run is not known",
    "A model has no known price, or the session never named its model. Tokens are counted all the same.",
    "Multiply the tokens in the report by the price that your provider names for the model",
    Severity.INFO,
)
CAPACITY_COST = Problem(
    "LOAD-CAPACITY-COST",
    "What this many callers cost in an hour",
    "The cost per caller and hour of the largest trial that passed, times the callers. Calls that last longer than "
    "a trial cost more: each response is charged for the conversation before it.",
    "Measure calls as long as yours with --duration; docs/capacity.md turns the number into the cost of a fleet",
    Severity.INFO,
)
CAPACITY_FOUND = Problem(
    "LOAD-CAPACITY-FOUND",
    "The maximum number of callers within the budgets",
    "This number of callers passed twice; the next larger number that was tried failed.",
    "Plan for fewer: traffic that fails over to this instance comes on top",
    Severity.PASS,
)
CAPACITY_MOST = Problem(
    "LOAD-CAPACITY-MOST",
    "The target handles the largest number of callers that the search may try",
    "The search stopped at --most. The target may handle more.",
    "Raise the limit: --most N",
    Severity.INFO,
)
CAPACITY_UNDONE = Problem(
    "LOAD-CAPACITY-UNDONE",
    "The search did not finish",
    "It was interrupted. The report shows the trials up to that point.",
    "Run it again",
    Severity.INFO,
)
CAPACITY_KNEE = Problem(
    "LOAD-CAPACITY-KNEE",
    "The knee: where answers start to take longer",
    "Below this number, the median answer is as fast as with few callers. Above it, callers compete for resources.",
    "If latency matters more than the budgets say, plan for no more callers than this",
    Severity.INFO,
)
CAPACITY_LIMIT = Problem(
    "LOAD-CAPACITY-LIMIT",
    "The resource that ran out where the budgets failed",
    "A process that uses 85 % of its CPU or more has no room for bursts.",
    "Give the bridge more of it: --workers N on more cores, or more instances",
    Severity.INFO,
)
CAPACITY_NONE = Problem(
    "LOAD-CAPACITY-NONE",
    "The target fails the budgets at every number of callers that was tried",
    "Even the smallest number of callers failed a budget, so this is not a capacity limit.",
    "Run the scenario with one caller and see what fails: sherpa-load run conversation --users 1",
)
CAPACITY_UNCONFIRMED = Problem(
    "LOAD-CAPACITY-UNCONFIRMED",
    "The result was not confirmed: trials with the same number of callers differ",
    "This number of callers passed once and was not confirmed by a second trial, so the limit is not sharp.",
    "Make each trial longer with --duration, and run nothing else on this machine meanwhile",
    Severity.WARNING,
)
CAPACITY_GENERATOR = Problem(
    "LOAD-CAPACITY-GENERATOR",
    "The load generator was the limit: the target may handle more",
    "Callers that can't send audio on time measure themselves, not the target.",
    "Use more processes (--processes N), 100 ms chunks (--chunk-ms 100), or a machine of its own",
    Severity.WARNING,
)
CAPACITY_SIMULATOR = Problem(
    "LOAD-CAPACITY-SIMULATOR",
    "The simulator behind the target was the limit: the target may handle more",
    "With --control, the simulator is a single process on one core.",
    "Put a faster service behind the target: sherpa-sim serve --workers N, without --control",
    Severity.WARNING,
)
CAPACITY_BUSY = Problem(
    "LOAD-CAPACITY-BUSY",
    "Other programs kept this machine busy: the target may handle more",
    "They used more than 20 % of its cores during the trial.",
    "Run nothing else on this machine, then search again",
    Severity.WARNING,
)

PROBLEMS: tuple[Problem, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Problem))
