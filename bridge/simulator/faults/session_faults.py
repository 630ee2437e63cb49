"""Faults of admission and of the session: refused, late, never confirmed, failing, silent, expired."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from bridge.simulator.errors.http_errors import azure_error, error_for_status
from bridge.simulator.errors.service_errors import RESPONSE_ERRORS, REST_STATUS, SERVICE_ERRORS
from bridge.simulator.faults.base import ApiEndpoint, BadHandshake, ClientAttempt, Fault, HttpRefusal

if TYPE_CHECKING:
    from bridge.simulator.session.behaviour import SessionBehaviour


def _applies(on: str, endpoint: ApiEndpoint) -> bool:
    """Whether a setting such as `mint+socket`, or `all`, includes this endpoint."""
    return on == "all" or endpoint in on.split("+")


def _retry_after(seconds: float) -> tuple[tuple[str, str], ...]:
    """The header, in plain digits: clients cannot read `1e+06`."""
    return (("retry-after", f"{seconds:.3f}".rstrip("0").rstrip(".")),) if seconds else ()


@dataclass(frozen=True, slots=True)
class RefuseFault(Fault):
    """Refuse with an error of the service, in the form the service uses at each endpoint."""

    name: ClassVar[str] = "refuse"
    summary: ClassVar[str] = (
        "refuse with a recorded error code at the endpoints on=socket, mint or models; times=N refuses N attempts only"
    )
    code: str = "invalid_api_key"
    on: str = "socket"
    times: int = 0
    retry_after: float = 0.0

    def refuse(self, attempt: ClientAttempt) -> HttpRefusal | None:
        """Refuse over HTTP: at REST endpoints, and at the upgrade on Azure."""
        over_http = attempt.endpoint is not ApiEndpoint.SOCKET or attempt.is_azure
        if not over_http or not self._refuses(attempt.endpoint, attempt.number):
            return None
        headers = _retry_after(self.retry_after)
        status, error = REST_STATUS[self.code], SERVICE_ERRORS[self.code]
        shown = azure_error(status, error) if attempt.is_azure else error
        return HttpRefusal(status=status, error=shown, headers=headers)

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Refuse right after the 101, as the service does on WebSockets."""
        refused = self._refuses(ApiEndpoint.SOCKET, attempt_number)
        return replace(behaviour, refusal=SERVICE_ERRORS[self.code]) if refused else behaviour

    def _refuses(self, endpoint: ApiEndpoint, attempt_number: int) -> bool:
        return _applies(self.on, endpoint) and (self.times == 0 or attempt_number <= self.times)


@dataclass(frozen=True, slots=True)
class HttpFault(Fault):
    """Answer with an HTTP status."""

    name: ClassVar[str] = "http"
    summary: ClassVar[str] = (
        "answer with an HTTP status at the endpoints on=socket, mint or models; says=CODE or says=page; "
        "times=N refuses N attempts only"
    )
    status: int = 503
    on: str = "socket"
    retry_after: float = 0.0
    times: int = 0
    says: str = ""
    """An error code, or `page` for the HTML page of a gateway; empty for the usual error of that status."""

    def refuse(self, attempt: ClientAttempt) -> HttpRefusal | None:
        """Answer the first `times` attempts with the status, or all of them if `times` is 0."""
        if not _applies(self.on, attempt.endpoint) or 0 < self.times < attempt.number:
            return None
        headers = _retry_after(self.retry_after)
        error = error_for_status(self.status, self.says, azure=attempt.is_azure)
        return HttpRefusal(status=self.status, error=error, headers=headers)


@dataclass(frozen=True, slots=True)
class HandshakeFault(Fault):
    """Break the WebSocket handshake itself."""

    name: ClassVar[str] = "handshake"
    summary: ClassVar[str] = (
        "break the upgrade: how=never, closed, wrong-accept or not-http; times=N breaks N upgrades only"
    )
    how: str = "never"
    times: int = 0

    def refuse(self, attempt: ClientAttempt) -> BadHandshake | None:
        """Break the first `times` upgrades, or all of them if `times` is 0."""
        if attempt.endpoint is not ApiEndpoint.SOCKET or 0 < self.times < attempt.number:
            return None
        return BadHandshake(self.how)


@dataclass(frozen=True, slots=True)
class CreateFault(Fault):
    """Create the session late, or never."""

    name: ClassVar[str] = "create"
    summary: ClassVar[str] = "send session.created after this many seconds; a negative number: never"
    seconds: float = 3.0

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Set the delay of `session.created`; a negative one means that it is never sent."""
        return replace(behaviour, create_seconds=self.seconds if self.seconds >= 0 else None)


@dataclass(frozen=True, slots=True)
class ConfirmFault(Fault):
    """Never confirm a configuration, or refuse it."""

    name: ClassVar[str] = "confirm"
    summary: ClassVar[str] = "never confirm session.update (how=never), or refuse it (how=refuse)"
    how: str = "never"

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Let a valid `session.update` be refused if `how` is `refuse`, and stay unanswered otherwise."""
        return replace(behaviour, confirm="refuse" if self.how == "refuse" else "never")


