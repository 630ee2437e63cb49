"""Faults of admission and of the session: refused, late, never confirmed, failing, silent, expired."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from bridge.simulator.errors.http_errors import in_azure_words, said_with
from bridge.simulator.errors.service_errors import ENDINGS, REST_STATUS
from bridge.simulator.faults.base import BadHandshake, Fault, HttpAnswer, Place, Visit

if TYPE_CHECKING:
    from bridge.simulator.session.behaviour import Behaviour


def _at(on: str, place: Place) -> bool:
    """Whether a setting such as `mint+socket`, or `all`, means this place."""
    return on == "all" or place in on.split("+")


def _retry_after(seconds: float) -> tuple[tuple[str, str], ...]:
    """The header, in digits only: `1e+06` would be no number to its reader."""
    return (("retry-after", f"{seconds:.3f}".rstrip("0").rstrip(".")),) if seconds else ()


@dataclass(frozen=True, slots=True)
class Refuse(Fault):
    """Refuse with an error of the service, as the service does it at each place."""

    name: ClassVar[str] = "refuse"
    summary: ClassVar[str] = "refuse with a recorded error code, at the socket, mint or models; `times=N`, then success"
    code: str = "invalid_api_key"
    on: str = "socket"
    times: int = 0
    retry_after: float = 0.0

    def admit(self, visit: Visit) -> HttpAnswer | None:
        """Refuse over HTTP where that is how it is done."""
        over_http = visit.place is not Place.SOCKET or visit.azure
        if not over_http or not self._refuses(visit.place, visit.attempt):
            return None
        headers = _retry_after(self.retry_after)
        status, ending = REST_STATUS[self.code], ENDINGS[self.code]
        spoken = in_azure_words(status, ending) if visit.azure else ending
        return HttpAnswer(status=status, ending=spoken, headers=headers)

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Refuse behind the 101: the service's usual way."""
        refused = self._refuses(Place.SOCKET, attempt)
        return replace(behaviour, ending=ENDINGS[self.code]) if refused else behaviour

    def _refuses(self, place: Place, attempt: int) -> bool:
        return _at(self.on, place) and (self.times == 0 or attempt <= self.times)


@dataclass(frozen=True, slots=True)
class Http(Fault):
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

    def admit(self, visit: Visit) -> HttpAnswer | None:
        """Answer so for the first `times` visits, or always."""
        if not _at(self.on, visit.place) or 0 < self.times < visit.attempt:
            return None
        headers = _retry_after(self.retry_after)
        ending = said_with(self.status, self.says, azure=visit.azure)
        return HttpAnswer(status=self.status, ending=ending, headers=headers)


@dataclass(frozen=True, slots=True)
class Handshake(Fault):
    """Spoil the WebSocket handshake itself."""

    name: ClassVar[str] = "handshake"
    summary: ClassVar[str] = "spoil the upgrade: how=never, closed, wrong-accept or not-http; `times=N`, then success"
    how: str = "never"
    times: int = 0

    def admit(self, visit: Visit) -> BadHandshake | None:
        """Spoil the first `times` upgrades, or all."""
        if visit.place is not Place.SOCKET or 0 < self.times < visit.attempt:
            return None
        return BadHandshake(self.how)


@dataclass(frozen=True, slots=True)
class Create(Fault):
    """Create the session late, or never."""

    name: ClassVar[str] = "create"
    summary: ClassVar[str] = "session.created comes after so many seconds; a negative number: never"
    seconds: float = 3.0

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Set the wait."""
        return replace(behaviour, create_seconds=self.seconds if self.seconds >= 0 else None)


@dataclass(frozen=True, slots=True)
class Confirm(Fault):
    """Never confirm a configuration, or refuse it."""

    name: ClassVar[str] = "confirm"
    summary: ClassVar[str] = "what becomes of session.update: how=never or refuse"
    how: str = "never"

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Set it."""
        return replace(behaviour, confirm="refuse" if self.how == "refuse" else "never")


@dataclass(frozen=True, slots=True)
class Reply(Fault):
    """Answer otherwise: fail without an `error` event, fall silent, echo, call a function."""

    name: ClassVar[str] = "reply"
    summary: ClassVar[str] = (
        "how=fail (response.done failed, no error event), silence, echo or function, after N good ones"
    )
    how: str = "fail"
    code: str = ""
    after: int = 0

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Set it."""
        failure = ENDINGS.get(self.code, behaviour.failure)
        how = next(known for known in ("fail", "silence", "echo", "function") if known == self.how)
        return replace(behaviour, reply=how, fail_after=self.after, failure=failure)


@dataclass(frozen=True, slots=True)
class Say(Fault):
    """Answer with words of one's own."""

    name: ClassVar[str] = "say"
    summary: ClassVar[str] = "answer with this text, in which no comma can stand"
    text: str = "Yes."

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Set it."""
        return replace(behaviour, answer=self.text)


@dataclass(frozen=True, slots=True)
class Pace(Fault):
    """Think and speak faster, or slower, than recorded."""

    name: ClassVar[str] = "pace"
    summary: ClassVar[str] = "answers come so many times as fast as recorded"
    times: float = 4.0

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Set it."""
        return replace(behaviour, pace=self.times)


@dataclass(frozen=True, slots=True)
class Described(Fault):
    """Do what the description says where the recordings show otherwise."""

    name: ClassVar[str] = "described"
    summary: ClassVar[str] = (
        "as described, not as recorded: rate-limits=before, after or never, conversation.created, no padding in deltas"
    )
    rate_limits: str = "before"
    conversation: str = "yes"
    padding: str = "no"

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Set it."""
        where = next(known for known in ("before", "after", "never") if known == self.rate_limits)
        announced, padded = self.conversation == "yes", self.padding == "yes"
        return replace(behaviour, rate_limits=where, conversation_created=announced, obfuscation=padded)


@dataclass(frozen=True, slots=True)
class Transcription(Fault):
    """Spoil input transcription."""

    name: ClassVar[str] = "transcription"
    summary: ClassVar[str] = "how=fail (…transcription.failed) or never"
    how: str = "fail"

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Set it."""
        return replace(behaviour, transcription="fail" if self.how == "fail" else "never")


@dataclass(frozen=True, slots=True)
class Storm(Fault):
    """Flood the client with errors that end nothing."""

    name: ClassVar[str] = "storm"
    summary: ClassVar[str] = "so many harmless error events a second once the session is configured"
    per_second: float = 50.0

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Set the rate."""
        return replace(behaviour, errors_per_second=self.per_second)


@dataclass(frozen=True, slots=True)
class Expire(Fault):
    """Let the session reach its maximum duration early."""

    name: ClassVar[str] = "expire"
    summary: ClassVar[str] = "the session hits its maximum duration after so many seconds"
    seconds: float = 5.0

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Set the age."""
        return replace(behaviour, session_seconds=self.seconds)
