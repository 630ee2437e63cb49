"""What every probe command does around its probe: configuration, report files, interrupts, output, exit code.

No click here: `probes.cli` turns the command line into `ProbeOptions` and this into an exit code, so that all of it
can be called and tested as plain functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.api_key import keys_in_environment
from bridge.config.resolve import ConfigError, Flags, read_config
from bridge.config.toml_file import did_you_mean
from probes.problems.tool import CONFIG_ERROR, REPORT_LOST, USAGE_ERROR
from probes.runner.findings import CheckRow, explain_command, headline
from probes.runner.interrupts import INTERRUPTS
from probes.runner.logs import redirect_logs
from probes.runner.redaction import LONGEST_VALUE, Secrets
from probes.runner.subject import FileSubject, OpenerInput, S, SubjectOpener
from probes.runner.usage import UsageError
from reports.model import EXIT_INTERRUPTED, EXIT_USAGE, Finding, Report, Severity
from reports.render.registry import FORMATS, get_renderer
from reports.render.terminal_text import shorten
from reports.store.writer import CannotWriteError, ReservedFile, reserve_file

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from probes.runner.findings import ProbeItem
    from probes.runner.runner import ProbeRun
    from reports.problem import Problem

#: The scenario of `--simulate` without a name: everything works.
DEFAULT_SCENARIO = "good"


#: What to do where a key was typed on the command line.
_KEY_TYPED = (
    "A key is never typed: export it as OPENAI_API_KEY,"
    " or name its place with --api-key-env NAME or --api-key-file FILE"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """What the command line of any probe said."""

    flags: Flags = field(default_factory=Flags)
    simulate: str | None = None
    """A scenario of the embedded simulator; None looks at the real target."""
    reports: tuple[str, ...] = ()
    """`FORMAT=PATH`, as typed."""
    json: bool = False
    strict: bool = False
    verbose: bool = False
    timelines: bool = False
    """Show what happened, not only what came of it."""
    errors_are_usage: bool = False
    """What could not be looked at was the user's own file: exit code 2, not 3."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report that was asked for: its format and its reserved place."""

    format: str
    reserved: ReservedFile


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended."""

    report: Report
    exit_code: int


def run_command(
    tool: str,
    look: Callable[[S], AsyncGenerator[ProbeItem, None]],
    options: ProbeOptions,
    environment: Mapping[str, str],
    *,
    opener: SubjectOpener[S],
    folder: Path | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> CommandResult:
    """Run one look from options to written report files. Raises UsageError and ConfigError before anything is sent.

    UsageError also comes from a look that finds its own files unusable; then no report file is left behind either. A
    report file that can't be written at the end is a finding, and exit code 2 like one that could not from the start.
    Ctrl-C ends the run in good order and shows in the outcome; KeyboardInterrupt is raised only before the run begins.
    """
    with INTERRUPTS.holding():
        with INTERRUPTS.raising():
            config = read_config(options.flags, environment, folder or Path(), with_key=_wants_key(opener, options))
        check_scenario(options.simulate)
        secrets = Secrets(config.secrets())
        given = OpenerInput(
            config=config, environment=environment, secrets=secrets, on_progress=on_progress, scenario=options.simulate
        )
        return _finished(tool, look, opener.prepare(given), options, secrets)


def run_offline(
    tool: str, look: Callable[[FileSubject], AsyncGenerator[ProbeItem, None]], options: ProbeOptions, files: FileSubject
) -> CommandResult:
    """Run a look that needs nothing but files: no settings are read. Raises UsageError."""
    with INTERRUPTS.holding():
        return _finished(tool, look, files.open, options, Secrets())


def _wants_key(opening: SubjectOpener[S], options: ProbeOptions) -> bool:
    return opening.needs_key and options.simulate is None


def _finished(
    tool: str,
    look: Callable[[S], AsyncGenerator[ProbeItem, None]],
    open_subject: Callable[[], AbstractAsyncContextManager[S]],
    options: ProbeOptions,
    secrets: Secrets,
) -> CommandResult:
    import trio  # noqa: PLC0415 - late: wrong usage and --help go without it

    from probes.runner.runner import ProbeRun  # noqa: PLC0415 - late: wrong usage and --help go without it

    run = ProbeRun(tool=tool, probe=look, open_subject=open_subject, secrets=secrets, verbose=options.verbose)
    with INTERRUPTS.raising():
        files = reserve_reports(options.reports)
    try:
        with redirect_logs(secrets, show=options.verbose):
            interrupted = trio.run(_until_interrupted, run)
        report = run.report()
        code = EXIT_INTERRUPTED if interrupted else _exit_code(report, options)
        return _written(files, CommandResult(report, code), secrets)
    finally:
        for file in files:
            file.reserved.discard()


def _exit_code(report: Report, options: ProbeOptions) -> int:
    """Give the report's own, but 2 where a named file could not be judged: what was found elsewhere is not all."""
    unread = options.errors_are_usage and any(finding.severity is Severity.ERROR for finding in report.findings)
    return EXIT_USAGE if unread else report.exit_code(strict=options.strict)


