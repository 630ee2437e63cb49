"""The subject of a command, which is a service, a bridge, both, or files, and how to open it.

An opener says whether it needs a key, and makes the subject from the settings; `probes.runner.command` does the rest
for all commands. Openers check the settings in `prepare`, before anything is sent.
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
    """What a run needs to know about its subject."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is doubtful about the settings, one sentence each. They become findings before the first check."""
        ...

    def describe(self) -> tuple[Evidence, ...]:
        """Describe the subject for the head of a report."""
        ...


S = TypeVar("S", bound=Subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenerInput:
    """What an opener makes its subject from."""

    config: Config
    environment: Mapping[str, str]
    secrets: Secrets
    on_progress: Callable[[str], None]
    scenario: str | None
    """The scenario of the embedded simulator; None for a real service."""


@dataclass(frozen=True, slots=True)
class SubjectOpener(Generic[S]):
    """Opens a subject. `prepare` checks the settings and returns a function that opens it.

    `prepare` raises ConfigError or UsageError, and sends nothing.
    """

    prepare: Callable[[OpenerInput], Callable[[], AbstractAsyncContextManager[S]]]
    needs_key: bool = True


@dataclass(frozen=True, slots=True)
class FileSubject:
    """Files as a subject: the command reads no settings and opens no connection."""

    evidence: tuple[Evidence, ...] = ()
    warnings: tuple[str, ...] = ()

    def describe(self) -> tuple[Evidence, ...]:
        """Return `evidence`, which names the files for the head of a report."""
        return self.evidence

    def open(self) -> AbstractAsyncContextManager[FileSubject]:
        """Return itself; there is nothing to open."""
        return nullcontext(self)


def ignore_subject(
    probe: Callable[[], AsyncGenerator[ProbeItem, None]],
) -> Callable[[FileSubject], AsyncGenerator[ProbeItem, None]]:
    """Make a probe from a function that already has its arguments and needs no subject."""
    return lambda _: probe()
