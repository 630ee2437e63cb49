"""What every probe command does around its probe: configuration, report files, interrupts and exit code.

This module doesn't use click: `probes.cli` turns the command line into `ProbeOptions`, and the result of these
functions into output and an exit code. So tests can call them directly.
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
from probes.runner.redaction import MAX_VALUE_LENGTH, Secrets
from probes.runner.subject import FileSubject, OpenerInput, S, SubjectOpener
from probes.runner.usage import UsageError
from reports.model import EXIT_INTERRUPTED, EXIT_USAGE, Finding, Report, Severity
from reports.render.registry import FORMATS, get_renderer
from reports.render.terminal_text import shorten
from reports.store.writer import CannotWriteError, ReservedFile, reserve_report, uses_stdout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from probes.runner.findings import ProbeItem
    from probes.runner.runner import ProbeRun
    from reports.problem import Problem

#: The scenario of `--simulate` without a name, in which everything works.
DEFAULT_SCENARIO = "good"


#: The fix for a key on the command line, where other processes and the shell history can read it.
_KEY_TYPED = (
    "Don't put a key on the command line: export it as OPENAI_API_KEY, or use --api-key-env NAME or --api-key-file FILE"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """The options that all probe commands share."""

    flags: Flags = field(default_factory=Flags)
    simulate: str | None = None
    """A scenario of the embedded simulator; None checks the real target."""
    reports: tuple[str, ...] = ()
    """`FORMAT=PATH` for each report file."""
    json: bool = False
    strict: bool = False
    verbose: bool = False
    timelines: bool = False
    """Show timelines and metrics, too."""
    errors_are_usage: bool = False
    """A check that can't run means a wrong file on the command line: exit code 2 instead of 3."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A requested report: its format and its reserved file."""

    format: str
    reserved: ReservedFile


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command."""

    report: Report
    exit_code: int


def run_command(
    tool: str,
    probe: Callable[[S], AsyncGenerator[ProbeItem, None]],
    options: ProbeOptions,
    environment: Mapping[str, str],
    *,
    opener: SubjectOpener[S],
    folder: Path | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> CommandResult:
    """Run a probe: read the configuration, check the subject, and write the report files.

    Raises UsageError and ConfigError before anything is sent. A probe may raise UsageError later, for an unusable
    file; no report file is left behind then. A report file that can't be written at the end becomes a finding, with
    exit code 2. Ctrl-C ends the run and its result says so; KeyboardInterrupt is raised only before the run starts.
    """
    with INTERRUPTS.holding():
        with INTERRUPTS.raising():
            check_simulation(options.simulate, options.flags)
            config = read_config(options.flags, environment, folder or Path(), with_key=_wants_key(opener, options))
        secrets = Secrets(config.secrets())
        opener_input = OpenerInput(
            config=config, environment=environment, secrets=secrets, on_progress=on_progress, scenario=options.simulate
        )
        return _finished(tool, probe, opener.prepare(opener_input), options, secrets)


def run_offline(
    tool: str,
    probe: Callable[[FileSubject], AsyncGenerator[ProbeItem, None]],
    options: ProbeOptions,
    files: FileSubject,
) -> CommandResult:
    """Run a probe that only reads files; it reads no settings. Raises UsageError."""
    with INTERRUPTS.holding():
        return _finished(tool, probe, files.open, options, Secrets())


def _wants_key(opening: SubjectOpener[S], options: ProbeOptions) -> bool:
    return opening.needs_key and options.simulate is None


def _finished(
    tool: str,
    probe: Callable[[S], AsyncGenerator[ProbeItem, None]],
    open_subject: Callable[[], AbstractAsyncContextManager[S]],
    options: ProbeOptions,
    secrets: Secrets,
) -> CommandResult:
    import trio  # noqa: PLC0415 - late: wrong usage and --help don't need it

    from probes.runner.runner import ProbeRun  # noqa: PLC0415 - late: wrong usage and --help don't need it

    run = ProbeRun(tool=tool, probe=probe, open_subject=open_subject, secrets=secrets, verbose=options.verbose)
    if options.json and uses_stdout(options.reports):
        raise UsageError("--json and a --report to stdout (-) exclude each other")
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
    """Return the report's own exit code, but 2 if a file on the command line couldn't be checked."""
    unread = options.errors_are_usage and any(finding.severity is Severity.ERROR for finding in report.findings)
    return EXIT_USAGE if unread else report.exit_code(strict=options.strict)


def usage_error_result(tool: str, problem: Problem, message: str, fix: str) -> CommandResult:
    """Return the result of a command that couldn't start; exit code 2."""
    from probes.runner.runner import single_finding_report  # noqa: PLC0415 - late: wrong usage and --help don't need it

    link = explain_command(problem.code)
    finding = Finding(code=problem.code, severity=problem.severity, check="usage", title=message, fix=fix, link=link)
    return CommandResult(single_finding_report(tool, finding), EXIT_USAGE)


