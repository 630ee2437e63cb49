"""Opens the client that a recording is replayed to: an address to listen at."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from probes.replay.probe import ClientTarget
from probes.runner.subject import OpenerInput, SubjectOpener
from probes.runner.usage import UsageError
from probes.watch.http import parse_listen

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager


def client_opener(listen: str) -> SubjectOpener[ClientTarget]:
    """Return the opener of a client at this `HOST:PORT`. Raises UsageError when it is prepared."""

    def prepare(opener_input: OpenerInput) -> Callable[[], AbstractAsyncContextManager[ClientTarget]]:
        if opener_input.scenario is not None:
            raise UsageError("--simulate has no client: it can't be combined with --listen")
        target = ClientTarget(
            listen=parse_listen(listen),
            timeout=opener_input.config.timeout.value,
            secrets=opener_input.secrets,
            on_progress=opener_input.on_progress,
        )
        return lambda: nullcontext(target)

    return SubjectOpener(prepare, needs_key=False)