@dataclass(frozen=True, slots=True)
class ReplyFault(Fault):
    """Change what responses do: fail without an `error` event, send nothing, echo the audio, call a function."""

    name: ClassVar[str] = "reply"
    summary: ClassVar[str] = (
        "change responses: how=fail (status failed in response.done, no error event), silence, echo or function; "
        "after=N leaves the first N responses as they are"
    )
    how: str = "fail"
    code: str = ""
    after: int = 0

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Set what responses do after the first `after`. An unknown `code` leaves the error as it is."""
        failure = RESPONSE_ERRORS.get(self.code) or SERVICE_ERRORS.get(self.code, behaviour.failure)
        how = next(known for known in ("fail", "silence", "echo", "function") if known == self.how)
        return replace(behaviour, reply=how, fail_after=self.after, failure=failure)


@dataclass(frozen=True, slots=True)
class SayFault(Fault):
    """Answer with a text of your own."""

    name: ClassVar[str] = "say"
    summary: ClassVar[str] = "answer with this text; it cannot contain a comma"
    text: str = "Yes."

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Make `text` the text, and the transcript, of every response."""
        return replace(behaviour, reply_text=self.text)


@dataclass(frozen=True, slots=True)
class PaceFault(Fault):
    """Answer faster, or slower, than recorded."""

    name: ClassVar[str] = "pace"
    summary: ClassVar[str] = "answer this many times as fast as recorded"
    times: float = 4.0

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Set the pace of responses: 1.0 is as recorded, 4.0 takes a quarter of the time."""
        return replace(behaviour, pace=self.times)


@dataclass(frozen=True, slots=True)
class DescribedFault(Fault):
    """Behave as documented where the recordings of the live service differ."""

    name: ClassVar[str] = "described"
    summary: ClassVar[str] = (
        "behave as documented, not as recorded: rate-limits=before, after or never; conversation=yes sends "
        "conversation.created; padding=no omits the obfuscation field"
    )
    rate_limits: str = "before"
    conversation: str = "yes"
    padding: str = "no"

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Set the place of `rate_limits.updated`, `conversation.created` and the padding of text deltas."""
        position = next(known for known in ("before", "after", "never") if known == self.rate_limits)
        announced, padded = self.conversation == "yes", self.padding == "yes"
        return replace(behaviour, rate_limits=position, conversation_created=announced, obfuscation=padded)


@dataclass(frozen=True, slots=True)
class TranscriptionFault(Fault):
    """Make input transcription fail, or never arrive."""

    name: ClassVar[str] = "transcription"
    summary: ClassVar[str] = "make input transcription how=fail (...transcription.failed) or never"
    how: str = "fail"

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Let transcriptions fail if `how` is `fail`, and never arrive otherwise."""
        return replace(behaviour, transcription="fail" if self.how == "fail" else "never")


@dataclass(frozen=True, slots=True)
class CommentaryFault(Fault):
    """Begin each response with a message of commentary."""

    name: ClassVar[str] = "commentary"
    summary: ClassVar[str] = (
        "say what comes before each answer and tool call: two items in one response, with phase commentary and "
        "final_answer"
    )

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Return the changed behaviour."""
        return replace(behaviour, commentary=True)


@dataclass(frozen=True, slots=True)
class McpFault(Fault):
    """Make MCP servers fail."""

    name: ClassVar[str] = "mcp"
    summary: ClassVar[str] = (
        "make MCP servers fail: how=unlisted (no list of tools), or every call with a protocol, http or execution error"
    )
    how: str = "execution"

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Let the list of tools fail, or every call."""
        how = next(known for known in ("unlisted", "protocol", "http", "execution") if known == self.how)
        return replace(behaviour, mcp=how)


@dataclass(frozen=True, slots=True)
class HesitateFault(Fault):
    """Make `semantic_vad` wait its longest time after each sentence."""

    name: ClassVar[str] = "hesitate"
    summary: ClassVar[str] = "semantic_vad is never sure that a sentence is over: it waits 8, 4 or 2 s, by eagerness"

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Return the changed behaviour."""
        return replace(behaviour, hesitant=True)


@dataclass(frozen=True, slots=True)
class StormFault(Fault):
    """Flood the client with errors that do not end the session."""

    name: ClassVar[str] = "storm"
    summary: ClassVar[str] = "send this many harmless error events per second once the session is configured"
    per_second: float = 50.0

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Set the rate of the harmless errors."""
        return replace(behaviour, errors_per_second=self.per_second)


@dataclass(frozen=True, slots=True)
class ExpireFault(Fault):
    """Make the session reach its maximum duration early."""

    name: ClassVar[str] = "expire"
    summary: ClassVar[str] = "end the session for its maximum duration after this many seconds"
    seconds: float = 5.0

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Set the session's maximum duration, in real seconds."""
        return replace(behaviour, session_seconds=self.seconds)
