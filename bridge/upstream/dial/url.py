"""URLs as values, and the proxy that the environment names. Nothing is opened or looked up."""

from __future__ import annotations

import ipaddress
from base64 import b64encode
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urlsplit

from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}
_SECURE = frozenset({"wss", "https"})
#: Characters that are not percent-encoded in a target (RFC 3986 2.2, 2.3), and the percent sign of encoded ones.
_TARGET_SAFE = "/?:@!$&'()*+,;=-._~%[]"


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """The parts of a URL. `host` has no brackets; `target` goes on the request line."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def secure(self) -> bool:
        """Whether the scheme uses TLS."""
        return self.scheme in _SECURE

    @property
    def address(self) -> str:
        """Host and port, always both: `api.openai.com:443`, `[::1]:8766`."""
        return f"{self._bracketed}:{self.port}"

    @property
    def authority(self) -> str:
        """Host, and the port unless it is the scheme's default: the value of the Host header."""
        return self._bracketed if self.port == _PORTS[self.scheme] else self.address

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. `authorization` is the value of Proxy-Authorization."""

    host: str
    port: int
    authorization: Secret | None = None

    @property
    def address(self) -> str:
        """Host and port, without credentials."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_url(url: str) -> ParsedUrl:
    """Parse a ws, wss, http or https URL. ValueError, whose message never repeats credentials, if it is invalid."""
    parts = split_url(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("this URL may not have a user name or password: use the key options")
    if parts.fragment:
        raise ValueError("this URL may not have a part after '#'")
    target = quote(parts.path or "/", safe=_TARGET_SAFE)
    if parts.query:
        target = f"{target}?{quote(parts.query, safe=_TARGET_SAFE)}"
    host, port = _host_and_port(parts)
    return ParsedUrl(parts.scheme, host, port if port is not None else _PORTS[parts.scheme], target)


def split_url(url: str) -> SplitResult:
    """Split a URL with a known scheme and a host. The message of a ValueError says what to write instead."""
    url = url.strip()
    scheme, colon, rest = url.partition("://")
    if not colon:
        raise ValueError(_no_scheme(url))
    if scheme.lower() not in _PORTS:
        near = get_close_matches(scheme.lower(), _PORTS, n=1)
        raise ValueError(f"unknown scheme {scheme[:20]!r}: write {near[0] if near else 'https'}://")
    if any(mark.isspace() or not mark.isprintable() for mark in rest):
        raise ValueError("the URL contains white space or control characters")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("the host in the URL is not valid") from None
    if not parts.hostname:
        raise ValueError("the URL has no host")
    return parts


def _no_scheme(url: str) -> str:
    if not url:
        raise ValueError("the URL is empty")
    word = url.partition(":")[0]
    if word.lower() in _PORTS:
        return f"write {word}:// with two slashes"
    authority = url.lstrip("/").partition("/")[0].rpartition("@")[2]
    host = authority.partition("]")[0].lstrip("[") if authority.startswith("[") else authority.partition(":")[0]
    return f"the URL has no scheme: put {'http' if is_private_host(host) else 'https'}:// in front of it"


def is_private_host(host: str) -> bool:
    """Whether the name or address looks like this machine or one in a private network."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host
    return address.is_loopback or address.is_private or address.is_link_local


def _host_and_port(parts: SplitResult) -> tuple[str, int | None]:
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port in the URL is not a number up to 65535") from None
    if port == 0:
        raise ValueError("port 0 cannot be connected to")
    host = parts.hostname or ""
    try:
        return host if ":" in host else host.encode("idna").decode("ascii"), port
    except UnicodeError:
        raise ValueError("the host in the URL is not a valid host name") from None


def find_proxy(endpoint: ParsedUrl, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that the environment names for this URL, None if there is none.

    HTTPS_PROXY is for wss and https, HTTP_PROXY for ws and http, ALL_PROXY for both. NO_PROXY has priority, then the
    names in lower case. Loopback addresses never use a proxy. ValueError for a proxy that is not supported.
    """
    if _is_loopback(endpoint.host) or _is_exempt(endpoint, _variable(environment, "no_proxy")):
        return None
    name = "https_proxy" if endpoint.secure else "http_proxy"
    value = _variable(environment, name) or _variable(environment, "all_proxy")
    return parse_proxy(value) if value else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _variable(environment: Mapping[str, str], name: str) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def parse_proxy(value: str) -> Proxy:
    """Parse a proxy's URL; the default scheme is http. ValueError for SOCKS, TLS to the proxy, and invalid URLs."""
    text = value if "://" in value else f"http://{value}"
    scheme = text.partition("://")[0].lower()
    if scheme != "http":
        raise ValueError(f"{scheme}:// proxies are not supported: use an http:// proxy")
    parts = split_url(text)
    host, port = _host_and_port(parts)
    if parts.username is None:
        return Proxy(host, port if port is not None else 80)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return Proxy(host, port if port is not None else 80, Secret(f"Basic {b64encode(login).decode()}"))


def _is_exempt(endpoint: ParsedUrl, no_proxy: str) -> bool:
    return any(_exempts(entry.strip().lower(), endpoint) for entry in no_proxy.split(",") if entry.strip())


def _exempts(entry: str, endpoint: ParsedUrl) -> bool:
    """Match `*`, a name and its subdomains, host:port, an address, a network."""
    if entry == "*" or entry in {endpoint.address, endpoint.host}:
        return True
    name, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and not name.endswith(":") and "]" not in port:
        return int(port) == endpoint.port and _exempts(name.strip("[]"), endpoint)
    try:
        return ipaddress.ip_address(endpoint.host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        bare = entry.lstrip("*").lstrip(".")
        return bool(bare) and (endpoint.host == bare or endpoint.host.endswith(f".{bare}"))
