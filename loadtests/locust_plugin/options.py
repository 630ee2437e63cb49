"""Our options on Locust's command line and page; `sherpa-load` hands its own over by these names."""

from __future__ import annotations

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
        {"metavar": "NAME", "choices": list(SCENARIOS), "help": f"What callers do [default {DEFAULT_SCENARIO}]."},
    ),
    ("--budget", {"action": "append", "metavar": "TEXT", "help": "What must hold: 'p99(first_audio) < 800ms'."}),
    ("--no-default-budgets", {"action": "store_true", "help": "Judge only the budgets that are given."}),
    ("--door", {"choices": list(TargetEndpoint), "help": "The protocol that callers speak."}),
    ("--chunk-ms", {"type": int, "choices": CHUNK_LENGTHS_MS, "help": "The length of a chunk of speech."}),
    ("--voice-model", {"metavar": "NAME", "default": DEFAULT_MODEL, "help": "The model that callers ask for."}),
    ("--token-env", {"metavar": "NAME", "help": "The variable that holds the token the bridge wants of its clients."}),
    ("--origin", {"metavar": "URL", "help": "The page that callers claim to come from; by default none."}),
    ("--control", {"metavar": "URL", "help": "The control API of the simulator behind the target."}),
    ("--echo", {"action": "store_true", "help": "The service answers with what it heard: account for that."}),
    ("--deploy-command", {"metavar": "CMD", "help": "What deploys the target anew."}),
    ("--report-json", {"metavar": "FILE", "help": "Where the report is written."}),
    (PERMISSION_OPTION, {"action": "store_true", "help": "Load a public host, or with many callers, or for long."}),
    (
        "--memory-watched",
        {"action": "store_true", "help": "Whoever started this knows how much memory the target takes."},
    ),
)


def add_options(parser: Any) -> None:
    """Add them to Locust's parser."""
    for name, more in _OPTIONS:
        parser.add_argument(name, include_in_web_ui=name in ("--scenario", "--door", "--budget"), **more)


def parse_options(options: Any) -> RunOptions:
    """Make a wish of Locust's options. A tag that is a scenario's name chooses it, too."""
    budgets = options.budget or ()
    return RunOptions(
        scenario=options.scenario or _tagged(options.tags) or DEFAULT_SCENARIO,
        url=options.host or "",
        users=options.num_users,
        spawn_rate=options.spawn_rate,
        duration=str(options.run_time) if options.run_time else None,
        budgets=(budgets,) if isinstance(budgets, str) else tuple(budgets),
        default_budgets=not options.no_default_budgets,
        endpoint=options.door,
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
