"""Who may come in: decided from the handshake alone, before the upgrade and before anything upstream is touched.

In this order: going down? page allowed? client known? room left? The first no is the answer. The upstream is never
named by a client; nothing here reads more of a request than its headers and its query.

Origins. Browsers say which page a socket belongs to, and only browsers do. With a list (`--allow-origin`), a page must
stand on it, letter for letter, and who names no page must show a token. Without a list, only pages of this very
machine may connect (http://localhost and its addresses): any other page in the user's browser could reach a bridge on
loopback too.

Tokens. `Authorization: Bearer`, or the subprotocol `openai-insecure-api-key.` (browsers have no headers), with the
static token or a ticket; `?ticket=` takes tickets only, since queries are written into logs.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bridge.protocol.dialects.detection import KEY_SUBPROTOCOL_PREFIX
from bridge.server.admission.tickets import TicketStatus, check_ticket, looks_like_ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.server.admission.session_counts import ActiveSessions
    from bridge.server.admission.tickets import UsedTickets
    from bridge.server.config.settings import ClientRules
    from bridge.transport.http import HttpRequest

_LOCAL_PAGES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why somebody is not let in."""

    status: int
    code: str
    message: str


class AdmissionPolicy:
    """Decides who comes in. One for a process."""

    def __init__(
        self,
        rules: ClientRules,
        active_sessions: ActiveSessions,
        used_tickets: UsedTickets,
        *,
        unix_now: Callable[[], float],
    ) -> None:
        self._rules, self._present, self._used, self._unix_now = rules, active_sessions, used_tickets, unix_now
        self.draining = False
        """Nobody new is let in."""

    def check(self, request: HttpRequest, subprotocols: tuple[str, ...] = ()) -> Rejection | None:
        """Say why this client is not let in; None when it is. A good ticket is used up by asking."""
        if self.draining:
            return Rejection(503, "SERVER_BUSY", "The bridge is going down; connect again.")
        return (
            self._wrong_page(request)
            or self._no_room(request)  # before the token: a ticket is not used up for nothing
            or self._unknown(request, subprotocols)
        )

    def client_address(self, request: HttpRequest) -> str:
        """Give the client's own address: the peer's, or what a trusted proxy says it is."""
        peer = host_from_peer(request.peer)
        said = request.header("x-forwarded-for")
        if said is None or peer not in self._rules.trusted_proxies:
            return peer
        hops = [hop.strip() for hop in said.split(",") if hop.strip()]
        return next((hop for hop in reversed(hops) if hop not in self._rules.trusted_proxies), peer)[:64]

    # Pages

    def _wrong_page(self, request: HttpRequest) -> Rejection | None:
        origins = request.header_values("origin")
        if len(origins) > 1:
            return Rejection(403, "ORIGIN_NOT_ALLOWED", "The request has more than one Origin.")
        if not origins:
            if self._rules.origins and self._rules.token is None:
                return Rejection(
                    403, "ORIGIN_NOT_ALLOWED", "The request names no Origin, and only certain pages may connect."
                )
            return None
        listed = self._rules.origins
        if origins[0] in listed or (not listed and _is_local_page(origins[0])):
            return None
        return Rejection(
            403, "ORIGIN_NOT_ALLOWED", "This page may not connect: the bridge allows it with --allow-origin."
        )

    # Clients

    def _unknown(self, request: HttpRequest, subprotocols: tuple[str, ...]) -> Rejection | None:
        token = self._rules.token
        if token is None:
            return None
        shown = _credentials(request, subprotocols)
        ticket = request.query.get("ticket", "")
        if not shown and not ticket:
            return Rejection(401, "UNAUTHORIZED", "A token is missing: send it as Authorization: Bearer.")
        if ticket and not looks_like_ticket(ticket):
            return Rejection(
                401, "UNAUTHORIZED", "?ticket= takes tickets only; a token belongs in Authorization: Bearer."
            )
        known = token.reveal().encode()
        if any(hmac.compare_digest(one.encode(), known) for one in shown):
            return None
        ticket = ticket or next(filter(looks_like_ticket, shown), "")
        if not ticket:
            return Rejection(401, "UNAUTHORIZED", "The token is not the one that this bridge knows.")
        verdict = check_ticket(ticket, token, self._unix_now(), self._used)
        return None if verdict is TicketStatus.GOOD else Rejection(401, "UNAUTHORIZED", _TICKETS[verdict])

    # Room

    def _no_room(self, request: HttpRequest) -> Rejection | None:
        if self._present.across_workers() >= self._rules.max_sessions:
            return Rejection(503, "SERVER_BUSY", "The bridge is full; try again later.")
        address, most = self.client_address(request), self._rules.sessions_per_ip
        if most and not _is_loopback(address) and self._present.from_address(address) >= most:
            return Rejection(503, "SERVER_BUSY", "There are too many sessions from this address; end one first.")
        return None


_TICKETS = {
    TicketStatus.INVALID: "The ticket is none of this bridge's.",
    TicketStatus.EXPIRED: "The ticket has expired: get a new one for every connection.",
    TicketStatus.USED: "The ticket was used before: get a new one for every connection.",
}


def _credentials(request: HttpRequest, subprotocols: tuple[str, ...]) -> list[str]:
    """Give everything that the client shows, best first. Their bytes are compared, so any text will do."""
    scheme, _, bearer = (request.header("authorization") or "").strip().partition(" ")
    shown = [bearer.strip()] if scheme.lower() == "bearer" else []
    shown += [
        one.removeprefix(KEY_SUBPROTOCOL_PREFIX) for one in subprotocols if one.startswith(KEY_SUBPROTOCOL_PREFIX)
    ]
    return [one for one in shown if one]


def _is_local_page(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        host = parts.hostname
    except ValueError:
        return False
    whole = f"{parts.scheme}://{parts.netloc}"
    return parts.scheme in {"http", "https"} and host in _LOCAL_PAGES and whole == origin and "@" not in parts.netloc


def host_from_peer(peer: str) -> str:
    """Give the address out of `127.0.0.1:51234` or `[::1]:51234`."""
    return peer.rpartition(":")[0].strip("[]") or peer


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "memory"
