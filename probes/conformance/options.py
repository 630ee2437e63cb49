"""What a run of the suite is asked to do: one frozen value, checked before anything is started."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probes.conformance.cases.r_recording import recording_case, unplayable
from probes.conformance.profile import Profile, ProfileError, load_profile
from probes.conformance.registry import CASES
from probes.conformance.selection import ExpectedFailure, SelectionError, not_scored, read_expected_failures, select
from probes.conformance.tested.bridges import BridgeAddress, StartCommand, parse_address, parse_listen, start_command
from probes.conformance.tested.reference import reference_bridge
from probes.recording.capture import read_capture
from probes.runner.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from probes.conformance.case import Case

#: Lanes of bridges that the suite starts: each mostly waits, so two cores run four of them.
DEFAULT_JOBS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceFlags:
    """The options as they were typed."""

    bridge: str | None = None
    listen: str | None = None
    start: str | None = None
    reference: bool = False
    profile: str | None = None
    cases: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    requirements: str | None = None
    expected_failures: Path | None = None
    jobs: int | None = None
    label: str | None = None
    client_token_env: str | None = None
    recording: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformancePlan:
    """What to run."""

    bridge: BridgeAddress | StartCommand
    listen: tuple[str, int] = ("127.0.0.1", 0)
    profile: Profile
    cases: tuple[Case, ...]
    jobs: int = 1
    label: str
    repeat: str
    """The command that runs it again, without `--case`."""
    not_scored: Mapping[str, str] = field(default_factory=dict)
    expected_failures: Mapping[str, ExpectedFailure] = field(default_factory=dict)


def make_plan(flags: ConformanceFlags) -> ConformancePlan:
    """Check the options. Raises UsageError."""
    try:
        profile = load_profile(flags.profile)
        known = known_cases(flags)
        cases = select(known, flags.cases, flags.exclude, profile.groups)
        unscored = not_scored(cases, flags.requirements)
        expected = read_expected_failures(flags.expected_failures, known) if flags.expected_failures else {}
        bridge = _bridge(flags)
        listen = parse_listen(flags.listen) if flags.listen else ("127.0.0.1", 0)
    except (ProfileError, SelectionError, ValueError) as error:
        raise UsageError(str(error)) from None
    if isinstance(bridge, BridgeAddress) and flags.jobs not in (None, 1):
        raise UsageError("--jobs: one bridge runs one case at a time; with --start the suite starts several")
    return ConformancePlan(
        bridge=bridge,
        listen=listen,
        profile=profile,
        cases=cases,
        jobs=1 if isinstance(bridge, BridgeAddress) else min(flags.jobs or DEFAULT_JOBS, len(cases)),
        label=flags.label or (bridge.label if isinstance(bridge, StartCommand) else bridge.authority),
        repeat=_repeat(flags),
        not_scored=unscored,
        expected_failures=expected,
    )


def known_cases(flags: ConformanceFlags) -> tuple[Case, ...]:
    """Return all cases, with that of the recording if there is one. Raises UsageError if it can't be played."""
    if flags.recording is None:
        return CASES
    recording = read_capture(flags.recording)
    why = unplayable(recording)
    if why:
        raise UsageError(f"--recording: {flags.recording} can't be played: {why}")
    return (*CASES, recording_case(recording, flags.recording.name))


def _bridge(flags: ConformanceFlags) -> BridgeAddress | StartCommand:
    given = [name for name in ("bridge", "start", "reference") if getattr(flags, name)]
    if len(given) != 1:
        what = "no bridge to test" if not given else f"--{given[0]} and --{given[1]} exclude each other"
        raise UsageError(
            f"{what}: pass --start 'COMMAND', or --bridge URL with --listen HOST:PORT, or --reference for the bridge "
            "of this toolkit"
        )
    if flags.bridge is None:
        if flags.listen is not None:
            raise UsageError(
                "--listen is for --bridge: a bridge that the suite starts gets its upstream from the suite"
            )
        return reference_bridge() if flags.reference else start_command(flags.start or "")
    if flags.listen is None:
        raise UsageError(
            "--bridge needs --listen HOST:PORT: the suite is the bridge's upstream and listens there. Start the bridge "
            "with OPENAI_BASE_URL=http://HOST:PORT/v1"
        )
    return parse_address(flags.bridge)


def _repeat(flags: ConformanceFlags) -> str:
    words = ["sherpa-probe", "conformance"]
    if flags.reference:
        words.append("--reference")
    for name in ("start", "bridge", "listen", "profile", "client_token_env"):
        value = getattr(flags, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", value]
    if flags.recording is not None:
        words += ["--recording", str(flags.recording)]
    return shlex.join(words)
