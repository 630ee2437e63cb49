"""What all commands share: the type of files, a hint at a mistyped or misplaced command, one form for wrong usage.

The form is that of `reports.console.print_error`: the command and what is wrong with it, then the command to type.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reports.first_steps import FirstSteps

#: The subcommands of each command, so that one can refer to another without importing it.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "sherpa-probe": (
        *("access", "bridge", "config", "conformance", "events", "explain", "lint", "models", "record", "replay"),
        *("smoke", "watch"),
    ),
    "sherpa-bridge": ("check-config", "serve", "simulate", "ticket"),
    "sherpa-load": ("capacity", "list", "run", "suite"),
    "sherpa-report": ("compare", "render"),
    "sherpa-sim": ("list", "serve"),
}


#: Commands that are made of Unix processes and signals.
UNIX_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "sherpa-probe": ("conformance",),
    "sherpa-bridge": ("check-config", "serve"),
    "sherpa-load": ("capacity", "run", "suite"),
}
#: What they do everywhere.
_PORTABLE_OPTIONS = frozenset({"-h", "--help", "--list"})


class FilePath(click.Path):
    """A file, as a `pathlib.Path`. Only a command line that names one pays for the import of pathlib."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Turn a word of the command line into a path. Raises click.BadParameter."""
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


class CommandGroup(click.Group):
    """A command with subcommands. Without one it shows its first steps; for an unknown one it suggests another."""

    def __init__(
        self, *args: object, first_steps: Callable[[], FirstSteps] | None = None, **attributes: object
    ) -> None:
        """Take what `click.Group` takes, and the page to show without a subcommand; without that, the help is shown."""
        self._first_steps = first_steps
        attributes.setdefault("invoke_without_command", True)
        attributes.setdefault("subcommand_metavar", "COMMAND [ARGS]...")
        super().__init__(*args, **attributes)  # type: ignore[arg-type] # passed on as it came

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand. Without one, show the first steps; where there are none, the help, and exit with 2."""
        result = super().invoke(ctx)
        if ctx.invoked_subcommand is None and self._first_steps is None:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        if ctx.invoked_subcommand is None and self._first_steps is not None:
            _show_first_steps(self._first_steps())
        return result

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand. Raises click.UsageError, with a suggestion, if there is none of this name."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(unknown_command(name, ctx.command_path, self.list_commands(ctx)), ctx)
        needs_unix = name in UNIX_COMMANDS.get(ctx.command_path, ())
        if needs_unix and sys.platform == "win32" and not _PORTABLE_OPTIONS & set(args):
            raise click.UsageError(
                f"{name} doesn't run on Windows: it needs Unix processes and signals. Use WSL 2 or the container image",
                ctx,
            )
        return super().resolve_command(ctx, args)


def _show_first_steps(page: FirstSteps) -> None:
    from reports.console import terminal_width, write_text  # late: only a command without a subcommand pays for it
    from reports.first_steps import render_first_steps

    write_text(sys.stdout, render_first_steps(page, terminal_width(sys.stdout, os.environ)))


def unknown_command(name: str, tool: str, known: list[str]) -> str:
    """Return the message about an unknown subcommand: whose it is, what it is close to, or which ones there are."""
    owner = next((other for other, names in COMMANDS.items() if name in names and other != tool), None)
    if owner is not None:
        return f"unknown command '{name}': that is {owner} {name}"
    from difflib import get_close_matches  # late: only a mistake pays for it

    near = get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"unknown command '{name}': did you mean {near[0]}?"
    return f"unknown command '{name}'; use one of: {', '.join(known)}"


def show_usage_error(error: click.ClickException, tool: str) -> int:
    """Print what is wrong and where the help is, on stderr, and return the exit code."""
    from reports.console import print_error  # late: only a mistake pays for it

    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else tool
    print_error(path, error.format_message(), f"{path} --help", os.environ)
    return error.exit_code
