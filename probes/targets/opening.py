"""Openers for the targets of online commands: a service, a bridge or both, real or embedded."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bridge.config.api_key import key_from_environment, looks_like_key
from probes.runner.subject import OpenerInput, SubjectOpener
from probes.runner.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from probes.targets.bridge import BridgeTarget
    from probes.targets.service import ServiceTarget
    from reports.model import Evidence
    from reports.redaction import Secret


@dataclass(frozen=True, slots=True)
class ServiceAndBridge:
    """A service and, if one is named, the bridge in front of it."""

    target: ServiceTarget
    bridge: BridgeTarget | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings about the service's settings; a bridge has none."""
        return self.target.warnings

    def describe(self) -> tuple[Evidence, ...]:
        """Describe both for the head of a report."""
        return (*self.target.describe(), *(self.bridge.describe()[:1] if self.bridge else ()))


def service_opener() -> SubjectOpener[ServiceTarget]:
    """Return the opener of the service that the settings name or, with `--simulate`, of the embedded simulator."""
    return SubjectOpener(_service)


def bridge_opener(url: str | None, token_variable: str | None) -> SubjectOpener[BridgeTarget]:
    """Return the opener of a bridge. With `--simulate` it is the embedded reference bridge, and there is no URL."""

    def prepare(opener_input: OpenerInput) -> Callable[[], AbstractAsyncContextManager[BridgeTarget]]:
        if url is not None and opener_input.scenario is not None:
            raise UsageError("--simulate starts a bridge of its own: it can't be combined with a bridge's URL")
        return _bridge(opener_input, url, token_variable)

    return SubjectOpener(prepare, needs_key=False)


def service_and_bridge_opener(url: str | None, token_variable: str | None) -> SubjectOpener[ServiceAndBridge]:
    """Return the opener of the service and, if a URL is given, of the bridge."""
    return SubjectOpener(lambda opener_input: _both(opener_input, url, token_variable))


def _service(opener_input: OpenerInput) -> Callable[[], AbstractAsyncContextManager[ServiceTarget]]:
    if opener_input.scenario is not None:
        from probes.targets.simulator import open_simulated_target  # noqa: PLC0415 - imports the simulator

        return partial(
            open_simulated_target,
            opener_input.scenario,
            opener_input.config,
            secrets=opener_input.secrets,
            on_progress=opener_input.on_progress,
        )
    from probes.targets.service import make_service_target  # noqa: PLC0415 - imports httpx, which bridges don't need

    target = make_service_target(
        opener_input.config,
        opener_input.environment,
        secrets=opener_input.secrets,
        on_progress=opener_input.on_progress,
    )
    return lambda: nullcontext(target)


def _bridge(
    opener_input: OpenerInput, url: str | None, token_variable: str | None
) -> Callable[[], AbstractAsyncContextManager[BridgeTarget]]:
    if url is None and opener_input.scenario is not None:
        from probes.targets.simulated_bridge import open_simulated_bridge  # noqa: PLC0415 - imports bridge and simulator

        return partial(
            open_simulated_bridge,
            opener_input.scenario,
            opener_input.config,
            secrets=opener_input.secrets,
            on_progress=opener_input.on_progress,
        )
    if url is None:
        raise UsageError("no bridge to check: pass its URL with --url, or use --simulate for the reference bridge")
    from probes.targets.bridge import make_bridge_target  # noqa: PLC0415 - imported only if used

    token = client_token(opener_input, token_variable)
    target = make_bridge_target(
        url,
        token,
        opener_input.config,
        secrets=opener_input.secrets,
        on_progress=opener_input.on_progress,
        environment=opener_input.environment,
    )
    return lambda: nullcontext(target)


def _both(
    opener_input: OpenerInput, url: str | None, token_variable: str | None
) -> Callable[[], AbstractAsyncContextManager[ServiceAndBridge]]:
    open_service = _service(opener_input)
    open_bridge = _bridge(opener_input, url, token_variable) if url else None

    @asynccontextmanager
    async def opened() -> AsyncGenerator[ServiceAndBridge, None]:
        async with AsyncExitStack() as stack:
            target = await stack.enter_async_context(open_service())
            yield ServiceAndBridge(target, await stack.enter_async_context(open_bridge()) if open_bridge else None)

    return opened


def client_token(opener_input: OpenerInput, variable: str | None) -> Secret | None:
    """Return the client token of `--client-token-env`; None without that option. Raises UsageError."""
    if variable is None:
        return None
    if looks_like_key(variable, opener_input.environment):
        raise UsageError("--client-token-env takes the name of the variable that holds the token, not the token itself")
    found = key_from_environment(variable, opener_input.environment)
    if found is None:
        raise UsageError(f"--client-token-env: the environment variable {variable} is not set")
    opener_input.secrets.add(found.secret)
    return found.secret
