"""How the simulated service acts inside a session: one frozen value, shaped by the scenario and its faults.

Nothing here is about the network: wire faults live in `wire_faults.py`, admission in `admission.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: OpenAI ends a session after 60 minutes, Azure after 30 (guides and reports, 2026).
SESSION_SECONDS = 3600.0
AZURE_SESSION_SECONDS = 1800.0

#: Recorded 2026-09-18, with the round trip of that recording (about 260 ms) taken off.
SESSION_CREATED_SECONDS = 0.005
RESPONSE_CREATED_SECONDS = 0.02
FIRST_DELTA_SECONDS = 0.2
RATE_LIMITS_SECONDS = 0.043
TRANSCRIPT_FIRST_SECONDS = 0.9
TRANSCRIPT_DONE_SECONDS = 0.2
PING_SECONDS = 20.26


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceError:
    """An `error` event and, where `close_code` is set, the close that follows it in the same moment."""

    type: str
    code: str | None
    message: str
    close_code: int | None = None
    param: str | None = None

    @property
    def close_reason(self) -> str:
        """`type.code`, as the service writes it; the type alone where there is no code."""
        return f"{self.type}.{self.code}" if self.code else self.type


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBehaviour:
    """What differs from one scenario to the next. The defaults are the healthy service."""

    pace: float = 1.0
    """How many times faster than recorded the service thinks and speaks; 1.0 is real time."""
    refusal: ServiceError | None = None
    """Refuse the session with this as the first and only frame."""
    session_seconds: float = SESSION_SECONDS
    """Age at which the session is ended, in real seconds (already divided by the time scale)."""
    stated_minutes: int = 60
    """The age that the sentence of the end names: 60 on OpenAI, 30 on Azure, whatever the time scale."""
    create_seconds: float | None = SESSION_CREATED_SECONDS
    """Wait before `session.created`; None: it never comes."""
    confirm: Literal["yes", "never", "refuse"] = "yes"
    """What becomes of a good `session.update`."""
    reply: Literal["speak", "echo", "fail", "silence", "function"] = "speak"
    """What a response is made of; `silence` accepts `response.create` and then nothing comes."""
    failure: ServiceError = ServiceError(
        type="server_error", code=None, message="The server had an error while processing it."
    )
    """The error inside a failed `response.done`."""
    fail_after: int = 0
    """How many responses go well before `reply` `fail` or `silence` sets in."""
    transcription: Literal["yes", "fail", "never"] = "yes"
    """What becomes of the transcription of committed speech, where it was asked for."""
    errors_per_second: float = 0.0
    """An error storm: harmless `error` events at this rate once the session is confirmed."""
    rate_limits: Literal["after", "before", "never"] = "after"
    """Where `rate_limits.updated` stands to `response.done` (recorded: after; documented: before)."""
    conversation_created: bool = False
    """Whether `conversation.created` follows `session.created` (documented, not seen live on OpenAI)."""
    reply_text: str = ""
    """What to answer instead of the default sentence."""
    obfuscation: bool = True
    """Whether text deltas carry the padding field that the live service adds."""
