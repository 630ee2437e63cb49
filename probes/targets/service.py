"""The target of `access`, `models` and `events`: a service with its URL, key and model.

Made once from the configuration. A probe gets nothing else, so it runs against the real service, a gateway or the
simulator alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from bridge.config.resolve import ConfigError, DialectChoice
from bridge.protocol.dialects.detection import Dialect
from bridge.upstream.dial.base_url import normalize_base_url
from bridge.upstream.dial.tls import shared_tls_context, unused_tls_context
from bridge.upstream.dial.url import ParsedUrl, Proxy, find_proxy, parse_url
from bridge.upstream.rest import UpstreamService, open_rest_client
from reports.model import Evidence

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from bridge.config.resolve import Config
    from probes.runner.redaction import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTarget:
    """The service that a run checks: its settings, how to reach it, and the secrets to hide."""

    config: Config
    upstream: UpstreamService
    secrets: Secrets
    """All secrets of the run; add every secret that a check mints or receives."""
    endpoint: ParsedUrl
    """The base URL, parsed."""
    proxy: Proxy | None = None
    """The proxy that the environment names for this URL."""
    proxy_name: str = ""
    """The proxy's address and the variable that names it; empty without a proxy."""
    proxy_variable: str = ""
    """The variable that names the proxy; empty without a proxy."""
    url_notes: tuple[str, ...] = ()
    """What was corrected in the base URL."""
    scenario: str = ""
    """Name of the simulator's scenario; empty for a real target."""
    ssl_context: ssl.SSLContext | None = None
    on_progress: Callable[[str], None] = lambda _: None
    """Called with the name of each check before it runs."""

    @property
    def model(self) -> str:
        """The name of the model or, on Azure, of the deployment."""
        return self.config.model.value

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is doubtful about the settings, one sentence each. They become findings before the first check."""
        return self.config.warnings

    @property
    def timeout(self) -> float:
        """Seconds to wait for each response."""
        return self.config.timeout.value

    @property
    def dialect(self) -> Dialect:
        """The dialect to request, GA unless the settings name another."""
        return self.upstream.dialect

    @property
    def host(self) -> str:
        """The host of the base URL."""
        return self.endpoint.host

    def open_client(self) -> httpx.AsyncClient:
        """Return a new client for REST calls, which the caller closes. Calls to the simulator use no proxy."""
        if not self.scenario:
            return open_rest_client(self.upstream, ssl_context=self.ssl_context)
        headers = list(self.upstream.rest_headers())
        verify = shared_tls_context() if self.endpoint.secure else unused_tls_context()
        return httpx.AsyncClient(headers=headers, verify=verify, timeout=None, trust_env=False)  # noqa: S113 - the checks bound each call

    def describe(self) -> tuple[Evidence, ...]:
        """Describe the target for the head of a report: URL, model and key."""
        config = self.config
        parts = [Evidence("base URL", self.upstream.base_url), Evidence("model", self.model)]
        if self.scenario:
            return (*parts, Evidence("service", f"simulated: {self.scenario}"))
        if config.dialect.value is not DialectChoice.AUTO:
            parts.append(Evidence("dialect", f"dialect {config.dialect.value}"))
        if config.api_key.value is not None:
            parts.append(Evidence("key", f"key {config.api_key.value.hint} ({config.api_key.source})"))
        return tuple(parts)


def make_service_target(
    config: Config,
    environment: Mapping[str, str],
    *,
    secrets: Secrets,
    on_progress: Callable[[str], None] = lambda _: None,
    ssl_context: ssl.SSLContext | None = None,
    scenario: str = "",
) -> ServiceTarget:
    """Make the target from the configuration. Raises ConfigError for a missing key, or an invalid URL or proxy."""
    if config.api_key.value is None:
        raise ConfigError("no key: the probe needs one")
    azure = None if config.azure.source == "default" else config.azure.value
    if azure and config.base_url.source == "default":  # never send an Azure key to the public API
        raise ConfigError(f"{config.azure.source}: also set --base-url https://RESOURCE.openai.azure.com")
    dialect = Dialect.BETA if config.dialect.value is DialectChoice.BETA else Dialect.GA
    try:
        base = normalize_base_url(config.base_url.value, azure=azure, dialect=dialect)
        endpoint = parse_url(base.url)
    except ValueError as error:
        raise ConfigError(f"{config.base_url.source}: {error}") from None
    try:
        proxy = find_proxy(endpoint, environment)
    except ValueError as error:
        raise ConfigError(f"{proxy_variable(endpoint, environment)}: {error}") from None
    if proxy is not None and proxy.authorization is not None:
        secrets.add(proxy.authorization)
    upstream = UpstreamService(
        base_url=base.url,
        api_key=config.api_key.value,
        organization=config.organization.value,
        project=config.project.value,
        azure=base.azure,
        dialect=dialect,
        headers=config.headers.value,
    )
    return ServiceTarget(
        config=config,
        upstream=upstream,
        endpoint=endpoint,
        proxy=proxy,
        proxy_name=f"{proxy.address} of {proxy_variable(endpoint, environment)}" if proxy else "",
        proxy_variable=proxy_variable(endpoint, environment) if proxy else "",
        url_notes=base.notes,
        secrets=secrets,
        scenario=scenario,
        ssl_context=ssl_context,
        on_progress=on_progress,
    )


def proxy_variable(endpoint: ParsedUrl, environment: Mapping[str, str]) -> str:
    """Return the variable that names the proxy for an endpoint, in the upper or lower case that the environment has."""
    own = "https_proxy" if endpoint.secure else "http_proxy"
    spelled = (own, own.upper(), "all_proxy", "ALL_PROXY")
    return next((name for name in spelled if environment.get(name, "").strip()), own.upper())
