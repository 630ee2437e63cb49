"""The upstream service as a value: its URLs and request headers. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bridge.protocol.dialects.detection import (
    DIALECTS,
    AzureFacts,
    Dialect,
    SessionKind,
    SessionKindFacts,
    socket_query,
)
from bridge.upstream.dial.base_url import has_gateway_path, normalize_base_url, strip_azure_path

if TYPE_CHECKING:
    from bridge.transport.link import Headers
    from reports.redaction import Secret

#: Prefixes of what Azure accepts as a bearer token: an Entra ID token (a JSON Web Token) and a client secret. A key has
#: its own header. Azure documents secrets for WebRTC; that WebSockets accept them too is inferred.
_BEARERS = ("eyJ", "ek_")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamService:
    """Where the service is, and our credentials. Make it with `make_upstream`, which normalizes the URL."""

    base_url: str
    """As returned by `normalize_base_url`."""
    api_key: Secret
    organization: str | None = None
    project: str | None = None
    azure: bool = False
    dialect: Dialect = Dialect.GA
    headers: Headers = ()
    """Sent with every request, after our own headers."""
    api_version: str | None = None
    """Azure only; None means the dialect's default."""

    def with_key(self, api_key: Secret) -> UpstreamService:
        """Return the same upstream with another key, such as a client secret."""
        return replace(self, api_key=api_key)

    def auth_headers(self) -> Headers:
        """Return the header with the key, empty without a key. The key is readable: never log it."""
        key = self.api_key.reveal()
        if not key:
            return ()
        if self.azure and not key.startswith(_BEARERS):
            return (("api-key", key),)
        return (("Authorization", f"Bearer {key}"),)

    def rest_headers(self) -> Headers:
        """Return the headers of a REST call, including the key."""
        named = (("OpenAI-Organization", self.organization), ("OpenAI-Project", self.project))
        return (*self.auth_headers(), *((name, value) for name, value in named if value), *self.headers)

    def socket_headers(self) -> Headers:
        """Return the headers of the upgrade, including the key; the beta dialect adds its own."""
        extra = DIALECTS[self.dialect].header
        return (*self.rest_headers(), *((extra,) if extra else ()))

    def socket_url(self, model: str, kind: SessionKind = SessionKind.CONVERSATION) -> str:
        """Return the WebSocket URL; on Azure, `model` is a deployment. ValueError for a kind that the dialect lacks."""
        facts, azure = self._facts(kind), self._azure_facts()
        query = socket_query(self.dialect, kind, model)
        if azure is None:
            return _with_query(f"{self._socket_base}{facts.socket_path}", query)
        if azure.model_parameter != "model":  # the beta on Azure needs the deployment even with an intent
            query = (*((name, value) for name, value in query if name != "model"), (azure.model_parameter, model))
        path = azure.socket_path + facts.socket_path.removeprefix("/realtime")
        return _with_query(f"{strip_azure_path(self._socket_base)}{path}", (*self._version(azure), *query))

    def mint_url(self, kind: SessionKind = SessionKind.CONVERSATION) -> str:
        """Return the URL that mints client secrets. ValueError for a kind that the dialect lacks."""
        facts, azure = self._facts(kind), self._azure_facts()
        if azure is None:
            return f"{self.base_url}{facts.mint_path}"
        path = azure.mint_path
        if kind is SessionKind.TRANSLATION:
            path = path.replace("/realtime/", "/realtime/translations/")
        return _with_query(f"{strip_azure_path(self.base_url)}{path}", self._version(azure))

    def models_url(self) -> str:
        """Return the URL that lists models."""
        azure = self._azure_facts()
        return _with_query(f"{self.base_url}/models", self._version(azure) if azure else ())

    @property
    def _socket_base(self) -> str:
        return f"ws{self.base_url.removeprefix('http')}"

    def _facts(self, kind: SessionKind) -> SessionKindFacts:
        try:
            return DIALECTS[self.dialect].kinds[kind]
        except KeyError:
            raise ValueError(f"the {self.dialect} dialect has no {kind} sessions") from None

    def _azure_facts(self) -> AzureFacts | None:
        return DIALECTS[self.dialect].azure if self.azure and not has_gateway_path(self.base_url) else None

    def _version(self, azure: AzureFacts) -> tuple[tuple[str, str], ...]:
        version = self.api_version or azure.api_version
        return (("api-version", version),) if version else ()


def make_upstream(
    base_url: str,
    api_key: Secret,
    *,
    organization: str | None = None,
    project: str | None = None,
    azure: bool | None = None,
    dialect: Dialect = Dialect.GA,
    headers: Headers = (),
    api_version: str | None = None,
) -> UpstreamService:
    """Make an upstream from a base URL as users write it; `azure` None lets the host decide.

    ValueError, with a message for the user, if the URL cannot be used.
    """
    base = normalize_base_url(base_url, azure=azure, dialect=dialect)
    return UpstreamService(
        base_url=base.url,
        api_key=api_key,
        organization=organization,
        project=project,
        azure=base.azure,
        dialect=dialect,
        headers=headers,
        api_version=api_version,
    )


def _with_query(url: str, query: tuple[tuple[str, str], ...]) -> str:
    return f"{url}?{urlencode(query)}" if query else url
