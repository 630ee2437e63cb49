"""Our options on Locust's command line and web UI. `sherpa-load` passes its own options on by these names."""

from __future__ import annotations

from argparse import SUPPRESS
from typing import TYPE_CHECKING, Any

from loadtests.scenarios.behaviour import TargetEndpoint
from loadtests.scenarios.plan import CHUNK_LENGTHS_MS, DEFAULT_MODEL, RunOptions
from loadtests.scenarios.safety import PERMISSION_OPTION
from loadtests.scenarios.table import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_SCENARIO = "conversation"
_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--scenario",
        {"metavar": "NAME", "choices": list(SCENARIOS), "help": f"The scenario to run [default {DEFAULT_SCENARIO}]."},
    ),
    ("--budget", {"action": "append", "metavar": "TEXT", "help": "A limit to check: 'p99(first_audio) < 800ms'."}),
    ("--no-default-budgets", {"action": "store_true", "help": "Check only the budgets from --budget."}),
    ("--endpoint", {"choices": list(TargetEndpoint), "help": "WebSocket endpoint of the bridge."}),
    ("--door", {"choices": list(TargetEndpoint), "dest": "endpoint", "help": SUPPRESS}),  # its former name
    ("--chunk-ms", {"type": int, "choices": CHUNK_LENGTHS_MS, "help": "Length of a chunk of audio in ms."}),
    ("--voice-model", {"metavar": "NAME", "default": DEFAULT_MODEL, "help": "The model that callers request."}),
    ("--token-env", {"metavar": "NAME", "help": "Variable that holds the bridge's client token."}),
    ("--origin", {"metavar": "URL", "help": "Origin header to send; none by default."}),
    ("--control", {"metavar": "URL", "help": "Control API of the simulator behind the target."}),
    ("--echo", {"action": "store_true", "help": "The service echoes: measure lost audio by its answers."}),
    ("--deploy-command", {"metavar": "CMD", "help": "Command that redeploys the target."}),
    ("--report-json", {"metavar": "FILE", "help": "Where to write the report."}),
    (PERMISSION_OPTION, {"action": "store_true", "help": "Allow public hosts, many callers and long runs."}),
    (
        "--memory-watched",
        {"action": "store_true", "help": "The command that starts this run monitors the target's memory."},
    ),
)


def add_options(parser: Any) -> None:
    """Add the options to Locust's parser."""
    for name, more in _OPTIONS:
        parser.add_argument(name, include_in_web_ui=name in ("--scenario", "--endpoint", "--budget"), **more)


def parse_options(options: Any) -> RunOptions:
    """Convert Locust's options. A tag with a scenario's name chooses the scenario, too."""
    budgets = options.budget or ()
    return RunOptions(
        scenario=options.scenario or _tagged(options.tags) or DEFAULT_SCENARIO,
        url=options.host or "",
        users=options.num_users,
        spawn_rate=options.spawn_rate,
        duration=str(options.run_time) if options.run_time else None,
        budgets=(budgets,) if isinstance(budgets, str) else tuple(budgets),
        default_budgets=not options.no_default_budgets,
        endpoint=options.endpoint,
        chunk_ms=options.chunk_ms,
        model=options.voice_model,
        token_env=options.token_env,
        origin=options.origin,
        control_url=options.control,
        echo=options.echo,
        deploy_command=options.deploy_command,
        memory_known=options.memory_watched,
        permitted=getattr(options, PERMISSION_OPTION.strip("-").replace("-", "_")),
    )


def _tagged(tags: Sequence[str] | None) -> str | None:
    return next((tag for tag in tags or () if tag in SCENARIOS), None)
