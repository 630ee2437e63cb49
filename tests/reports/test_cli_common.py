"""All commands name what is wrong in one form, and hint at what was meant."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click
import pytest

from reports.cli_common import COMMANDS, unknown_command

if TYPE_CHECKING:
    from collections.abc import Callable

MODULES = {
    "sherpa-probe": "probes.cli",
    "sherpa-bridge": "bridge.server.cli",
    "sherpa-load": "loadtests.cli",
    "sherpa-report": "reports.cli",
    "sherpa-sim": "bridge.simulator.cli",
}
TOOLS = pytest.mark.parametrize("tool", MODULES)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run a command line; give its exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "300")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def command(tool: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [tool, *words])
        try:
            with pytest.raises(SystemExit) as ended:
                import_module(MODULES[tool]).main()
        finally:
            for number, handler in handlers.items():  # sherpa-load sets its own
                signal.signal(number, handler)
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return command


@TOOLS
def test_the_table_of_commands_is_complete(tool: str) -> None:
    cli = import_module(MODULES[tool]).cli
    assert isinstance(cli, click.Group)
    assert tuple(sorted(cli.commands)) == COMMANDS[tool]


@TOOLS
def test_every_command_says_its_version(tool: str, run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run(tool, "--version")
    assert (code, err) == (0, "")
    assert out.startswith(f"{tool} ")


@pytest.mark.parametrize("tool", [tool for tool in MODULES if tool != "sherpa-report"])
def test_without_a_subcommand_it_says_what_it_found_and_what_to_type_next(
    tool: str, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = run(tool)
    assert (code, err) == (0, "")
    assert out.startswith(f"{tool} ")
    assert f"\n  {tool} --help" in out


def test_a_command_without_first_steps_shows_its_help_on_stderr(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("sherpa-report")
    assert (code, out) == (2, "")
    assert err.startswith("Usage: sherpa-report [OPTIONS] COMMAND [ARGS]...")


@TOOLS
def test_a_mistyped_command_gets_a_hint_in_the_form_of_every_usage_error(
    tool: str, run: Callable[..., tuple[int, str, str]]
) -> None:
    meant = COMMANDS[tool][-1]
    code, out, err = run(tool, meant[:-1] + "x")
    assert (code, out) == (2, "")
    assert err.splitlines() == [f"{tool}: unknown command '{meant[:-1]}x': did you mean {meant}?", f"  {tool} --help"]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (("sherpa-bridge", "access"), "sherpa-bridge: unknown command 'access': that is sherpa-probe access"),
        (("sherpa-probe", "serve"), "sherpa-probe: unknown command 'serve': that is sherpa-bridge serve"),
        (("sherpa-report", "fly"), "sherpa-report: unknown command 'fly'; use one of: compare, render"),
        (
            ("sherpa-sim", "serve", "--scenario", "ehco"),
            "sherpa-sim serve: unknown scenario 'ehco': did you mean 'echo'?",
        ),
        (
            ("sherpa-bridge", "serve", "--simulate", "god"),
            "sherpa-bridge serve: --simulate: unknown scenario 'god'; did you mean good?",
        ),
    ],
)
def test_what_is_wrong_is_named_with_the_command_that_was_called(
    words: tuple[str, ...], first: str, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, err = run(*words)
    path = first.partition(":")[0]
    assert (code, err.splitlines()) == (2, [first, f"  {path} --help"])


@TOOLS
def test_an_unknown_option_has_the_same_form(tool: str, run: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = run(tool, COMMANDS[tool][-1], "--no-such-option")
    first, last = err.splitlines()
    assert code == 2
    assert first.startswith(f"{tool} {COMMANDS[tool][-1]}: ")
    assert "--no-such-option" in first
    assert last == f"  {tool} {COMMANDS[tool][-1]} --help"


def test_a_command_that_two_have_is_hinted_at_where_it_is_missing() -> None:
    assert unknown_command("list", "sherpa-probe", ["lint"]) == "unknown command 'list': that is sherpa-load list"
