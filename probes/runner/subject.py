"""What a command looks at, and how it comes to it: an upstream, a bridge, both, or nothing but files.

An opening says what it needs (settings, a key) and makes the subject from them; `probes.runner.command` does the rest
alike for all. What is wrong with the settings shows while an opening prepares, before anything is sent.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from bridge.config.resolve import Config
    from probes.runner.findings import ProbeItem
    from probes.runner.redaction import Secrets
    from reports.model import Evidence


class Subject(Protocol):
    """As much of what is looked at as a run has to know."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was tolerated in the settings, in plain words."""
        ...

    def describe(self) -> tuple[Evidence, ...]:
        """Name it for the head of a report."""
        ...


S = TypeVar("S", bound=Subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenerInput:
    """What an opening makes its subject from."""

    config: Config
    environment: Mapping[str, str]
    secrets: Secrets
    on_progress: Callable[[str], None]
    scenario: str | None
    """The embedded simulator's; None for the real thing."""


@dataclass(frozen=True, slots=True)
class SubjectOpener(Generic[S]):
    """How to come to a subject. `prepare` raises ConfigError or UsageError, before anything is sent."""

    prepare: Callable[[OpenerInput], Callable[[], AbstractAsyncContextManager[S]]]
    needs_key: bool = True


@dataclass(frozen=True, slots=True)
class FileSubject:
    """Nothing but files: no settings are read, nothing is connected to."""

    evidence: tuple[Evidence, ...] = ()
    warnings: tuple[str, ...] = ()

    def describe(self) -> tuple[Evidence, ...]:
        """Name the files."""
        return self.evidence

    def open(self) -> AbstractAsyncContextManager[FileSubject]:
        """Give itself: there is nothing to open."""
        return nullcontext(self)


def ignore_subject(
    told: Callable[[], AsyncGenerator[ProbeItem, None]],
) -> Callable[[FileSubject], AsyncGenerator[ProbeItem, None]]:
    """Make a look of what needs no subject but its own arguments."""
    return lambda _: told()
