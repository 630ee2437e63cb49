"""The client behind proxies, by `X-Forwarded-For` and `Forwarded` (RFC 7239). Pure; `addresses.py` knows addresses.

A proxy appends the address it was called from, so only what trusted proxies wrote is believed: from the end up to the
first address that is not trusted. A proxy writes one of the two headers and passes the other one on as the client sent
it. So if both are there and don't name the same client, or one can't be read, nobody is believed: the client counts as
`unknown`, together with all others of that kind, and never as the proxy, whose address may have no limits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bridge.server.addresses import is_in, parse_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bridge.server.addresses import Network

#: What a client is counted as whose proxies contradict each other.
UNKNOWN: Final = "unknown"
#: RFC 7239 section 4: `token=value`, where a value is a token or quoted. Servers see more characters unquoted.
_PAIR: Final = re.compile(
    r"""[ \t]*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^",; \t]+))[ \t]*"""
)


def client_behind(peer: str, forwarded_for: Iterable[str], forwarded: Sequence[str], proxies: Iterable[Network]) -> str:
    """Return the address of the client, by the values of `X-Forwarded-For` and `Forwarded`.

    That is the last one that is no trusted proxy. Where it is no address, the client is not known, and the peer counts.
    """
    trusted, peer = tuple(proxies), str(parse_address(peer) or peer)
    if not is_in(peer, trusted):
        return peer
    by_list = [hop for value in forwarded_for for hop in value.split(",") if hop.strip()]
    if not forwarded:
        return _last_stranger(peer, by_list, trusted)
    try:
        found = _last_stranger(peer, [hop for value in forwarded for hop in _hops(value)], trusted)
    except ValueError:
        return UNKNOWN
    return found if not by_list or _last_stranger(peer, by_list, trusted) == found else UNKNOWN


def _last_stranger(peer: str, hops: Sequence[str], trusted: tuple[Network, ...]) -> str:
    for hop in reversed(hops):
        if not is_in(hop, trusted):
            address = parse_address(hop)
            return peer if address is None else str(address)
    return peer


def _hops(value: str) -> Iterator[str]:
    """Yield `for` of each element in a value of `Forwarded`; empty if an element has none. Raises ValueError.

    All of the value must be legal: a quote that a client leaves open would hide what the proxy wrote behind it.
    """
    at, hop, is_empty = 0, None, True
    while True:
        pair = _PAIR.match(value, at)
        if pair is not None:
            at, is_empty = pair.end(), False
            if pair["name"].lower() == "for":
                if hop is not None:
                    raise ValueError("an element names two clients")
                hop = pair["plain"] or re.sub(r"\\(.)", r"\1", pair["quoted"] or "")
        else:  # nothing between two separators is legal, and blanks may be there
            at = _skip_blanks(value, at)
        end = value[at : at + 1]
        if end not in ("", ",", ";"):
            raise ValueError("not the grammar of Forwarded")
        if end != ";":
            if not is_empty:
                yield hop or ""
            hop, is_empty = None, True
        if not end:
            return
        at += 1


def _skip_blanks(value: str, at: int) -> int:
    while value[at : at + 1] in (" ", "\t"):
        at += 1
    return at
