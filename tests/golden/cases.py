"""The failures that have golden files: a command, the one cause it must name, and its exit code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.config.resolve import Flags
from probes.access.probe import access
from probes.bridge.probe import bridge
from probes.events.probe import events
from probes.lint.lint import lint
from probes.models.probe import models
from probes.runner.command import CommandResult, ProbeOptions, run_command, run_offline
from probes.runner.subject import FileSubject, ignore_subject
from probes.smoke.probe import smoke
from probes.targets.opening import bridge_opener, service_opener
from tests.probes.expected_findings import EXPECTED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Models retire; what is kept here does not.
DAY = date(2026, 11, 21)
ENVIRONMENT = {"OPENAI_API_KEY": "not looked at"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run in a temporary folder, and its expected result."""

    run: Callable[[Path], CommandResult]
    code: str
    """The one finding that fails; everything else passes, is a note, or is skipped."""
    exit_code: int = 1
    warnings: tuple[str, ...] = ()
    """Warnings with the same cause."""


def _simulated(
    tool: str, check: Any, opening: Any, scenario: str, folder: Path, *, timeout: float = 2.0
) -> CommandResult:
    options = ProbeOptions(flags=Flags(timeout=timeout), simulate=scenario)
    return run_command(f"sherpa-probe {tool}", check, options, ENVIRONMENT, opener=opening, folder=folder)


def _access(scenario: str, code: str, timeout: float = 2.0, warnings: tuple[str, ...] = ()) -> Case:
    run = partial(_simulated, "access", access, service_opener(), scenario, timeout=timeout)
    return Case(run=run, code=code, warnings=warnings)


def _checked(tool: str, check: Any, scenario: str, code: str, *, timeout: float = 2.0, **more: Any) -> Case:
    opening = bridge_opener(None, None) if tool == "bridge" else service_opener()
    run = partial(_simulated, tool, partial(check, **more) if more else check, opening, scenario, timeout=timeout)
    return Case(run=run, code=code)


def _lint(name: str, source: str, code: str) -> Case:
    def run(folder: Path) -> CommandResult:
        path = folder / name
        path.write_text(source, encoding="utf-8")
        return run_offline("sherpa-probe lint", ignore_subject(partial(lint, [path])), ProbeOptions(), FileSubject())

    return Case(run=run, code=code)


#: The ways in which `access` fails: one for each scenario that it can see.
_ACCESS = {name: expected for name, expected in EXPECTED.items() if expected.code}

CASES: dict[str, Case] = {
    f"access-{name}": _access(name, expected.code, expected.timeout, expected.warnings)
    for name, expected in _ACCESS.items()
} | {
    "events-failed-response": _checked("events", events, "failed-response", "EVENTS-SERVER-ERROR", script="text"),
    "events-mute": _checked("events", events, "mute", "EVENTS-SILENT", script="text", timeout=0.5),
    "models-missing": _checked(
        "models", models, "good", "MODELS-MODEL-NOT-LISTED", require=("gpt-realtime-9",), today=DAY
    ),
    "models-invalid-key": _checked("models", models, "invalid-key", "MODELS-KEY-REFUSED"),
    "bridge-no-quota": _checked("bridge", bridge, "no-quota", "BRIDGE-QUOTA-EXHAUSTED", timeout=5.0),
    "bridge-invalid-key": _checked("bridge", bridge, "invalid-key", "BRIDGE-AUTHENTICATION-FAILED", timeout=5.0),
    "smoke-invalid-key": _checked("smoke", smoke, "invalid-key", "ACCESS-KEY-REFUSED"),
    "lint-beta-header": _lint(
        "call.ts",
        'const headers = { Authorization: `Bearer ${key}`, "OpenAI-Beta": "realtime=v1" };\n',
        "LINT-BETA-HEADER",
    ),
    "lint-retired-model": _lint("call.py", 'MODEL = "gpt-4o-realtime-preview-2024-10-01"\n', "LINT-RETIRED-MODEL"),
}
