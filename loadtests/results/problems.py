"""Everything that a load test's report can say, by its code. Values only; `sherpa-probe explain` reads them, too."""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

BUDGET_KEPT = Problem(
    "LOAD-BUDGET-KEPT",
    "A budget was kept",
    "What was measured over the whole run, or in the phase that the budget names, is within it.",
    "Nothing is to be done",
    Severity.PASS,
)
FAILURES = Problem(
    "LOAD-FAILURES",
    "What callers were told",
    "Attempts that came to nothing and error messages, each with how often it was; many are what a scenario wants.",
    "Nothing is to be done where every budget is kept",
    Severity.INFO,
)
BUDGET_SKIPPED = Problem(
    "LOAD-BUDGET-SKIPPED",
    "A budget was not judged",
    "Nobody got a session, the run did not come that far, or nobody could tell: the row says which.",
    "Give what the row names: --control URL, --echo, or --watch bridge=PID; or run it with --simulate",
    Severity.SKIPPED,
)
GENERATOR_OK = Problem(
    "LOAD-GENERATOR-OK",
    "The generator kept its pace",
    "Ninety-nine of a hundred chunks of speech were sent within 20 ms of when they were due.",
    "Nothing is to be done",
    Severity.PASS,
)
BUDGET_BROKEN = Problem(
    "LOAD-BUDGET-BROKEN",
    "A budget was not kept",
    "The target was slower, lost more or failed more often than the budget allows.",
    "Look at the plots around the moment when it began: --report html=load.html",
)
NOTHING_MEASURED = Problem(
    "LOAD-NOTHING-MEASURED",
    "What a budget is about never happened, so nothing was proved",
    "No caller came that far, or the scenario does not provoke it.",
    "Give the run more time with --duration, or take the budget away",
)
NO_ECHO = Problem(
    "LOAD-NO-ECHO",
    "No answer held any of the callers' own speech: nothing is known of what was lost",
    "The service behind the target does not echo, or the bridge makes other audio of it.",
    "Leave --echo out, or put an echo behind the target: sherpa-sim serve --scenario echo",
    Severity.ERROR,
)
TARGET_DOWN = Problem(
    "LOAD-TARGET-DOWN",
    "Nobody ever got a session: nothing was measured",
    "Nothing listens there, or what listens never answers.",
    "Look whether the target works at all: sherpa-probe bridge --url URL",
    Severity.ERROR,
)
NO_SESSION = Problem(
    "LOAD-NO-SESSION",
    "The target answers, and gives nobody a session: nothing was measured",
    "What is behind it refuses, or never answers: the errors that callers got say why.",
    "Look at one call: sherpa-probe bridge --url URL",
)
TARGET_REFUSED = Problem(
    "LOAD-TARGET-REFUSED",
    "The target answers and refuses every caller",
    "The token, the origin or the model is wrong, the path is not a bridge's, or the target takes no more callers.",
    "401 wants --client-token-env NAME, 403 that or --origin, 404 another path in --target, an error code what it says",
)
CONTROL_DOWN = Problem(
    "LOAD-CONTROL-DOWN",
    "The simulator's control API does not answer: nothing was done",
    "Nothing listens at the address of --control, or the simulator was started without it.",
    "Start it with its control API: sherpa-sim serve --control",
    Severity.ERROR,
)
TARGET_WENT_DOWN = Problem(
    "LOAD-TARGET-WENT-DOWN",
    "The target answered at first and then no more; the run ended early",
    "For ten seconds nobody got a session, and nine of ten attempts failed.",
    "Read the target's own log of that moment, or call with fewer --users",
)
GENERATOR_LATE = Problem(
    "LOAD-GENERATOR-LATE",
    "This generator did not keep its own pace: its other figures are doubtful",
    "One process has more callers than it can serve, or the machine is busy with something else.",
    "Give it more processes with --processes N, or chunks of 100 ms, or a machine of its own",
    Severity.WARNING,
)
INCOMPLETE = Problem(
    "LOAD-INCOMPLETE",
    "Something could not be done to the run, or not be asked at its end",
    "A part of the scenario did not take place: what was measured is not what the scenario is for.",
    "Look at what it says; then run it again",
    Severity.ERROR,
)
INTERRUPTED = Problem(
    "LOAD-INTERRUPTED",
    "Interrupted before it was done",
    "Somebody pressed Ctrl-C or ended the process; what was measured until then is shown.",
    "Run it again",
    Severity.ERROR,
)
STACK_FAILED = Problem(
    "LOAD-STACK-FAILED",
    "The bridge and the simulator of --simulate did not start",
    "The message names the log of the one that failed.",
    "Start it by hand: sherpa-bridge serve --simulate",
    Severity.ERROR,
)
CRASHED = Problem(
    "LOAD-CRASHED",
    "The load test itself broke; this says nothing about the target",
    "A mistake in sherpa-load, or Locust could not start.",
    "Run it again with -v and report what it shows",
    Severity.ERROR,
)
NO_WORKERS = Problem(
    "LOAD-NO-WORKERS",
    "The workers that were waited for did not come",
    "They were not started, or cannot reach this machine's port 5557.",
    "Start each of them: sherpa-load run SCENARIO --worker --master-host HOST",
    Severity.ERROR,
)
REPORT_LOST = Problem(
    "LOAD-REPORT-LOST",
    "A report that was asked for could not be written",
    "Its place could be written when the run began and no longer at its end: the disk is full, or the folder is gone.",
    "Make room or name another place with --report, then run it again",
    Severity.ERROR,
)
USAGE = Problem(
    "LOAD-USAGE",
    "The command was called wrongly",
    "An option or a word that the command does not know, or a value that it cannot take.",
    "Look at what there is: sherpa-load --help",
    Severity.ERROR,
)
CAPACITY_FOUND = Problem(
    "LOAD-CAPACITY-FOUND",
    "The largest number of callers inside the budgets was found",
    "It held, and held again; the next tried number above it did not.",
    "Plan for less than that: what fails over to this instance comes on top",
    Severity.PASS,
)
CAPACITY_MOST = Problem(
    "LOAD-CAPACITY-MOST",
    "The target holds as many callers as were allowed to be tried",
    "The search ends at --most, and the target may hold more.",
    "Search further: --most N",
    Severity.INFO,
)
CAPACITY_UNDONE = Problem(
    "LOAD-CAPACITY-UNDONE",
    "The search did not come to its end",
    "It was interrupted; what was tried until then is shown.",
    "Run it again",
    Severity.INFO,
)
CAPACITY_KNEE = Problem(
    "LOAD-CAPACITY-KNEE",
    "Where answers begin to wait",
    "Below it half of all answers come as soon as with few callers; beyond it callers wait for one another.",
    "Plan for no more than that where latency matters more than the budgets say",
    Severity.INFO,
)
CAPACITY_LIMIT = Problem(
    "LOAD-CAPACITY-LIMIT",
    "What had nothing to spare where the budgets broke",
    "A process at 85 % of what it can use has no room for what comes in bursts.",
    "Give the bridge more of it: --workers N on more cores, or more instances",
    Severity.INFO,
)
CAPACITY_NONE = Problem(
    "LOAD-CAPACITY-NONE",
    "The target keeps the budgets with no number of callers that was tried",
    "Even the fewest callers broke a budget: that is not a matter of size.",
    "Run the scenario alone and look at what it breaks: sherpa-load run conversation --users 1",
)
CAPACITY_UNCONFIRMED = Problem(
    "LOAD-CAPACITY-UNCONFIRMED",
    "The number held once and was not confirmed: the target wavers",
    "Runs with the same number of callers end differently, so the edge has no sharp place.",
    "Give each run more time with --duration, and leave the machine alone meanwhile",
    Severity.WARNING,
)
CAPACITY_GENERATOR = Problem(
    "LOAD-CAPACITY-GENERATOR",
    "The generator was the limit, or near it: the target may hold more",
    "Where callers cannot keep the pace of speech, what they measure is themselves.",
    "Give it more processes with --processes N, or chunks of 100 ms, or a machine of its own",
    Severity.WARNING,
)
CAPACITY_SIMULATOR = Problem(
    "LOAD-CAPACITY-SIMULATOR",
    "The simulator behind the target was the limit, or near it: the target may hold more",
    "It is one process on one core; with --control it cannot be more.",
    "Put a faster service behind the target: sherpa-sim serve --workers N, without --control",
    Severity.WARNING,
)
CAPACITY_BUSY = Problem(
    "LOAD-CAPACITY-BUSY",
    "This machine was busy with something else: the target may hold more",
    "Other programs used more than a fifth of its cores while the edge was tried.",
    "Leave it alone for the length of the search, then run it again",
    Severity.WARNING,
)

PROBLEMS: tuple[Problem, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Problem))
