"""Base URLs: what users write becomes the one form that paths are appended to. Text only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlunsplit

from bridge.protocol.dialects.detection import Dialect
from bridge.upstream.dial.url import parse_url, split_url

#: Hosts that are Azure. For a gateway in front of Azure, use `--azure`.
_AZURE_HOSTS = (".openai.azure.com", ".openai.azure.us", ".cognitiveservices.azure.com", ".services.ai.azure.com")
#: Paths that users append to the host of an Azure resource. They are cut to find the resource's root.
_AZURE_TAILS = ("/openai/v1/realtime", "/openai/v1", "/openai/realtime", "/openai", "/v1")
_WEB_SCHEME = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A normalized base URL, and what was changed."""

    url: str
    """`http(s)://host[:port]/path` without a slash at the end. The path is `/v1` if none was given."""
    azure: bool
    notes: tuple[str, ...] = ()
    """One sentence per change."""


def is_azure_host(host: str) -> bool:
    """Whether the host is Azure's."""
    return host.lower().endswith(_AZURE_HOSTS)


def normalize_base_url(text: str, *, azure: bool | None = None, dialect: Dialect = Dialect.GA) -> BaseUrl:
    """Normalize a base URL. `azure` None lets the host decide.

    An empty path becomes `/v1`; other paths stay. Azure's becomes `/openai/v1` (in the beta dialect `/openai`), unless
    a gateway's own path ends in `/v1`. ws and wss become http and https. ValueError, with a message that names the fix,
    for anything that is not the URL of a server.
    """
    parse_url(text)  # says what is wrong with it
    parts = split_url(text)
    if parts.query:
        raise ValueError("a base URL has no '?': leave out model, api-version and keys")
    scheme = _WEB_SCHEME[parts.scheme]
    notes = (f"{parts.scheme}:// was read as {scheme}://",) if scheme != parts.scheme else ()
    if azure is None:
        azure = is_azure_host(parts.hostname or "")
    own = has_gateway_path(parts.path.rstrip("/")) and not is_azure_host(parts.hostname or "")
    path, note = _azure_path(parts.path, dialect, own=own) if azure else _path(parts.path)
    url = urlunsplit((scheme, parts.netloc.lower(), path, "", ""))
    return BaseUrl(url, azure, (*notes, *note))


def _path(path: str) -> tuple[str, tuple[str, ...]]:
    path = path.rstrip("/")
    if not path:
        return "/v1", ("/v1 was appended",)
    if path.endswith("/v1/realtime"):
        return path.removesuffix("/realtime"), ("/realtime was removed: it belongs to the WebSocket path",)
    return path, ()


def _azure_path(path: str, dialect: Dialect, *, own: bool) -> tuple[str, tuple[str, ...]]:
    path = path.rstrip("/")
    if own:
        return path, (f"the path {path} was kept as the gateway's, without Azure's /openai/v1",)
    azure_path = strip_azure_path(path) + ("/openai" if dialect is Dialect.BETA else "/openai/v1")
    return azure_path, () if azure_path == path else (f"the path was changed to {azure_path}",)


def has_gateway_path(url_or_path: str) -> bool:
    """Whether a gateway in front of Azure has a complete path of its own: it ends in `/v1`, but not in Azure's path."""
    return url_or_path.endswith("/v1") and not url_or_path.endswith("/openai/v1")


def strip_azure_path(url_or_path: str) -> str:
    """Cut Azure's API path from a URL or path, so that another one can be appended."""
    for tail in _AZURE_TAILS:
        if url_or_path.endswith(tail):
            return url_or_path.removesuffix(tail)
    return url_or_path
