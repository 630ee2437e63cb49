"""The ways to what online commands look at: the service, a bridge, or both; the real ones or those embedded here."""

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
    """A service and, where one was named, the bridge before it."""

    target: ServiceTarget
    bridge: BridgeTarget | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was tolerated in the settings."""
        return self.target.warnings

    def describe(self) -> tuple[Evidence, ...]:
        """Name both."""
        return (*self.target.describe(), *(self.bridge.describe()[:1] if self.bridge else ()))


def service_opener() -> SubjectOpener[ServiceTarget]:
    """Look at the service that the settings name, or at the embedded simulator."""
    return SubjectOpener(_service)


def bridge_opener(url: str | None, token_variable: str | None) -> SubjectOpener[BridgeTarget]:
    """Look at a bridge; with `--simulate` at the reference bridge before the simulator, both embedded."""
    return SubjectOpener(lambda given: _bridge(given, url, token_variable), needs_key=False)


def service_and_bridge_opener(url: str | None, token_variable: str | None) -> SubjectOpener[ServiceAndBridge]:
    """Look at the service, and at the bridge where one is named."""
    return SubjectOpener(lambda given: _both(given, url, token_variable))


def _service(given: OpenerInput) -> Callable[[], AbstractAsyncContextManager[ServiceTarget]]:
    if given.scenario is not None:
        from probes.targets.simulator import open_simulated_target  # noqa: PLC0415 - costs the simulator

        return partial(
            open_simulated_target, given.scenario, given.config, secrets=given.secrets, on_progress=given.on_progress
        )
    from probes.targets.service import make_service_target  # noqa: PLC0415 - costs httpx, which bridges go without

    target = make_service_target(given.config, given.environment, secrets=given.secrets, on_progress=given.on_progress)
    return lambda: nullcontext(target)


def _bridge(
    given: OpenerInput, url: str | None, token_variable: str | None
) -> Callable[[], AbstractAsyncContextManager[BridgeTarget]]:
    if url is None and given.scenario is not None:
        from probes.targets.simulated_bridge import open_simulated_bridge  # noqa: PLC0415 - costs bridge and simulator

        return partial(
            open_simulated_bridge, given.scenario, given.config, secrets=given.secrets, on_progress=given.on_progress
        )
    if url is None:
        raise UsageError("which bridge? Name it with --url URL, or try the embedded one: --simulate")
    from probes.targets.bridge import make_bridge_target  # noqa: PLC0415 - only what is used is paid for

    token = _token(given, token_variable)
    target = make_bridge_target(
        url, token, given.config, secrets=given.secrets, on_progress=given.on_progress, environment=given.environment
    )
    return lambda: nullcontext(target)


def _both(
    given: OpenerInput, url: str | None, token_variable: str | None
) -> Callable[[], AbstractAsyncContextManager[ServiceAndBridge]]:
    open_service = _service(given)
    open_bridge = _bridge(given, url, token_variable) if url else None

    @asynccontextmanager
    async def opened() -> AsyncGenerator[ServiceAndBridge, None]:
        async with AsyncExitStack() as stack:
            target = await stack.enter_async_context(open_service())
            yield ServiceAndBridge(target, await stack.enter_async_context(open_bridge()) if open_bridge else None)

    return opened


def _token(given: OpenerInput, variable: str | None) -> Secret | None:
    if variable is None:
        return None
    if looks_like_key(variable, given.environment):
        raise UsageError("--client-token-env names the variable that holds the token; a token is never typed")
    found = key_from_environment(variable, given.environment)
    if found is None:
        raise UsageError(f"--client-token-env: the environment variable {variable} is not set")
    given.secrets.add(found.secret)
    return found.secret
