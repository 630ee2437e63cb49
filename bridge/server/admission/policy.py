"""Who may connect: decided from the handshake alone, before the upgrade and before anything upstream is opened.

The checks, in order: draining, origin, session limits, token. The first that fails is the answer. Only headers and
query are read, and no client can choose the upstream.

Origins. Only browsers send an Origin. With a list (`--allow-origin`), the origin must be on it exactly, and a request
without one needs a token. Without a list, only pages on this machine may connect (http://localhost and its addresses),
because any web page in the user's browser can reach a bridge on loopback.

Tokens. The static token or a ticket, in `Authorization: Bearer` or in the subprotocol `openai-insecure-api-key.`
(browsers can't set headers). `?ticket=` accepts tickets only, because URLs end up in logs.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bridge.protocol.dialects.detection import KEY_SUBPROTOCOL_PREFIX
from bridge.server.addresses import counted_as, is_in, is_loopback
from bridge.server.admission.rates import AddressRates
from bridge.server.admission.tickets import TicketStatus, check_ticket, looks_like_ticket
from bridge.server.forwarded import client_behind
from bridge.server.overload import MESSAGES, Overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.server.admission.session_counts import ActiveSessions
    from bridge.server.admission.tickets import UsedTickets
    from bridge.server.config.settings import ClientRules
    from bridge.server.overload import ShedReason
    from bridge.transport.http import HttpRequest
    from reports.redaction import Secret

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is rejected."""

    status: int
    """The HTTP status."""
    code: str
    """An error code of the client protocol, or one of HTTP: NOT_FOUND, METHOD_NOT_ALLOWED, UPGRADE_REQUIRED."""
    message: str
    shed: ShedReason | None = None
    """Why the load of this worker is the reason, if it is."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A client that may connect, as it is counted."""

    address: str
    subject: str = ""
    """Who it is, by its ticket; empty if nobody says."""

    @property
    def log_fields(self) -> dict[str, str]:
        """Who it is, for the log."""
        return {"subject": self.subject} if self.subject else {}


TOO_MANY_OF_ONE: Final = Rejection(503, "SERVER_BUSY", "This user has too many sessions. End one first.")
_NO_CREDENTIAL = Rejection(401, "UNAUTHORIZED", "A token is missing. Send it as Authorization: Bearer.")


