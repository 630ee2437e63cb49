"""What people write as a base URL, made into the one form that paths hang under. Pure text work."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlunsplit

from bridge.protocol.dialects.detection import Dialect
from bridge.upstream.dial.url import parse_url, split_url

#: Hosts that speak Azure's form without being told (`--azure` says it for gateways in front of them).
_AZURE_HOSTS = (".openai.azure.com", ".openai.azure.us", ".cognitiveservices.azure.com", ".services.ai.azure.com")
#: What people append to an Azure resource's host; where it ends, the resource's own root begins.
_AZURE_TAILS = ("/openai/v1/realtime", "/openai/v1", "/openai/realtime", "/openai", "/v1")
_WEB_SCHEME = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A base URL in the form used here, and what was done to get there."""

    url: str
    """`http(s)://host[:port]/path` without a slash at the end; `/v1` where no path was given."""
    azure: bool
    notes: tuple[str, ...] = ()
    """A plain sentence for each thing that was mended."""


def is_azure_host(host: str) -> bool:
    """Whether the host is one of Azure's own."""
    return host.lower().endswith(_AZURE_HOSTS)


def normalize_base_url(text: str, *, azure: bool | None = None, dialect: Dialect = Dialect.GA) -> BaseUrl:
    """Bring a base URL into form. `azure` None lets the host decide.

    An empty path becomes `/v1`; any other stays. For Azure it gets `/openai/v1` (in the beta dialect `/openai`), unless
    a gateway's own ends in `/v1`. ws and wss become http and https. ValueError, in plain words naming the fix, for what
    is no URL of a server.
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
        return path.removesuffix("/realtime"), ("/realtime was taken off: it belongs to the socket's path",)
    return path, ()


def _azure_path(path: str, dialect: Dialect, *, own: bool) -> tuple[str, tuple[str, ...]]:
    path = path.rstrip("/")
    if own:
        return path, (f"the path {path} was kept as the gateway's own, without Azure's /openai/v1",)
    wanted = strip_azure_path(path) + ("/openai" if dialect is Dialect.BETA else "/openai/v1")
    return wanted, () if wanted == path else (f"the path was made {wanted}",)


def has_gateway_path(url_or_path: str) -> bool:
    """Whether a gateway in front of Azure has a whole path of its own: it ends in a version that is not Azure's."""
    return url_or_path.endswith("/v1") and not url_or_path.endswith("/openai/v1")


def strip_azure_path(url_or_path: str) -> str:
    """Cut the tail that Azure's API adds, so that a full path can be put behind it."""
    for tail in _AZURE_TAILS:
        if url_or_path.endswith(tail):
            return url_or_path.removesuffix(tail)
    return url_or_path
