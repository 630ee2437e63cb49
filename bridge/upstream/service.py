"""The upstream as a value: its addresses and the headers we introduce ourselves with. No I/O."""

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

#: What Azure takes as a bearer, by its start: an Entra ID token (a JSON Web Token) and a minted secret. A key has a
#: header of its own. Secrets are documented there for WebRTC; that the socket takes them alike is inferred.
_BEARERS = ("eyJ", "ek_")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamService:
    """Where the service is and how we introduce ourselves. Make it with `upstream_at`, which mends the URL."""

    base_url: str
    """As `normalize_base_url` gives it."""
    api_key: Secret
    organization: str | None = None
    project: str | None = None
    azure: bool = False
    dialect: Dialect = Dialect.GA
    headers: Headers = ()
    """Sent with everything, after our own."""
    api_version: str | None = None
    """Azure only; None takes the dialect's own."""

    def with_key(self, api_key: Secret) -> UpstreamService:
        """Give the same upstream for another key, such as a minted secret."""
        return replace(self, api_key=api_key)

    def auth_headers(self) -> Headers:
        """Give the header that carries the key. It is in the clear: never log it."""
        key = self.api_key.reveal()
        if not key:
            return ()
        if self.azure and not key.startswith(_BEARERS):
            return (("api-key", key),)
        return (("Authorization", f"Bearer {key}"),)

    def rest_headers(self) -> Headers:
        """Give the headers of a REST call, key included."""
        named = (("OpenAI-Organization", self.organization), ("OpenAI-Project", self.project))
        return (*self.auth_headers(), *((name, value) for name, value in named if value), *self.headers)

    def socket_headers(self) -> Headers:
        """Give the headers of the upgrade, key included; the beta dialect adds its own."""
        extra = DIALECTS[self.dialect].header
        return (*self.rest_headers(), *((extra,) if extra else ()))

    def socket_url(self, model: str, kind: SessionKind = SessionKind.CONVERSATION) -> str:
        """Give the socket's URL; `model` is the deployment's name on Azure. ValueError for a kind the dialect lacks."""
        facts, azure = self._facts(kind), self._azure_facts()
        query = socket_query(self.dialect, kind, model)
        if azure is None:
            return _with_query(f"{self._socket_base}{facts.socket_path}", query)
        if azure.model_parameter != "model":  # the deployment is named even where there is an intent
            query = (*((name, value) for name, value in query if name != "model"), (azure.model_parameter, model))
        path = azure.socket_path + facts.socket_path.removeprefix("/realtime")
        return _with_query(f"{strip_azure_path(self._socket_base)}{path}", (*self._version(azure), *query))

    def mint_url(self, kind: SessionKind = SessionKind.CONVERSATION) -> str:
        """Give the URL that mints client secrets. ValueError for a kind the dialect lacks."""
        facts, azure = self._facts(kind), self._azure_facts()
        if azure is None:
            return f"{self.base_url}{facts.mint_path}"
        path = azure.mint_path
        if kind is SessionKind.TRANSLATION:
            path = path.replace("/realtime/", "/realtime/translations/")
        return _with_query(f"{strip_azure_path(self.base_url)}{path}", self._version(azure))

    def models_url(self) -> str:
        """Give the URL that lists models."""
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
    """Make an upstream from what people write; `azure` None lets the host decide. ValueError in plain words."""
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