def redact_keys(report: Report, environment: Mapping[str, str]) -> Report:
    """Remove keys from the report of a command that couldn't start: the command line may hold the key itself."""
    hidden = Secrets(keys_in_environment(environment)).redact_report(report)
    findings = tuple(
        replace(now, fix=_KEY_TYPED) if now.check == "usage" and _key_hidden(now.title, before.title) else now
        for now, before in zip(hidden.findings, report.findings, strict=True)
    )
    return replace(hidden, findings=findings)


def _key_hidden(now: str, before: str) -> bool:
    """Whether redaction changed more than the text's length, which means that the text holds a key."""
    return now != shorten(before, MAX_VALUE_LENGTH)


async def _until_interrupted(run: ProbeRun[S]) -> bool:
    """Run to the end or until Ctrl-C, which cancels the run. Returns whether it was interrupted."""
    import trio  # noqa: PLC0415 - late: wrong usage and --help don't need it

    from probes.runner.runner import interrupted_finding  # noqa: PLC0415 - late: wrong usage and --help don't need it

    token = trio.lowlevel.current_trio_token()
    with trio.CancelScope() as scope:

        def stop() -> None:
            token.run_sync_soon(scope.cancel, idempotent=True)

        with INTERRUPTS.calling(stop):
            await run.run()
    if INTERRUPTS.received:
        run.add(interrupted_finding())
    return INTERRUPTS.received


#: Options that say where to connect, and with which key. The simulator has both.
_NOT_SIMULATED = ("base_url", "api_key_env", "api_key_file")


def check_simulation(name: str | None, flags: Flags) -> None:
    """Raise UsageError for an unknown scenario, with similar names, or for options that a simulator would ignore."""
    if name is None:
        return
    for ignored in _NOT_SIMULATED:
        if getattr(flags, ignored) is not None:
            option = f"--{ignored.replace('_', '-')}"
            raise UsageError(f"--simulate has a server and a key of its own: it can't be combined with {option}")
    if name == DEFAULT_SCENARIO:
        return
    from bridge.simulator.faults.scenarios import SCENARIOS  # noqa: PLC0415 - late: wrong usage and --help don't need it

    if name not in SCENARIOS:
        near = did_you_mean(name, SCENARIOS)
        raise UsageError(f"--simulate: unknown scenario {name!r}{near}", "To list the scenarios: sherpa-sim list")


def reserve_reports(wanted: Sequence[str]) -> tuple[ReportFile, ...]:
    """Reserve the file of every `FORMAT=PATH`; `-` is stdout.

    Raises UsageError, and leaves no files, if one can't be written.
    """
    files: list[ReportFile] = []
    try:
        for text in wanted:
            format_name, path = parse_report(text)
            if any(file.reserved.path in (path, path.resolve()) for file in files):
                raise UsageError(f"--report: {path} is given twice")  # noqa: TRY301 - the handler discards the files reserved so far
            files.append(ReportFile(format_name, reserve_report(path)))
    except BaseException as error:  # an interrupt too
        for file in files:
            file.reserved.discard()
        if isinstance(error, UsageError | CannotWriteError):
            raise UsageError(str(error)) from None
        raise
    return tuple(files)


def parse_report(text: str) -> tuple[str, Path]:
    """Split `FORMAT=PATH`. Raises UsageError for an unknown format, with similar names."""
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise UsageError(f"--report: {text!r} is not FORMAT=PATH. Example: --report json=report.json")
    if name not in FORMATS:
        raise UsageError(f"--report: unknown format {name!r}{did_you_mean(name, FORMATS)}")
    return name, Path(path)


def _written(files: Sequence[ReportFile], result: CommandResult, secrets: Secrets) -> CommandResult:
    """Write the report files. If one can't be written, a finding says so, also in the files after it."""
    for file in files:
        try:
            file.reserved.write(get_renderer(file.format)(result.report, result.exit_code))
        except CannotWriteError as error:
            # The file was writable at the start; now the disk is full or the folder is gone.
            lost = secrets.redact_finding(CheckRow("probe", "report").problem(REPORT_LOST, headline(str(error))))
            report = replace(result.report, findings=(*result.report.findings, lost))
            result = CommandResult(report, EXIT_INTERRUPTED if result.exit_code == EXIT_INTERRUPTED else EXIT_USAGE)
    return result


__all__ = [
    "CONFIG_ERROR",
    "USAGE_ERROR",
    "CommandResult",
    "ConfigError",
    "ProbeOptions",
    "UsageError",
    "check_simulation",
    "parse_report",
    "redact_keys",
    "reserve_reports",
    "run_command",
    "run_offline",
    "usage_error_result",
]
