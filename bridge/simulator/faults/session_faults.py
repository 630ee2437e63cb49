"""Faults of admission and of the session: refused, late, never confirmed, failing, silent, expired."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from bridge.simulator.errors.http_errors import azure_error, error_for_status
from bridge.simulator.errors.service_errors import REST_STATUS, SERVICE_ERRORS
from bridge.simulator.faults.base import ApiEndpoint, BadHandshake, ClientAttempt, Fault, HttpRefusal

if TYPE_CHECKING:
    from bridge.simulator.session.behaviour import SessionBehaviour


def _at(on: str, place: ApiEndpoint) -> bool:
    """Whether a setting such as `mint+socket`, or `all`, means this place."""
    return on == "all" or place in on.split("+")


def _retry_after(seconds: float) -> tuple[tuple[str, str], ...]:
    """The header, in digits only: `1e+06` would be no number to its reader."""
    return (("retry-after", f"{seconds:.3f}".rstrip("0").rstrip(".")),) if seconds else ()


@dataclass(frozen=True, slots=True)
class RefuseFault(Fault):
    """Refuse with an error of the service, as the service does it at each place."""

    name: ClassVar[str] = "refuse"
    summary: ClassVar[str] = "refuse with a recorded error code, at the socket, mint or models; `times=N`, then success"
    code: str = "invalid_api_key"
    on: str = "socket"
    times: int = 0
    retry_after: float = 0.0

    def refuse(self, visit: ClientAttempt) -> HttpRefusal | None:
        """Refuse over HTTP where that is how it is done."""
        over_http = visit.endpoint is not ApiEndpoint.SOCKET or visit.is_azure
        if not over_http or not self._refuses(visit.endpoint, visit.number):
            return None
        headers = _retry_after(self.retry_after)
        status, ending = REST_STATUS[self.code], SERVICE_ERRORS[self.code]
        spoken = azure_error(status, ending) if visit.is_azure else ending
        return HttpRefusal(status=status, error=spoken, headers=headers)

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Refuse behind the 101: the service's usual way."""
        refused = self._refuses(ApiEndpoint.SOCKET, attempt)
        return replace(behaviour, refusal=SERVICE_ERRORS[self.code]) if refused else behaviour

    def _refuses(self, place: ApiEndpoint, attempt: int) -> bool:
        return _at(self.on, place) and (self.times == 0 or attempt <= self.times)


@dataclass(frozen=True, slots=True)
class HttpFault(Fault):
    """Answer with an HTTP status in place of the real thing."""

    name: ClassVar[str] = "http"
    summary: ClassVar[str] = (
        "answer with an HTTP status at the socket, mint or models; says=CODE or says=page; `times=N`, then success"
    )
    status: int = 503
    on: str = "socket"
    retry_after: float = 0.0
    times: int = 0
    says: str = ""
    """An error code, or `page` for what a gateway shows; empty: what usually stands there."""

    def refuse(self, visit: ClientAttempt) -> HttpRefusal | None:
        """Answer so for the first `times` visits, or always."""
        if not _at(self.on, visit.endpoint) or 0 < self.times < visit.number:
            return None
        headers = _retry_after(self.retry_after)
        ending = error_for_status(self.status, self.says, azure=visit.is_azure)
        return HttpRefusal(status=self.status, error=ending, headers=headers)


@dataclass(frozen=True, slots=True)
class HandshakeFault(Fault):
    """Spoil the WebSocket handshake itself."""

    name: ClassVar[str] = "handshake"
    summary: ClassVar[str] = "spoil the upgrade: how=never, closed, wrong-accept or not-http; `times=N`, then success"
    how: str = "never"
    times: int = 0

    def refuse(self, visit: ClientAttempt) -> BadHandshake | None:
        """Spoil the first `times` upgrades, or all."""
        if visit.endpoint is not ApiEndpoint.SOCKET or 0 < self.times < visit.number:
            return None
        return BadHandshake(self.how)


@dataclass(frozen=True, slots=True)
class CreateFault(Fault):
    """Create the session late, or never."""

    name: ClassVar[str] = "create"
    summary: ClassVar[str] = "session.created comes after so many seconds; a negative number: never"
    seconds: float = 3.0

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Set the wait."""
        return replace(behaviour, create_seconds=self.seconds if self.seconds >= 0 else None)


@dataclass(frozen=True, slots=True)
class ConfirmFault(Fault):
    """Never confirm a configuration, or refuse it."""

    name: ClassVar[str] = "confirm"
    summary: ClassVar[str] = "what becomes of session.update: how=never or refuse"
    how: str = "never"

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Set it."""
        return replace(behaviour, confirm="refuse" if self.how == "refuse" else "never")


@dataclass(frozen=True, slots=True)
class ReplyFault(Fault):
    """Answer otherwise: fail without an `error` event, fall silent, echo, call a function."""

    name: ClassVar[str] = "reply"
    summary: ClassVar[str] = (
        "how=fail (response.done failed, no error event), silence, echo or function, after N good ones"
    )
    how: str = "fail"
    code: str = ""
    after: int = 0

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Set it."""
        failure = SERVICE_ERRORS.get(self.code, behaviour.failure)
        how = next(known for known in ("fail", "silence", "echo", "function") if known == self.how)
        return replace(behaviour, reply=how, fail_after=self.after, failure=failure)


@dataclass(frozen=True, slots=True)
class SayFault(Fault):
    """Answer with words of one's own."""

    name: ClassVar[str] = "say"
    summary: ClassVar[str] = "answer with this text, in which no comma can stand"
    text: str = "Yes."

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Set it."""
        return replace(behaviour, reply_text=self.text)


@dataclass(frozen=True, slots=True)
class PaceFault(Fault):
    """Think and speak faster, or slower, than recorded."""

    name: ClassVar[str] = "pace"
    summary: ClassVar[str] = "answers come so many times as fast as recorded"
    times: float = 4.0

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Set it."""
        return replace(behaviour, pace=self.times)


@dataclass(frozen=True, slots=True)
class DescribedFault(Fault):
    """Do what the description says where the recordings show otherwise."""

    name: ClassVar[str] = "described"
    summary: ClassVar[str] = (
        "as described, not as recorded: rate-limits=before, after or never, conversation.created, no padding in deltas"
    )
    rate_limits: str = "before"
    conversation: str = "yes"
    padding: str = "no"

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Set it."""
        where = next(known for known in ("before", "after", "never") if known == self.rate_limits)
        announced, padded = self.conversation == "yes", self.padding == "yes"
        return replace(behaviour, rate_limits=where, conversation_created=announced, obfuscation=padded)


@dataclass(frozen=True, slots=True)
class TranscriptionFault(Fault):
    """Spoil input transcription."""

    name: ClassVar[str] = "transcription"
    summary: ClassVar[str] = "how=fail (…transcription.failed) or never"
    how: str = "fail"

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Set it."""
        return replace(behaviour, transcription="fail" if self.how == "fail" else "never")


@dataclass(frozen=True, slots=True)
class StormFault(Fault):
    """Flood the client with errors that end nothing."""

    name: ClassVar[str] = "storm"
    summary: ClassVar[str] = "so many harmless error events a second once the session is configured"
    per_second: float = 50.0

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Set the rate."""
        return replace(behaviour, errors_per_second=self.per_second)


@dataclass(frozen=True, slots=True)
class ExpireFault(Fault):
    """Let the session reach its maximum duration early."""

    name: ClassVar[str] = "expire"
    summary: ClassVar[str] = "the session hits its maximum duration after so many seconds"
    seconds: float = 5.0

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Set the age."""
        return replace(behaviour, session_seconds=self.seconds)