class AdmissionPolicy:
    """Decides who may connect. One per process."""

    def __init__(
        self,
        rules: ClientRules,
        active_sessions: ActiveSessions,
        used_tickets: UsedTickets,
        *,
        unix_now: Callable[[], float],
        now: Callable[[], float] = time.monotonic,
        rates: AddressRates | None = None,
    ) -> None:
        """`unix_now` is for tickets, whose time is in Unix seconds. `now` is for rates, and never goes back."""
        self._rules, self._active, self._used, self._unix_now = rules, active_sessions, used_tickets, unix_now
        self._rates, self._now = rates or AddressRates(0), now
        self.overload = Overload(rules.marks)
        self.draining = False
        """Whether every new client is rejected."""

    def apply(self, rules: ClientRules) -> None:
        """Judge clients by these rules from now on."""
        self._rules, self.overload.marks = rules, rules.marks

    def check(self, request: HttpRequest, subprotocols: tuple[str, ...] = ()) -> Rejection | None:
        """Return why this client is rejected, None if it may connect; see `admit`."""
        found = self.admit(request, subprotocols)
        return found if isinstance(found, Rejection) else None

    def admit(self, request: HttpRequest, subprotocols: tuple[str, ...] = ()) -> Rejection | str:
        """Return why this client is rejected, or who it is: the subject of its ticket, empty if nobody says.

        A valid ticket is used up. The client must be counted as active already, as `counted_as` its address; take it
        back if it is rejected.
        """
        return (
            self._check_state()
            or self.check_origin(request)
            or self._check_limits(request)  # before the token, so that no ticket is used up in vain
            or self._check_token(request, subprotocols)
        )

    def explain(self, request: HttpRequest) -> Rejection | None:
        """Return what is known to refuse the clients of a page that asks: its origin, token, or the bridge's state.

        A ticket counts as in a check, so one that was used up is refused.
        """
        found = self._check_state() or self.check_origin(request) or self._check_token(request, ())
        return found if isinstance(found, Rejection) else None

    def _check_state(self) -> Rejection | None:
        """Return why nobody may connect now; None if somebody may."""
        if self.draining:
            return Rejection(503, "SERVER_BUSY", "The bridge is shutting down; connect again.")
        reason = self.overload.sheds(self._active.in_process)
        return None if reason is None else Rejection(503, "SERVER_BUSY", MESSAGES[reason], reason)

    @property
    def requires_token(self) -> bool:
        """Whether clients need a token."""
        return self._rules.token is not None

    def client_address(self, request: HttpRequest) -> str:
        """Return the client's address: the peer's, or the one that a trusted proxy forwards."""
        return client_behind(
            host_from_peer(request.peer),
            request.header_values("x-forwarded-for"),
            request.header_values("forwarded"),
            self._rules.trusted_proxies,
        )

    def is_trusted_proxy(self, host: str) -> bool:
        """Whether this address is a proxy's, behind which there are many clients."""
        return is_in(host, self._rules.trusted_proxies)

    def check_origin(self, request: HttpRequest) -> Rejection | None:
        """Return why the page that made this request may not; None if it may."""
        origins = request.header_values("origin")
        if len(origins) > 1:
            return Rejection(403, "ORIGIN_NOT_ALLOWED", "The request has more than one Origin header.")
        if not origins:
            if self._rules.origins and self._rules.token is None:
                return Rejection(
                    403, "ORIGIN_NOT_ALLOWED", "The request has no Origin header, and only listed origins may connect."
                )
            return None
        allowed = self._rules.origins
        if origins[0] in allowed or (not allowed and _is_local_page(origins[0])):
            return None
        return Rejection(403, "ORIGIN_NOT_ALLOWED", "This origin may not connect. Allow it with --allow-origin.")

    def _check_token(self, request: HttpRequest, subprotocols: tuple[str, ...]) -> Rejection | str:
        token, address, now = self._rules.token, counted_as(self.client_address(request)), self._now()
        if token is None:
            return ""
        if not self._rates.may_authenticate(address, now):
            return Rejection(429, "RATE_EXCEEDED", "Too many wrong tokens came from this address. Try again later.")
        found = self._check_credentials(request, subprotocols, token)
        if isinstance(found, Rejection) and found != _NO_CREDENTIAL:
            self._rates.credential_was_wrong(address, now)
        return found

    def _check_credentials(self, request: HttpRequest, subprotocols: tuple[str, ...], token: Secret) -> Rejection | str:
        credentials = _credentials(request, subprotocols)
        ticket = request.query.get("ticket", "")
        if not credentials and not ticket:
            return _NO_CREDENTIAL
        if ticket and not looks_like_ticket(ticket):
            return Rejection(
                401, "UNAUTHORIZED", "?ticket= accepts tickets only. Send a token as Authorization: Bearer."
            )
        known = token.reveal().encode()
        if any(hmac.compare_digest(one.encode(), known) for one in credentials):
            return ""
        ticket = ticket or next(filter(looks_like_ticket, credentials), "")
        if not ticket:
            return Rejection(401, "UNAUTHORIZED", "The token is wrong.")
        checked = check_ticket(ticket, token, self._unix_now(), self._used)
        if checked.status is not TicketStatus.GOOD:
            return Rejection(401, "UNAUTHORIZED", _TICKET_MESSAGES[checked.status])
        return checked.subject

    def _check_limits(self, request: HttpRequest) -> Rejection | None:
        if self._active.across_workers() > self._rules.max_sessions:
            return Rejection(503, "SERVER_BUSY", "The bridge is full. Try again later.")
        address, limit = self.client_address(request), self._rules.sessions_per_ip
        if limit and not is_loopback(address) and self._active.from_address(counted_as(address)) > limit:
            return Rejection(503, "SERVER_BUSY", "This address has too many sessions. End one first.")
        return None


_TICKET_MESSAGES = {
    TicketStatus.INVALID: "The ticket is invalid.",
    TicketStatus.EXPIRED: "The ticket has expired. Get a new one for each connection.",
    TicketStatus.USED: "The ticket was already used. Get a new one for each connection.",
}


def _credentials(request: HttpRequest, subprotocols: tuple[str, ...]) -> list[str]:
    """Return every credential in the request, the Bearer token first."""
    keys = [one.removeprefix(KEY_SUBPROTOCOL_PREFIX) for one in subprotocols if one.startswith(KEY_SUBPROTOCOL_PREFIX)]
    return [one for one in (request.bearer, *keys) if one]


def _is_local_page(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        host = parts.hostname
    except ValueError:
        return False
    whole = f"{parts.scheme}://{parts.netloc}"
    return parts.scheme in {"http", "https"} and host in _LOCAL_HOSTS and whole == origin and "@" not in parts.netloc


def host_from_peer(peer: str) -> str:
    """Return the address in `127.0.0.1:51234` or `[::1]:51234`."""
    return peer.rpartition(":")[0].strip("[]") or peer