def usage_error_result(tool: str, known: Problem, message: str, fix: str) -> CommandResult:
    """Make the report of a command that could not even start."""
    from probes.runner.runner import single_finding_report  # noqa: PLC0415 - late: wrong usage and --help go without it

    link = explain_command(known.code)
    finding = Finding(code=known.code, severity=known.severity, check="usage", title=message, fix=fix, link=link)
    return CommandResult(single_finding_report(tool, finding), EXIT_USAGE)


def redact_keys(report: Report, environment: Mapping[str, str]) -> Report:
    """Look over the report of a command that could not start: somebody may have typed the key itself."""
    hidden = Secrets(keys_in_environment(environment)).redact_report(report)
    told = tuple(
        replace(now, fix=_KEY_TYPED) if now.check == "usage" and _key_hidden(now.title, before.title) else now
        for now, before in zip(hidden.findings, report.findings, strict=True)
    )
    return replace(hidden, findings=told)


def _key_hidden(now: str, before: str) -> bool:
    """Say whether the two differ by more than their length: a text that is merely too long holds no key."""
    return now != shorten(before, LONGEST_VALUE)


async def _until_interrupted(run: ProbeRun[S]) -> bool:
    """Run until done or until Ctrl-C, which ends the run in good order. Says whether it was interrupted."""
    import trio  # noqa: PLC0415 - late: wrong usage and --help go without it

    from probes.runner.runner import interrupted_finding  # noqa: PLC0415 - late: wrong usage and --help go without it

    token = trio.lowlevel.current_trio_token()
    with trio.CancelScope() as scope:

        def stop() -> None:
            token.run_sync_soon(scope.cancel, idempotent=True)

        with INTERRUPTS.calling(stop):
            await run.run()
    if INTERRUPTS.received:
        run.add(interrupted_finding())
    return INTERRUPTS.received


def check_scenario(name: str | None) -> None:
    """Refuse an unknown scenario, naming near ones. Raises UsageError."""
    if name is None or name == DEFAULT_SCENARIO:
        return
    from bridge.simulator.faults.scenarios import SCENARIOS  # noqa: PLC0415 - late: wrong usage and --help go without it

    if name not in SCENARIOS:
        near = did_you_mean(name, SCENARIOS)
        raise UsageError(f"--simulate: there is no scenario {name!r}{near}", "All of them: sherpa-sim list")


def reserve_reports(wanted: Sequence[str]) -> tuple[ReportFile, ...]:
    """Make sure that every `FORMAT=PATH` can be written. Raises UsageError, and then has reserved nothing."""
    files: list[ReportFile] = []
    try:
        for text in wanted:
            format_name, path = parse_report(text)
            if any(file.reserved.path == path.resolve() for file in files):
                raise UsageError(f"--report: {path} is named twice")  # noqa: TRY301 - the handler undoes the reservations before
            files.append(ReportFile(format_name, reserve_file(path)))
    except BaseException as error:  # an interrupt too
        for file in files:
            file.reserved.discard()
        if isinstance(error, UsageError | CannotWriteError):
            raise UsageError(str(error)) from None
        raise
    return tuple(files)


def parse_report(text: str) -> tuple[str, Path]:
    """Split `FORMAT=PATH`. Raises UsageError for an unknown format, naming those there are."""
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise UsageError(f"--report: {text!r} is not FORMAT=PATH; write for example --report json=report.json")
    if name not in FORMATS:
        raise UsageError(f"--report: there is no format {name!r}{did_you_mean(name, FORMATS)}")
    return name, Path(path)


def _written(files: Sequence[ReportFile], outcome: CommandResult, secrets: Secrets) -> CommandResult:
    """Write the files. One that can't be is told by a finding of its own, also in the files behind it."""
    for file in files:
        try:
            file.reserved.write(get_renderer(file.format)(outcome.report, outcome.exit_code))
        except CannotWriteError as error:
            # It could be written a moment ago: the disk is full, or somebody took the folder away.
            lost = secrets.redact_finding(CheckRow("probe", "report").problem(REPORT_LOST, headline(str(error))))
            report = replace(outcome.report, findings=(*outcome.report.findings, lost))
            outcome = CommandResult(report, EXIT_INTERRUPTED if outcome.exit_code == EXIT_INTERRUPTED else EXIT_USAGE)
    return outcome


__all__ = [
    "CONFIG_ERROR",
    "USAGE_ERROR",
    "CommandResult",
    "ConfigError",
    "ProbeOptions",
    "UsageError",
    "check_scenario",
    "parse_report",
    "redact_keys",
    "reserve_reports",
    "run_command",
    "run_offline",
    "usage_error_result",
]
